#!/usr/bin/env bash
# Each way out of a container that others have had to mend, tried on ours: one test a row of the list of threats below, named
# after it. Mostly by bundles without a user namespace, where root inside is root: there a hole shows itself.
. "$(dirname "$0")/../lib/own_machine.sh"
own_machine "$@"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/busybox.sh"
. "$(dirname "$0")/../lib/leaks.sh"

TEST_TIMEOUT=120
PROBE=$ROOT/out/release/threat_probe
export CLUSTEROS_RUNTIME_ROOT=$OWN_MACHINE/root
export CLUSTEROS_RUNTIME_STATE=$OWN_MACHINE/state
RUNTIME=$CLUSTERCTL
# Another one for each test, since one that has failed may leave its container until the end.
BOX=box$$

oci() { "$RUNTIME" oci-runtime --root "$TMP/state" "$@"; }
# on CODE COMMAND…: as expect_fail, with what it says on stdout.
on() { expect_fail "$@" 2>&1; }

# bundle [COMMAND]: $TMP/bundle with busybox and the probe; COMMAND is its process' shell script.
bundle() {
  [[ -x $PROBE ]] || fail "out/release/threat_probe was not built (./dev test does)"
  BUNDLE=$TMP/bundle
  TREE=$BUNDLE/rootfs
  busybox_bundle "$BUNDLE"
  cp "$PROBE" "$TREE/bin/threat_probe"
  script "${1:-sleep 1000}"
}
edit() { edit_bundle "$BUNDLE" "$1"; }
script() { edit ".process.args = [\"sh\", \"-c\", $(jq -n --arg text "$1" '$text')]"; }
run() { oci run -b "$BUNDLE" "$BOX" </dev/null; }
start() { oci run -d -b "$BUNDLE" "$BOX" </dev/null >"$TMP/box.log" 2>&1; }

image() { [[ -d $CLUSTEROS_RUNTIME_ROOT ]] || busybox_image "$CLUSTEROS_RUNTIME_ROOT"; }

# --- the runtime itself

# Its own file, which process 1 of an image can be made to execute and then open for writing.
test_cve_2019_5736_the_binary_cannot_be_written() {
  bundle
  mkdir "$TMP/runtime"
  RUNTIME=$TMP/runtime/clusterctl
  cp "$CLUSTERCTL" "$RUNTIME"
  local before
  before=$(sha256sum <"$RUNTIME")
  cp "$ROOT/tests/lib/thief.sh" "$TREE/thief"
  script 'sh /thief'
  start
  # The runtime's own program, as a command of the container's, for as long as it takes to get hold of its file.
  oci exec "$BOX" /proc/self/exe kvd --data-dir /tmp/kv --listen-client-urls http://127.0.0.1:1 --advertise-client-urls http://127.0.0.1:1 >"$TMP/kvd.log" 2>&1 || true
  wait_until 10 test -e "$TREE/result"
  expect_match "$(cat "$TREE/result")" 'Read-only file system'
  oci delete -f "$BOX"
  expect_eq "$(sha256sum <"$RUNTIME")" "$before" "the runtime's file"
}

# While exec joins: neither its memory nor its open files are anybody's inside.
test_cve_2016_9962_nobody_inside_looks_into_the_runtime() {
  bundle 'threat_probe watch >/seen 2>&1'
  start
  wait_until 10 grep -q watching "$TREE/seen"
  for _ in {1..25}; do oci exec "$BOX" true; done
  oci delete -f "$BOX"
  expect_eq "$(cat "$TREE/seen")" watching "open files seen from inside"
}

# A directory of the host behind a descriptor, as the working directory.
test_cve_2024_21626_no_descriptor_leads_out() {
  bundle 'ls /proc/self/fd | xargs'
  local number text
  # Descriptors that the caller has left open are no concern of the container's.
  exec 7</ 20<"$TMP" 99</etc
  expect_eq "$(run)" "0 1 2 3"
  for number in {3..24} 99 1023; do
    edit ".process.cwd = \"/proc/self/fd/$number\""
    expect_match "$(on 1 run)" "working directory|in the container"
  done
  edit '.process.cwd = "/"'
  script 'sleep 1000'
  start
  for number in {3..24} 99 1023; do
    text=$(oci exec --cwd "/proc/self/fd/$number" "$BOX" pwd 2>&1) && fail "exec in descriptor $number: $text"
  done
  expect_eq "$(oci exec "$BOX" ls /proc/self/fd | xargs)" "0 1 2 3"
  oci delete -f "$BOX"
  exec 7<&- 20<&- 99<&-
}

# A caller's configuration of any size is one line of an error, never a message that overflows.
test_cve_2021_43784_sizes_are_checked() {
  bundle true
  edit '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [range(0; 400) | {"containerID": ., "hostID": (. + 100000), "size": 1}]
    | .linux.gidMappings = .linux.uidMappings'
  expect_eq "$(on 1 run | wc -l)" 1 "lines of the error"
  edit 'del(.linux.uidMappings, .linux.gidMappings) | .linux.namespaces |= map(select(.type != "user"))
    | .process.env += [range(0; 3000) | "V\(.)=" + ("x" * 1000)]'
  expect_eq "$(on 126 run | wc -l)" 1 "lines of the error"
  edit '.process.env = [] | .hostname = ("h" * 5000)'
  expect_eq "$(on 1 run | wc -l)" 1 "lines of the error"
  expect_eq "$(oci list -q)" ""
}

# --- what is mounted, and where

# The image's own /dev/null is a link: what hides a file must be the host's.
test_cve_2025_31133_masks_are_of_the_hosts_null() {
  bundle 'for f in /proc/timer_list /proc/keys; do [ ! -e $f ] || stat -c "%F %t:%T" $f; done | sort -u; cat /proc/timer_list'
  mkdir -p "$TREE/dev"
  echo secret >"$TREE/secret"
  ln -s /secret "$TREE/dev/null"
  edit '.mounts |= map(select(.destination | startswith("/dev") | not))'
  expect_eq "$(run)" "character special file 1:3"
}

# The image's own /dev/console is a link, or a file: the terminal is bound by its descriptor, never where a name leads.
test_cve_2025_52565_the_console_is_the_terminal() {
  bundle 'stat -c "%t" /dev/console; tty'
  mkdir -p "$TREE/dev"
  echo secret >"$TREE/secret"
  ln -s /secret "$TREE/dev/console"
  edit '.process.terminal = true | .mounts |= map(select(.destination | startswith("/dev") | not)) | .mounts += [{destination: "/dev/pts", type: "devpts"}]'
  expect_match "$(on 1 run)" '/dev/console.*symbolic link'
  rm "$TREE/dev/console"
  echo mine >"$TREE/dev/console"
  expect_match "$(run | tr -d '\r' | xargs)" '^88 /dev/pts/0'
  expect_eq "$(cat "$TREE/dev/console" "$TREE/secret" | xargs)" "mine secret"
}

# A link as /proc, /sys or /dev, and a directory of the image's in place of a kernel's.
test_cve_2025_52881_and_2019_19921_the_kernels_directories_are_the_kernels() {
  local name
  bundle true
  for name in proc sys dev; do
    rm -rf "${TREE:?}/$name"
    mkdir -p "$TREE/fake"
    ln -s /fake "$TREE/$name"
    expect_match "$(on 1 run)" "/$name.*symbolic link"
    expect_eq "$(ls "$TREE/fake")" "" "in what /$name leads to"
    rm "$TREE/$name"
  done
}

# /dev leads to /etc: nothing is made or removed there, neither inside nor on the host.
test_cve_2026_47766_and_2026_41579_dev_is_no_link() {
  bundle true
  local before
  before=$(ls -lA /etc | md5sum)
  ln -s /etc "$TREE/dev"
  expect_match "$(on 1 run)" '/dev.*symbolic link'
  expect_eq "$(ls "$TREE/etc")" $'group\npasswd'
  expect_eq "$(ls -lA /etc | md5sum)" "$before" "the host's /etc"
}

# Two names of a shared volume are exchanged, one a directory, the other a link out, while containers mount below.
test_cve_2021_30465_an_exchanged_target_stays_inside() {
  bundle true
  local i
  mkdir -p "$TMP/volume/a" "$TMP/outside"
  ln -s "$TMP/outside" "$TMP/volume/b"
  start_daemon racer "$PROBE" exchange "$TMP/volume/a" "$TMP/volume/b"
  edit ".mounts += [{destination: \"/volume\", type: \"bind\", source: \"$TMP/volume\", options: [\"bind\"]},
    {destination: \"/volume/a/made\", type: \"tmpfs\"}, {destination: \"/volume/a/deep/made\", type: \"tmpfs\"}]"
  for ((i = 0; i < 40; i++)); do run >/dev/null 2>&1 || true; done
  kill -0 "$PID" || fail "the racer has ended: $(cat "$TMP/racer.log")"
  stop_daemon "$PID" KILL
  expect_eq "$(ls -A "$TMP/outside")" "" "made on the host"
}

# A mount's target below a link that leads out of the root by its absolute name.
test_cve_2024_45310_nothing_is_made_outside() {
  bundle 'ls -d /made-up*; grep -c " /srv/" /proc/self/mountinfo; true'
  mkdir "$TMP/outside"
  ln -s "$TMP/outside" "$TREE/srv"
  ln -s "../../../../../../../..$TMP/outside" "$TREE/opt"
  edit '.mounts += [{destination: "/srv/one/two", type: "tmpfs"}, {destination: "/opt/one", type: "tmpfs"}, {destination: "/../../made-up", type: "tmpfs"}]
    | .process.cwd = "/srv/three"'
  run >"$TMP/out" 2>&1 || true
  expect_eq "$(ls -A "$TMP/outside")" "" "made on the host"
  [[ ! -e /made-up && ! -e $TMP/made-up ]] || fail "made on the host"
}

# The files that a runtime provides, where the image has a link of that name.
test_cve_2025_24965_no_file_is_written_through_a_link() {
  bundle 'cat /etc/hosts'
  echo mine >"$TMP/victim"
  echo provided >"$TMP/hosts"
  ln -s "$TMP/victim" "$TREE/etc/hosts"
  edit ".mounts += [{destination: \"/etc/hosts\", type: \"bind\", source: \"$TMP/hosts\", options: [\"bind\"]}]"
  run >"$TMP/out" 2>&1 || true
  expect_eq "$(cat "$TMP/victim")" mine
  ln -sfn "$TMP/new" "$TREE/etc/hosts"
  run >"$TMP/out" 2>&1 || true
  [[ ! -e $TMP/new ]] || fail "a file of the host was made through a link of the image"
}

# Side channels of the neighbours: interrupts, temperature, power.
test_ghsa_6fw5_and_jq35_side_channels_are_masked() {
  local path
  bundle 'cat /proc/interrupts; find /sys/devices/system/cpu/cpu*/thermal_throttle /sys/devices/virtual/powercap -mindepth 1 2>/dev/null; true'
  expect_eq "$(run)" "" "what can be read"
  [[ $(cat /proc/interrupts) ]] || fail "this machine has no /proc/interrupts to hide"
}

# --- cgroups, kernel parameters

test_cve_2022_0492_and_2023_25809_cgroups_cannot_be_written() {
  bundle 'cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x 2>&1; echo 1 >/sys/fs/cgroup/cgroup.procs; mkdir /v1; mount -t cgroup -o memory v1 /v1 2>&1
    mount -o remount,rw /sys/fs/cgroup 2>&1; find / -xdev -name release_agent 2>/dev/null; true'
  local text
  text=$(run 2>&1)
  grep -qx '0::/' <<<"$text" || fail "the cgroup that it sees: $text"
  expect_eq "$(grep -ciE 'read-only|not permitted|denied' <<<"$text")" 4 "refusals in: $text"
}

test_cve_2022_0811_only_parameters_of_the_containers_own_namespaces() {
  bundle true
  local before name
  before=$(cat /proc/sys/kernel/core_pattern)
  for name in kernel.core_pattern kernel.shm_rmid_forced+kernel.core_pattern net.ipv4.ip_forward/../../../kernel/core_pattern vm.overcommit_memory fs.file-max \
    kernel.modprobe ../kernel.core_pattern; do
    edit ".linux.sysctl = {\"$name\": \"$before\"}"
    expect_match "$(on 1 run)" 'sysctl'
  done
  expect_eq "$(cat /proc/sys/kernel/core_pattern)" "$before"
}

# --- who the processes are

test_cve_2022_29162_no_capability_is_inherited() {
  bundle
  start
  local status
  status=$(oci exec "$BOX" cat /proc/self/status)
  expect_match "$status" 'CapInh:.0000000000000000'
  expect_match "$status" 'CapAmb:.0000000000000000'
  # Nor does a user other than root have one, whatever its program's file says.
  expect_match "$(oci exec --user 1000 "$BOX" cat /proc/self/status)" 'CapPrm:.0000000000000000.CapEff:.0000000000000000'
  oci delete -f "$BOX"
}

test_cve_2026_30892_a_user_is_who_was_asked_for() {
  bundle
  start
  local user
  for user in 1000abc +0 -1 ' 0' 0x0 4294967296 2147483648 0:4294967296 : 0: nobody; do
    expect_match "$(on 1 oci exec --user "$user" "$BOX" id)" 'user|group'
  done
  expect_eq "$(oci exec --user 1000 "$BOX" id -u)" 1000
  expect_eq "$(oci exec --user app "$BOX" id -G)" "1000 10"
  oci delete -f "$BOX"
}

# A file with the setuid bit raises nobody, and there is none of ours.
test_setuid_helpers_there_are_none() {
  bundle
  chmod 4755 "$TREE/bin/threat_probe"
  edit '.process.args = ["/bin/threat_probe", "user"] | .process.user = {"uid": 1000, "gid": 1000}'
  expect_eq "$(run)" 1000
  [[ ! -u $CLUSTERCTL && ! -g $CLUSTERCTL ]] || fail "the binary is setuid"
  expect_eq "$(git -C "$ROOT" grep -lE 'chmod [ugo+]*[ug]*\+s|chmod [0-7]?[4267][0-7]{3}\b' -- image mkosi.conf mkosi.images tools 2>/dev/null | xargs)" "" "files that make one"
}

# --- system calls

test_syscalls_that_no_container_needs() {
  image
  cp "$PROBE" "$OWN_MACHINE/threat_probe"
  local text name
  text=$(applet container run --rm --net none -v "$OWN_MACHINE/threat_probe:/probe:ro" "$BUSYBOX" /probe calls)
  echo "$text"
  for name in AF_ALG AF_VSOCK keyctl add_key io_uring_setup userfaultfd bpf perf_event_open unshare unshare_mount setns mount fsopen open_tree pivot_root \
    kexec_load init_module open_by_handle_at; do
    grep -qx "$name EPERM" <<<"$text" || fail "$name: $(grep "^$name " <<<"$text")"
  done
  grep -qx "a_call_of_the_future ENOSYS" <<<"$text" || fail "a call of the future: $text"
}

# --- the network

# Nothing of ours listens where --net host would reach it: no abstract socket.
test_cve_2020_15257_no_abstract_socket() {
  image
  bundle
  local before
  before=$(grep -c '@' /proc/net/unix || true)
  start
  oci create -b "$BUNDLE" waiting </dev/null >/dev/null 2>&1
  applet container run -d --net host --name hosted "$BUSYBOX" sleep 1000 >/dev/null
  expect_eq "$(grep -c '@' /proc/net/unix || true)" "$before" "abstract sockets"
  applet container rm -f hosted >/dev/null
  oci delete -f waiting
  oci delete -f "$BOX"
}

# --- names

test_names_are_no_paths() {
  bundle true
  image
  local name
  for name in ../x .. . a/b .hidden 'a b' $'a\nb' "$(printf 'a%.0s' {1..65})" ''; do
    oci create -b "$BUNDLE" -- "$name" >/dev/null 2>&1 && fail "the id '$name' was taken"
    [[ ! $name ]] || expect_fail 2 applet container run --name "$name" "$BUSYBOX" true 2>/dev/null
    applet container rm -f -- "$name" >/dev/null 2>&1 && fail "rm took '$name'"
  done
  expect_eq "$(ls "$TMP/state" 2>/dev/null)" ""
  edit '.linux.cgroupsPath = "/../../escaped"'
  expect_match "$(on 1 run)" "cgroupsPath"
  edit 'del(.linux.cgroupsPath) | .annotations = {"../../x": "../../../etc", "org.systemd.property.X": "\u0027../\u0027"} | .hooks.createRuntime = [{"path": "../../bin/true"}]'
  expect_match "$(on 1 run)" "hooks"
  edit 'del(.hooks)'
  run
}

# --- resources (those that need controllers: tests/vm)

test_resources_tmpfs_core_files_and_log() {
  image
  applet container run -d --name flood "$BUSYBOX" sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>&1 | grep -o "No space"; ulimit -c; kill -SEGV $$ & yes | head -c 6000000
    seq 500000; echo the end; sleep 1000' >/dev/null
  wait_until 60 log_has 'the end'
  local id size
  id=$(applet container inspect flood | jq -r '.[0].id')
  size=$(cat "$CLUSTEROS_RUNTIME_STATE/$id"/log* | wc -c)
  ((size < 5 * 1024 * 1024)) || fail "the log has $size bytes"
  applet container rm -f flood >/dev/null
  expect_eq "$(applet container run --rm "$BUSYBOX" sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=100 2>&1 | grep -o "No space"; ulimit -c')" $'No space\n0'
}
log_has() { applet container logs flood 2>&1 | grep -qx "$1"; }

run_tests "$@"
