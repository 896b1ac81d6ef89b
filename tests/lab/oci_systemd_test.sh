#!/usr/bin/env bash
# oci-runtime --systemd-cgroup under a real systemd: the scope, its properties, changes while it runs, its end.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"

in_node() { lab_run a "$@"; }
oci() { in_node /usr/bin/oci-runtime --systemd-cgroup "$@"; }

# node COMMAND: a node with a bundle in /run/bundle that runs it, in tests.slice as lab-c.scope.
node() {
  lab_start a
  lab_copy a "$CLUSTERCTL" /usr/bin/oci-runtime
  in_node bash -ec '
    mkdir -p /run/bundle/rootfs/bin /run/bundle/rootfs/tmp && cd /run/bundle
    cp /usr/bin/busybox rootfs/bin/ && for name in sh sleep cat grep; do ln -s busybox rootfs/bin/$name; done
    oci-runtime spec'
  edit '.root.readonly = false | .linux.cgroupsPath = "tests.slice:lab:c" | .process.args = ["sh", "-c", $text]' --arg text "$1"
}

# edit FILTER [JQ-OPTION...]
edit() {
  local filter=$1
  shift
  in_node cat /run/bundle/config.json | jq "$@" "$filter" >"$TMP/config.json"
  lab_copy a "$TMP/config.json" /run/bundle/config.json
}

scope() { in_node systemctl show -P "$1" lab-c.scope; }
no_scope() { [[ -z $(in_node systemctl list-units --all --plain --no-legend 'lab-*.scope') ]]; }

test_a_scope_with_its_properties() {
  node 'sleep 600'
  edit '.annotations["org.systemd.property.TimeoutStopSec"] = "uint64 7"
    | .annotations["org.systemd.property.CollectMode"] = "'"'inactive'"'"
    | .linux.resources.devices += [{"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}]'
  in_node bash -c 'cd /run && oci-runtime --systemd-cgroup run -d -b bundle c </dev/null >/run/c.log 2>&1' ||
    fail "$(in_node cat /run/c.log)"
  expect_eq "$(scope ActiveState)" active
  expect_eq "$(scope ControlGroup)" /tests.slice/lab-c.scope
  expect_eq "$(scope Delegate)" yes
  expect_eq "$(scope Description)" 'Container c'
  expect_eq "$(scope CollectMode)" inactive
  expect_eq "$(scope TimeoutStopUSec)" 7s
  expect_eq "$(scope DefaultDependencies)" no
  expect_eq "$(scope MemoryAccounting)$(scope CPUAccounting)$(scope TasksAccounting)$(scope IOAccounting)" yesyesyesyes
  expect_eq "$(scope DevicePolicy)" strict
  expect_match "$(scope DeviceAllow)" '/dev/char/10:229 rw'
  # Its processes are in a cgroup of their own below.
  expect_eq "$(in_node cat /sys/fs/cgroup/tests.slice/lab-c.scope/container/cgroup.procs)" "$(oci state c | jq .pid)"
  expect_eq "$(in_node cat /sys/fs/cgroup/tests.slice/lab-c.scope/cgroup.procs)" ""
  oci pause c
  expect_eq "$(oci state c | jq -r .status)" paused
  oci resume c
  oci delete -f c
  wait_until 5 no_scope
  expect_fail 1 in_node test -e /sys/fs/cgroup/tests.slice/lab-c.scope
}

# A light node has no controllers: systemd keeps these all the same, and we say which one we lack.
test_limits_reach_systemd() {
  node 'sleep 600'
  edit '.linux.resources += {"memory": {"limit": 67108864}, "cpu": {"quota": 33333, "period": 100000}}'
  local out
  if out=$(in_node bash -c 'cd /run && oci-runtime --systemd-cgroup run -d -b bundle c </dev/null 2>&1 >/dev/null'); then
    expect_eq "$(scope MemoryMax)" 67108864
    expect_eq "$(scope CPUQuotaPerSecUSec)" 340ms
    oci update --memory 100m --pids-limit 9 c
    expect_eq "$(scope MemoryMax) $(scope TasksMax)" "104857600 9"
    oci delete -f c
  else
    expect_match "$out" "controller 'memory' is not available"
  fi
  wait_until 5 no_scope
}

test_update_of_a_scope() {
  node 'sleep 600'
  in_node bash -c 'cd /run && oci-runtime --systemd-cgroup run -d -b bundle c </dev/null >/run/c.log 2>&1'
  # systemd has its part before ours fails for want of a controller.
  oci update --memory 100m --pids-limit 9 --cpu-quota 20000 c || true
  expect_eq "$(scope MemoryMax) $(scope TasksMax) $(scope CPUQuotaPerSecUSec)" "104857600 9 200ms"
  oci delete -f c
  wait_until 5 no_scope
}

test_wrong_paths_are_refused() {
  node 'true'
  edit '.linux.cgroupsPath = "/a/b"'
  expect_match "$(expect_fail 1 oci run -b /run/bundle c 2>&1)" 'linux.cgroupsPath.*slice:prefix:name'
  edit '.linux.cgroupsPath = "tests.slice:lab:c"'
  expect_match "$(expect_fail 1 in_node /usr/bin/oci-runtime run -b /run/bundle c 2>&1)" 'needs --systemd-cgroup'
  expect_eq "$(oci list -q)" ""
}

run_tests "$@"
