#!/usr/bin/env bash
# oci-runtime: the life of a bundle's container under runc's command line, and refusal of what it does not do.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

test_version_and_features_tell_the_truth() {
  expect_eq "$(oci features | jq -r '.linux.cgroup.v1, .linux.seccomp.enabled' | xargs)" "false true"
  expect_eq "$(oci features | jq -c '[.ociVersionMax, .potentiallyUnsafeConfigAnnotations, .linux.netDevices.enabled, .linux.intelRdt.enabled]')" \
    '["1.3.0",["org.systemd.property."],true,true]'
  expect_match "$(oci --version)" 'spec: 1\.3\.0'
}

test_run_returns_the_exit_code() {
  bundle
  command_is 'echo $$; hostname; exit 5'
  local out
  out=$(expect_fail 5 oci run -b "$TMP/bundle" a)
  expect_eq "$out" $'1\ncontainer'
  expect_eq "$(oci list -q)" ""
}

test_create_start_state_kill_delete() {
  bundle
  command_is 'echo started; trap "exit 3" TERM; while :; do sleep 0.1; done'
  oci create -b "$TMP/bundle" --pid-file "$TMP/pid" c </dev/null >"$TMP/out" 2>&1
  expect_eq "$(oci state c | jq -r .status)" created
  expect_eq "$(oci state c | jq -r .pid)" "$(cat "$TMP/pid")"
  expect_eq "$(cat "$TMP/out")" "" "the program ran before start"
  expect_fail 1 oci delete nosuch 2>/dev/null
  oci start c
  wait_until 5 grep -q started "$TMP/out"
  expect_eq "$(oci state c | jq -r .status)" running
  expect_match "$(expect_fail 1 oci delete c 2>&1)" 'it is running'
  expect_match "$(expect_fail 1 oci start c 2>&1)" 'not created'
  oci kill c TERM
  wait_until 5 stopped c
  expect_match "$(expect_fail 1 oci kill c 2>&1)" 'container not running'
  oci delete c
  expect_eq "$(oci list -f json)" '[]'
}

# podman and containerd look for these words and codes when they create.
test_create_reports_a_program_that_cannot_run() {
  bundle
  edit '.process.args = ["no-such-program"]'
  expect_match "$(expect_fail 127 oci create -b "$TMP/bundle" c 2>&1)" 'execute no-such-program: No such file or directory'
  edit '.process.args = ["/etc"]'
  expect_match "$(expect_fail 126 oci create -b "$TMP/bundle" c 2>&1)" 'execute /etc: Permission denied'
  echo text >"$TMP/bundle/rootfs/bin/text"
  edit '.process.args = ["text"]'
  expect_match "$(expect_fail 126 oci create -b "$TMP/bundle" c 2>&1)" 'execute text: Permission denied'
  chmod 755 "$TMP/bundle/rootfs/bin/text"
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 126 oci start c 2>&1)" 'execute text: Exec format error'
  oci delete c
  edit '.process.args = ["./text"] | .process.cwd = "/bin"'
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  oci delete c
  expect_eq "$(oci list -q)" ""
}

test_a_read_only_dev_holds_its_mounts_and_devices() {
  bundle
  edit '.mounts |= map(if .destination == "/dev" then .options += ["ro"] else . end)'
  command_is 'touch /dev/x 2>&1; echo x >/dev/null; ls -d /dev/pts /dev/shm | xargs; touch /dev/shm/x && echo written'
  expect_eq "$(oci run -b "$TMP/bundle" c)" $'touch: /dev/x: Read-only file system\n/dev/pts /dev/shm\nwritten'
}

test_exec_and_force_delete() {
  bundle
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_fail 4 oci exec c sh -c 'exit 4'
  expect_eq "$(oci exec -e A=b c sh -c 'echo $A')" b
  oci delete -f c
  oci delete -f c
  expect_eq "$(oci list -q)" ""
}

# The words are crun's.
test_delete_regex_takes_all_that_match() {
  bundle
  command_is 'sleep 1000'
  local id
  for id in web-1 web-2 other; do
    edit ".linux.cgroupsPath = \"/clusteros/$(basename "$TMP")-$id\""
    oci run -d -b "$TMP/bundle" "$id" </dev/null >/dev/null 2>&1
  done
  edit ".linux.cgroupsPath = \"/clusteros/$(basename "$TMP")-created\""
  oci create -b "$TMP/bundle" web-created </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 1 oci delete --regex 'web-(' 2>&1)" "^oci-runtime: regular expression 'web-\\(': [^[:space:]].*$"
  oci delete --regex 'nothing-like-it'
  # Those that run stay without --force, each with its reason in one line; the one that does not run goes.
  expect_match "$(expect_fail 1 oci delete --regex '^web' 2>&1)" '^oci-runtime: delete web-1: it is running.*; delete web-2: it is running.*$'
  expect_eq "$(oci list -q | sort | xargs)" "other web-1 web-2"
  oci delete --force --regex 'eb-[0-9]+$'
  expect_eq "$(oci list -q)" other
  oci delete -f other
}

test_user_namespace_with_mappings() {
  bundle
  chown -R 300000:300000 "$TMP/bundle/rootfs"
  chmod 755 "$TMP" "$TMP/bundle"
  edit '.linux.namespaces += [{"type": "user"}]
    | .linux.uidMappings = [{"containerID": 0, "hostID": 300000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
  command_is 'id -u; cat /proc/self/uid_map | xargs; touch /made'
  expect_eq "$(oci run -b "$TMP/bundle" c)" $'0\n0 300000 65536'
  expect_eq "$(stat -c %u "$TMP/bundle/rootfs/made")" 300000
}

test_process_settings_arrive() {
  bundle
  edit '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}] | .process.user = {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 63}
    | .process.env += ["X=y"] | .process.cwd = "/tmp" | .process.oomScoreAdj = 500 | .process.capabilities = {}'
  command_is 'ulimit -Sn; ulimit -Hn; id -u; id -g; id -G; umask; echo $X; pwd; cat /proc/self/oom_score_adj; grep CapBnd /proc/self/status'
  expect_eq "$(oci run -b "$TMP/bundle" c | xargs)" "100 200 5 6 6 7 0077 y /tmp 500 CapBnd: 0000000000000000"
}

test_seccomp_of_the_configuration() {
  bundle
  edit '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 42}]}'
  command_is 'mkdir /x; grep Seccomp: /proc/self/status'
  expect_match "$(oci run -b "$TMP/bundle" c 2>&1)" 'No message of desired type.*Seccomp:.2'
}

# CVE-2026-47766: an image whose /dev leads elsewhere.
test_a_link_in_place_of_dev_is_refused() {
  bundle
  ln -s /etc "$TMP/bundle/rootfs/dev"
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" '/dev.*symbolic link'
  rm "$TMP/bundle/rootfs/dev"
  rmdir "$TMP/bundle/rootfs/proc"
  ln -s /tmp "$TMP/bundle/rootfs/proc"
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" '/proc.*symbolic link'
}

test_devices_cannot_be_reached() {
  bundle
  command_is 'mknod /memory c 1 1; cat /memory'
  expect_match "$(oci run -b "$TMP/bundle" c 2>&1 || true)" "open '/memory': (Operation not permitted|Permission denied)"
}

test_unsupported_members_are_refused_by_name() {
  bundle
  cp "$TMP/bundle/config.json" "$TMP/good.json"
  local -A changes=(
    [hooks.prestart]='.hooks.prestart = [{"path": "bin/true"}]'
    [hooks.middle]='.hooks.middle = [{"path": "/bin/true"}]'
    [linux.intelRdt]='.linux.intelRdt.closID = "x"'
    [linux.sysctl.kernel.core_pattern]='.linux.sysctl["kernel.core_pattern"] = "|/evil"'
    ["'tmpcopyup'"]='.mounts[0].options += ["tmpcopyup"]'
    [linux.resources.blockIO.leafWeight]='.linux.resources.blockIO.leafWeight = 10'
    [linux.unknownThing]='.linux.unknownThing = 1'
  )
  for name in "${!changes[@]}"; do
    cp "$TMP/good.json" "$TMP/bundle/config.json"
    edit "${changes[$name]}"
    expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" "$name"
  done
  echo '{"ociVersion": "1.0.0",' >"$TMP/bundle/config.json"
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'line 2'
}

test_errors_go_to_the_log_as_json() {
  expect_fail 1 oci --log "$TMP/log" --log-format json start nosuch 2>/dev/null
  expect_match "$(jq -r '.level + " " + .msg' "$TMP/log")" '^error container nosuch: does not exist'
}

test_ids_cannot_leave_their_directory() {
  bundle
  for id in ../x .. 'a/b' '.h'; do
    expect_fail 1 oci create -b "$TMP/bundle" "$id" 2>/dev/null
  done
}

# runtime-spec config.md's "Configuration Schema Example", in words of our own: all of it but what belongs to machines (labels
# of AppArmor and SELinux, limits of cgroup controllers: vm/limits_test.sh).
test_the_specification_s_example_runs() {
  bundle
  sed "s|@TMP@|$TMP|g; s|@NAME@|$(basename "$TMP")|" "$ROOT/tests/lib/oci_example.json" >"$TMP/bundle/config.json"
  chmod 755 "$TMP" "$TMP/bundle"
  chown -R 400000:400000 "$TMP/bundle/rootfs"
  local out uptime
  out=$(expect_fail 1 oci run -b "$TMP/bundle" c </dev/null | tr -d '\r' | tr '\t' ' ')
  uptime=$(sed -n '/^256$/{n;p}' <<<"$out")
  ((uptime > 604800)) || fail "uptime inside: $uptime"
  expect_eq "$(sed "s/^$uptime\$/UPTIME/; s/  */ /g" <<<"$out")" 'hooked
1
1
1 5 6
xterm
slartibartfast
512
1024
2
CapInh: 0000000020000420
CapPrm: 0000000000000400
CapEff: 0000000000000400
CapBnd: 0000000020000420
CapAmb: 0000000000000400
NoNewPrivs: 1
Seccomp: 2
100
1
256
UPTIME
 0 400000 32000
touch: /x: Read-only file system
chmod: /tmp: No message of desired type'
  expect_eq "$(jq -r '.annotations["com.example.key2"], .status' "$TMP/prestart" | xargs)" "value2 creating"
  expect_eq "$(cat "$TMP/poststop")" stopped
}

# The same bundle as crun sees it: what the container finds is compared.
test_the_same_as_crun() {
  bundle
  edit '.process.capabilities.bounding = ["CAP_KILL", "CAP_CHOWN"] | .process.capabilities.effective = ["CAP_KILL"] | .process.capabilities.permitted = ["CAP_KILL"] | del(.linux.resources)'
  command_is 'id; grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status; cut -d" " -f5 /proc/self/mountinfo | grep -v "^/dev/\(console\|null\|zero\|full\|random\|urandom\|tty\)$" | sort -u | grep -v -E "^/(proc|sys)/."; hostname; pwd; ls /proc/self/fd | xargs'
  oci run -b "$TMP/bundle" c </dev/null >"$TMP/ours"
  crun --root "$TMP/crun" --cgroup-manager=disabled run -b "$TMP/bundle" c </dev/null >"$TMP/theirs" 2>"$TMP/crun.err" ||
    skip "crun does not run here: $(head -n 1 "$TMP/crun.err")"
  diff "$TMP/theirs" "$TMP/ours"
}

# Directories above the container's cgroup that were not there before; "clusteros" stays.
test_parents_of_the_cgroup_go_with_the_last_container() {
  local cgroup name
  bundle
  name=$(basename "$TMP")
  cgroup=/sys/fs/cgroup/clusteros/$name
  [[ -d /sys/fs/cgroup/clusteros || ! -d /sys/fs/cgroup/unified ]] || cgroup=/sys/fs/cgroup/unified/clusteros/$name
  edit ".linux.cgroupsPath = \"/clusteros/$name/a/one\""
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" one </dev/null >/dev/null 2>&1
  edit ".linux.cgroupsPath = \"/clusteros/$name/a/two\""
  oci run -d -b "$TMP/bundle" two </dev/null >/dev/null 2>&1
  oci delete -f one
  [[ -d $cgroup/a ]] || fail "the other's cgroup is gone"
  # What somebody else has made stays.
  mkdir "$cgroup/b"
  oci delete -f two
  [[ ! -e $cgroup/a ]] || fail "an empty parent of ours is left"
  [[ -d $cgroup/b ]]
  edit ".linux.cgroupsPath = \"/clusteros/$name/b/three\""
  command_is true
  oci run -b "$TMP/bundle" three
  [[ -d $cgroup/b ]]
  rmdir "$cgroup/b" "$cgroup"
}

test_a_resource_limit_that_cannot_be_set_is_named() {
  bundle
  edit '.process.rlimits = [{"type": "RLIMIT_NOFILE", "soft": 1099511627776, "hard": 1099511627776}]'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'set resource limit RLIMIT_NOFILE: Operation not permitted'
  edit '.process.rlimits = [{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'set resource limit RLIMIT_CORE: Invalid argument'
}

run_tests "$@"
