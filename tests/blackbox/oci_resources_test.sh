#!/usr/bin/env bash
# oci-runtime: what a container may use, as far as a machine without cgroup v2's controllers can show it (the limits
# themselves: tests/vm/limits_test.sh): devices, pause and resume, update, events, ps.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# The host's cgroup tree is everyone's: an id that no other run has.
C=res$$-$RANDOM

# bundle COMMAND: $TMP/bundle with busybox, made writable.
bundle() {
  local name tree=$TMP/bundle/rootfs
  mkdir -p "$tree"/{bin,etc,tmp}
  cp /usr/bin/busybox "$tree/bin/busybox"
  for name in $(busybox --list | grep -vx busybox); do ln -s busybox "$tree/bin/$name"; done
  oci spec -b "$TMP/bundle"
  edit ".root.readonly = false | .process.args = [\"sh\", \"-c\", $(jq -n --arg text "$1" '$text')]"
}

# running: starts the bundle's container $C.
running() {
  oci run -d -b "$TMP/bundle" "$C" </dev/null >"$TMP/out" 2>&1
}

gone() { [[ $(oci state "$C" | jq -r .status) == stopped ]]; }

test_an_allowed_device_can_be_used_and_a_denied_one_cannot() {
  # Character devices of 240 have no driver: the filter's "no" differs from the kernel's.
  bundle 'mknod /zero2 c 1 5; head -c 2 /zero2 | wc -c
    mknod /mine c 240 1; head -c 1 /mine; echo x >/mine
    mknod /other c 240 2; head -c 1 /other; mknod /memory c 1 1; head -c 1 /memory; mknod /disk b 240 1; head -c 1 /disk'
  edit '.linux.resources.devices += [{"allow": true, "type": "c", "major": 240, "minor": 1, "access": "r"}]'
  local out
  out=$(oci run -b "$TMP/bundle" "$C" 2>&1) || true
  [[ $out == *"Permission denied"* ]] && skip "this machine lets us attach no device filter"
  expect_match "$out" $'^2\n'
  expect_match "$out" 'head: /mine: No such device'
  expect_match "$out" "can't create /mine: Operation not permitted"
  for name in other memory disk; do expect_match "$out" "/$name: Operation not permitted"; done
}

test_pause_and_resume() {
  bundle 'while :; do echo tick; sleep 0.02; done'
  running
  wait_until 5 grep -q tick "$TMP/out"
  oci pause "$C"
  expect_eq "$(oci state "$C" | jq -r .status)" paused
  expect_eq "$(oci list -f json | jq -r '.[0].status')" paused
  expect_match "$(expect_fail 1 oci pause "$C" 2>&1)" 'it is paused'
  local before
  before=$(wc -c <"$TMP/out")
  expect_eq "$(grep frozen "$(jq -r .cgroup "$TMP/state/$C/state.json")/cgroup.events")" "frozen 1"
  expect_eq "$(wc -c <"$TMP/out")" "$before" "output while it was paused"
  oci resume "$C"
  expect_eq "$(oci state "$C" | jq -r .status)" running
  wait_until 5 eval '[[ $(wc -c <"$TMP/out") -gt '"$before"' ]]'
  expect_match "$(expect_fail 1 oci resume "$C" 2>&1)" 'it is running, not paused'
  oci pause "$C"
  oci kill "$C" KILL
  wait_until 5 gone
  oci delete "$C"
}

test_ps_names_the_processes() {
  bundle 'sleep 71 & sleep 72; echo end'
  running
  wait_until 5 eval '[[ $(oci ps -f json "$C" | jq length) == 3 ]]'
  expect_eq "$(oci ps -f json "$C" | jq "index($(oci state "$C" | jq .pid)) != null")" true
  expect_match "$(oci ps "$C")" 'PID.*CMD'
  expect_match "$(oci ps "$C")" 'sleep 71'
  oci delete -f "$C"
}

test_update_says_what_cannot_be() {
  bundle 'sleep 60'
  running
  expect_match "$(expect_fail 2 oci update --memory lots "$C" 2>&1)" "memory 'lots'"
  expect_match "$(expect_fail 1 oci update --cpuset-cpus ../x "$C" 2>&1)" 'cpu.cpus: expected a list'
  echo '{"memory": {"hug": 1}}' | expect_fail 1 oci update -r - "$C" 2>"$TMP/error"
  expect_match "$(cat "$TMP/error")" 'memory.hug: not supported'
  # Takes the null device's right to be read nowhere: it is a standard one. The disk's goes.
  echo '{"devices": [{"allow": false, "access": "rwm"}]}' >"$TMP/resources.json"
  oci update -r "$TMP/resources.json" "$C" || skip "this machine lets us attach no device filter"
  oci delete -f "$C"
}

test_events_end_with_the_container() {
  bundle 'read line'
  mkfifo "$TMP/input"
  # As long as this shell alone has the other end the container waits for its line.
  exec 8<>"$TMP/input"
  oci run -d -b "$TMP/bundle" "$C" <"$TMP/input" >"$TMP/out" 2>&1 8>&-
  expect_eq "$(oci events --stats "$C" | jq -r '.type + " " + .id')" "stats $C"
  expect_eq "$(oci events --stats "$C" | jq -r '.data.cpu.usage.total > 0')" true
  oci events --interval 50ms "$C" >"$TMP/events" 8>&- &
  local events=$!
  wait_until 5 eval '[[ $(wc -l <"$TMP/events") -ge 2 ]]'
  exec 8>&-
  wait "$events"
  oci delete -f "$C"
}

# config-linux.md "Cgroup ownership": what may be delegated is the container's, its limits are not.
test_a_writable_cgroup_belongs_to_the_container() {
  bundle 'cd /sys/fs/cgroup; stat -c "%u %n" . cgroup.procs cgroup.subtree_control cgroup.max.depth; mkdir below && echo made'
  edit '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 300000, "size": 65536}]
    | .linux.gidMappings = .linux.uidMappings | .mounts |= map(if .type == "cgroup" then .options -= ["ro"] else . end)'
  chown -R 300000:300000 "$TMP/bundle/rootfs"
  chmod 711 "$TMP" "$TMP/bundle"
  expect_eq "$(oci run -b "$TMP/bundle" "$C")" $'0 .\n0 cgroup.procs\n0 cgroup.subtree_control\n65534 cgroup.max.depth\nmade'
  edit '.mounts |= map(if .type == "cgroup" then .options += ["ro"] else . end)'
  expect_match "$(oci run -b "$TMP/bundle" "$C" 2>&1)" '^65534 \.'
}

run_tests "$@"
