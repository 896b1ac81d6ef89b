#!/usr/bin/env bash
# The light lab itself: a node boots a real systemd, nodes reach each other, a disk outlives a reboot and a power cut,
# and nothing is left behind.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"

lab_cgroups_of() {
  local name
  for name; do find "$(lab_cgroup_root)" -maxdepth 2 -name "$name"; done
}

# What a lab could leave on the host.
leftovers() {
  grep -c "$LAB" /proc/self/mountinfo || true
  find "$LAB" 2>/dev/null
  lab_cgroups_of "${ids[@]}"
  # The processes of the nodes, by the namespaces that they were in.
  local pid
  for pid in /proc/[0-9]*; do
    case " $* " in *" $(readlink "$pid/ns/net" 2>/dev/null) "*) echo "$pid $(tr '\0' ' ' <"$pid/cmdline" || true)" ;; esac
  done
}

test_node_boots() {
  local begin end
  begin=$(lib_now_ms)
  lab_start a
  end=$(lib_now_ms)
  echo "booted in $((end - begin)) ms: $(lab_run a systemd-analyze time | head -n 1)"
  # D-Bus answers, and no unit has failed.
  expect_match "$(lab_run a busctl call org.freedesktop.DBus / org.freedesktop.DBus GetId)" '^s "[0-9a-f]{32}"'
  expect_eq "$(lab_run a systemctl list-units --failed --plain --no-legend)" "" "failed units"
  expect_eq "$(lab_run a systemctl is-system-running)" running state
  expect_eq "$(lab_run a hostname)" a hostname
  expect_eq "$(lab_run a cat /proc/1/comm)" systemd "PID 1"
  expect_match "$(lab_run a grep ^0: /proc/self/cgroup)" "^0::/[^.]*$" "cgroup of a command"
  # The journal takes what a unit writes.
  lab_run a systemd-run --quiet --wait --unit=hello.service echo "hello from a unit"
  lab_run a journalctl --sync
  expect_match "$(lab_run a journalctl --unit=hello.service --output=cat)" "hello from a unit"
  # sshd listens in the node's own network, and not on the host.
  expect_match "$(lab_run a ss -Hltn 'sport = :22')" LISTEN
  expect_fail 3 lab_run a systemctl is-active nginx.service
}

test_command_has_its_exit_code() {
  lab_start a
  expect_fail 7 lab_run a bash -c 'exit 7'
  lab_stop a
  expect_fail 125 lab_run a true
}

test_two_nodes_reach_each_other() {
  lab_network
  lab_start a
  lab_start b
  expect_eq "$(lab_address b)" 10.99.0.2
  lab_run a ping -c 1 -W 2 10.99.0.2
  lab_run b ping -c 1 -W 2 10.99.0.1
  lab_outside ping -c 1 -W 2 10.99.0.1
  expect_fail 1 lab_run a ping -c 1 -W 1 10.99.0.3
  [[ "$(lab_run a cat /etc/machine-id)" != "$(lab_run b cat /etc/machine-id)" ]] || fail "the same machine-id twice"
}

test_disk_outlives_reboot_and_power_cut() {
  local id
  echo "from outside" >"$TMP/file"
  lab_copy a "$TMP/file" /etc/lab/before
  lab_start a
  expect_eq "$(lab_run a cat /etc/lab/before)" "from outside"
  lab_copy a "$TMP/file" /etc/lab/while
  expect_eq "$(lab_run a cat /etc/lab/while)" "from outside"
  id=$(lab_run a cat /etc/machine-id)
  lab_run a bash -c 'echo kept >/var/lib/kept; touch /run/gone /tmp/gone'
  lab_reboot a
  expect_eq "$(lab_run a cat /var/lib/kept)" kept
  expect_fail 1 lab_run a test -e /run/gone
  expect_fail 1 lab_run a test -e /tmp/gone
  expect_eq "$(lab_run a cat /etc/machine-id)" "$id" machine-id
  lab_kill a
  lab_start a
  expect_eq "$(lab_run a cat /var/lib/kept)" kept
  # The journal of the boots before is on the disk.
  lab_stop a
  expect_match "$(lab_log a)" "Reached target"
  expect_eq "$(cat "$(lab_disk a)/var/lib/kept")" kept
}

test_nothing_is_left_behind() {
  local -a net ids
  lab_network
  net=("$(readlink "/proc/$LAB_NETWORK_PID/ns/net")")
  lab_start a
  lab_start b
  net+=("$(readlink "/proc/$(cat "$LAB/a/pid")/ns/net")" "$(readlink "/proc/$(cat "$LAB/b/pid")/ns/net")")
  ids=("$(cat "$LAB/a/id")" "$(cat "$LAB/b/id")")
  [[ $(leftovers "${net[@]}" | wc -l) -gt 10 && $(lab_cgroups_of "${ids[@]}" | wc -l) == 2 ]] || fail "this test does not see the nodes' processes"
  lab_stop a
  lab_cleanup
  expect_eq "$(leftovers "${net[@]}")" 0 "left behind"
}

test_host_devices_are_not_touched() {
  local before after
  before=$(stat -c '%n %a %U %G' /dev/null /dev/zero /dev/tty /dev/full /dev/urandom)
  lab_start a
  lab_run a systemd-run --quiet --wait --property=StandardOutput=journal+console echo "on the console"
  lab_run a chmod 600 /dev/null /dev/console
  lab_run a chmod 666 /dev/null
  lab_stop a
  after=$(stat -c '%n %a %U %G' /dev/null /dev/zero /dev/tty /dev/full /dev/urandom)
  expect_eq "$after" "$before" "devices of the host"
}

test_killed_test_leaves_no_node() {
  local inner pid id cgroup
  mkdir "$TMP/inner"
  { echo ". '$ROOT/tests/lib/test.sh'; . '$ROOT/tests/lab/lab.sh'"
    echo "test_one() { lab_start a; echo \"\$\$ \$(cat \"\$LAB/a/pid\") \$(cat \"\$LAB/a/id\")\" >'$TMP/pids'; sleep 600; }"
    echo 'run_tests "$@"'; } >"$TMP/sample_test.sh"
  start_daemon runner env -u TMP -u TEST_STATE TMPDIR="$TMP/inner" bash "$TMP/sample_test.sh"
  wait_until 40 test -s "$TMP/pids"
  read -r inner pid id <"$TMP/pids"
  cgroup=$(find "$(lab_cgroup_root)" -maxdepth 2 -name "$id")
  kill -KILL "$inner"
  wait_until 10 lib_has_ended "$pid"
  stop_daemon "$PID"
  # The cgroup directory that it left is removed by the next lab.
  [[ -d $cgroup ]] || fail "no cgroup directory to remove"
  TMPDIR=$TMP/inner lab_open
  [[ ! -d $cgroup ]] || fail "the cgroup directory is still there"
}

run_tests "$@"
