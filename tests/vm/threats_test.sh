#!/usr/bin/env bash
# The ways out of a container (tests/blackbox/threats_test.sh) once more on the image's own kernel, which is older than most developers'
# and whose controllers are all there; and those that only controllers can stop. One boot, one console, which each test reads its part of.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/bare_machine.sh"
TEST_TIMEOUT=240

if [[ ! ${THREATS_DIR:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  THREATS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/threats.XXXXXX")
  export THREATS_DIR
  trap 'rm -rf --one-file-system "$THREATS_DIR"' EXIT
fi

# script NAME COMMAND [FILTER]: /configs/NAME.json for the machine, whose container runs the shell's COMMAND; FILTER changes more of it.
script() {
  jq --arg text "$2" ".root.readonly = false | .process.args = [\"sh\", \"-c\", \$text] | ${3:-.}" "$TMP/config.json" >"$TMP/tree/configs/$1.json"
}

# What the machine runs: a part for each test, after a line "=== NAME". In it, `box NAME [OPTION…]` runs a configuration as the container NAME.
guest() {
  cat <<'GUEST'
box() { name=$1; shift; cp "/configs/$name.json" /bundle/config.json; oci-runtime run -b /bundle "$@" "$name" </dev/null; }
start() { box "$1" -d >"/tmp/$1.log" 2>&1 || cat "/tmp/$1.log"; }
# until_there FILE [WORD]: at most 20 s.
until_there() {
  for i in $(seq 200); do
    [ -e "$1" ] && { [ -z "$2" ] || grep -q "$2" "$1"; } && return
    sleep 0.1
  done
  echo "never there: $1 $2"
}
group=/sys/fs/cgroup/clusteros
tree=/bundle/rootfs

echo; echo "=== cve_2019_5736" # (on a line of its own, after what the firmware has said)
sha256sum </bin/oci-runtime >/tmp/before
start thief
oci-runtime exec thief /proc/self/exe kvd --data-dir /tmp/kv --listen-client-urls http://127.0.0.1:1 --advertise-client-urls http://127.0.0.1:1 >/dev/null 2>&1
until_there $tree/result
cat $tree/result
oci-runtime delete -f thief
sha256sum </bin/oci-runtime | cmp - /tmp/before && echo the same

echo "=== cve_2016_9962"
start watch
until_there $tree/seen watching
for i in $(seq 10); do oci-runtime exec watch true; done
oci-runtime delete -f watch
cat $tree/seen

echo "=== cve_2024_21626"
exec 7</ 8</bin
box files
for n in 3 4 5 6 7 8 9 10 11 12; do
  sed "s|\"cwd\": \"/\"|\"cwd\": \"/proc/self/fd/$n\"|" /configs/files.json >/bundle/config.json
  oci-runtime run -b /bundle "cwd$n" </dev/null >/tmp/out 2>&1 && echo "run: $n led out"
done
start idle
for n in 3 4 5 6 7 8 9 10 11 12; do oci-runtime exec --cwd "/proc/self/fd/$n" idle pwd 2>/dev/null && echo "exec: $n led out"; done
oci-runtime delete -f idle
exec 7<&- 8<&-
echo done

echo "=== cve_2025_31133"
echo secret >$tree/secret
mkdir -p $tree/dev; ln -s /secret $tree/dev/null
box masks
rm $tree/dev/null

echo "=== cve_2021_30465"
mkdir -p /volume/a /outside
ln -s /outside /volume/b
/bin/threat_probe exchange /volume/a /volume/b & racer=$!
for i in 1 2 3 4 5 6 7 8 9 10; do box exchange >/dev/null 2>&1; done
kill -0 $racer && kill -9 $racer
ls -A /outside
echo done

echo "=== cve_2022_0811"
before=$(cat /proc/sys/kernel/core_pattern)
box pattern_by_config 2>&1
box pattern_by_write 2>&1
[ "$before" = "$(cat /proc/sys/kernel/core_pattern)" ] && echo the same

echo "=== cve_2022_0492"
box groups 2>&1

echo "=== resource_fork_bomb"
start bomb
until_there $group/oci-bomb/pids.events 'max [1-9]'
echo "processes: $(wc -l <$group/oci-bomb/cgroup.procs)"
true && echo the machine can fork
oci-runtime delete -f bomb; echo "deleted: $?"
[ -e $group/oci-bomb ] || echo gone

echo "=== resource_memory_ends_as_a_whole"
box hog; echo "exit: $?"
[ -e $tree/survived ] || echo nobody survived

echo "=== resource_shared_memory_is_counted"
box shared; echo "exit: $?"
box shared_small 2>&1

echo "=== resource_descriptors"
box descriptors 2>&1

echo "=== resource_limits_cannot_be_left"
box escape 2>&1

echo "=== resource_processor"
start spin
until_there $tree/spun
sed -n 's/^nr_throttled/throttled/p' $group/oci-spin/cpu.stat
oci-runtime delete -f spin

echo "=== left"
oci-runtime list -q
ls -d $group/*/ 2>/dev/null
grep -E ' /(bundle|volume)' /proc/self/mountinfo
echo end
GUEST
}

boot() {
  local probe=$ROOT/out/release/threat_probe
  [[ -x $probe ]] || fail "out/release/threat_probe was not built (./dev test does)"
  mkdir -p "$TMP/tree"/{configs,bin} "$TMP/tree/bundle/rootfs/bin"
  cp "$probe" "$TMP/tree/bin/"
  cp "$probe" "$TMP/tree/bundle/rootfs/bin/"
  applet oci-runtime spec -b "$TMP"
  script thief "$(cat "$ROOT/tests/lib/thief.sh")"
  script watch 'threat_probe watch >/seen 2>&1'
  script files 'ls /proc/self/fd | xargs'
  script idle 'sleep 1000'
  script masks 'stat -c "%F %t:%T" /proc/timer_list /proc/kcore | sort -u; cat /proc/timer_list' '.mounts |= map(select(.destination | startswith("/dev") | not))'
  script exchange true '.mounts += [{destination: "/volume", type: "bind", source: "/volume", options: ["bind"]},
    {destination: "/volume/a/made", type: "tmpfs"}, {destination: "/volume/a/deep/made", type: "tmpfs"}]'
  script pattern_by_config true '.linux.sysctl = {"kernel.shm_rmid_forced+kernel.core_pattern": "|/x"}'
  script pattern_by_write 'echo "|/x" >/proc/sys/kernel/core_pattern'
  script groups 'cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x; echo 1 >/sys/fs/cgroup/cgroup.procs; mkdir -p /v1; mount -t cgroup -o cpuset v1 /v1
    mount -o remount,rw /sys/fs/cgroup; find / -xdev -name release_agent 2>/dev/null; true'
  script bomb 'bomb() { bomb | bomb & }; bomb; sleep 1000' '.linux.resources.pids.limit = 20'
  script hog '(sleep 30; echo >/survived) & dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 30; echo >/survived' \
    '.linux.resources.memory = {"limit": 33554432, "swap": 33554432}'
  script shared 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60; echo survived' '.linux.resources.memory = {"limit": 33554432, "swap": 33554432}'
  script shared_small 'dd if=/dev/zero of=/dev/shm/x bs=1M count=100'
  script descriptors 'ulimit -n; i=3; while [ $i -lt 1100 ] && eval "exec $i</dev/null"; do i=$((i + 1)); done; echo "all of them"'
  script escape 'echo max >/sys/fs/cgroup/pids.max; echo max >/sys/fs/cgroup/memory.max; mkdir -p /c && mount -t cgroup2 none /c; echo $$ >/c/cgroup.procs
    ulimit -n 1048576; cat /sys/fs/cgroup/pids.max' '.linux.resources.pids.limit = 20'
  script spin 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; echo >/spun; sleep 1000' '.linux.resources.cpu = {"quota": 10000, "period": 100000}'
  machine "$(guest)" >"$THREATS_DIR/console"
}

# seen NAME: the part of the console that is this test's; the first one boots the machine.
seen() {
  [[ -s $THREATS_DIR/console ]] || boot
  cp "$THREATS_DIR/console" "$TMP/console.log"
  grep -q '^=== left' "$THREATS_DIR/console" || fail "the machine did not come to the end"
  ! grep -a '^never there' "$THREATS_DIR/console" >&2 || fail "something has not happened within its time"
  # Without the kernel's messages.
  sed -n "/^=== $1\$/,/^===/{/^===/!p}" "$THREATS_DIR/console" | sed '/^\[ *[0-9.]*\] /d'
}

test_cve_2019_5736_the_binary_cannot_be_written() {
  local text
  text=$(seen cve_2019_5736)
  expect_match "$text" 'Read-only file system'
  expect_match "$text" $'\nthe same$'
}

test_cve_2016_9962_nobody_inside_looks_into_the_runtime() {
  expect_eq "$(seen cve_2016_9962)" watching
}

test_cve_2024_21626_no_descriptor_leads_out() {
  expect_eq "$(seen cve_2024_21626)" $'0 1 2 3\ndone'
}

test_cve_2025_31133_masks_are_of_the_hosts_null() {
  expect_eq "$(seen cve_2025_31133)" "character special file 1:3"
}

test_cve_2021_30465_an_exchanged_target_stays_inside() {
  expect_eq "$(seen cve_2021_30465)" "done"
}

test_cve_2022_0811_only_parameters_of_the_containers_own_namespaces() {
  local text
  text=$(seen cve_2022_0811)
  expect_match "$text" 'sysctl'
  expect_match "$text" 'core_pattern: Read-only file system'
  expect_match "$text" $'\nthe same$'
}

test_cve_2022_0492_and_2023_25809_cgroups_cannot_be_written() {
  local text
  text=$(seen cve_2022_0492)
  expect_match "$text" '^0::/'$'\n'
  expect_eq "$(grep -ciE 'read-only|not permitted|denied' <<<"$text")" 4 "refusals in: $text"
}

test_resource_a_fork_bomb_stays_within_its_number() {
  local text
  text=$(seen resource_fork_bomb)
  expect_match "$text" 'processes: (1?[0-9]|20)'$'\n'
  expect_match "$text" 'the machine can fork'
  expect_match "$text" 'deleted: 0'
  expect_match "$text" $'\ngone$'
}

test_resource_who_takes_too_much_memory_ends_as_a_whole() {
  expect_match "$(seen resource_memory_ends_as_a_whole)" $'exit: 137\nnobody survived$'
}

test_resource_shared_memory_is_counted_and_bounded() {
  local text
  text=$(seen resource_shared_memory_is_counted)
  [[ $text != *survived* ]] || fail "60 MB of shared memory fit into 32 MB: $text"
  expect_match "$text" 'exit: 137'
  expect_match "$text" 'No space left on device'
}

test_resource_descriptors_come_to_an_end() {
  local text
  text=$(seen resource_descriptors)
  expect_match "$text" '^1024'
  [[ $text != *"all of them"* ]] || fail "more than the limit were opened"
}

test_resource_limits_cannot_be_left() {
  local text
  text=$(seen resource_limits_cannot_be_left)
  expect_match "$text" 'pids.max: Read-only file system'
  expect_match "$text" 'memory.max: Read-only file system'
  expect_match "$text" 'mounting none on /c failed: Operation not permitted|permission denied'
  expect_match "$text" $'\n20$'
}

test_resource_processor_time_is_bounded() {
  expect_match "$(seen resource_processor)" 'throttled [1-9]'
}

test_nothing_is_left() {
  expect_eq "$(seen left)" end
}

run_tests "$@"
