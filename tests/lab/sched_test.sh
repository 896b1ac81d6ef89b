#!/usr/bin/env bash
# The scheduler on a real systemd: the life of a unit, and that units outlive schedd, the store's outages and a reboot.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"
TEST_TIMEOUT=120

# Boots node a with everything of ours and waits until it has registered itself.
boot() {
  lab_network
  lab_install a
  lab_copy a "$ROOT/examples/hello.service" /root/hello.service
  lab_start a
  wait_until 30 is_registered
}

is_registered() { [[ $(lab_run a fleetctl list-machines --no-legend | wc -l) == 1 ]]; }
machine_id() { lab_run a cat /etc/machine-id; }
legend() { echo "$(machine_id | cut -c1-8).../$(lab_run a fleetctl list-machines --no-legend --fields=ip)"; }
main_pid() { lab_run a systemctl show --property=MainPID --value "$1"; }
unit() { lab_run a sh -c 'cat >"/root/$1"' sh "$1"; }

test_life_of_a_unit() {
  boot
  local begin end
  begin=$(lib_now_ms)
  expect_eq "$(lab_run a fleetctl start /root/hello.service)" \
    "Unit hello.service inactive
Unit hello.service launched on $(legend)"
  end=$(lib_now_ms)
  echo "started in $((end - begin)) ms"
  expect_eq "$(lab_run a systemctl is-active hello.service)" active
  expect_eq "$(lab_run a fleetctl list-units)" \
    $'UNIT\t\tMACHINE\t\t\tACTIVE\tSUB\nhello.service\t'"$(legend)"$'\tactive\trunning'
  expect_match "$(lab_run a fleetctl status hello)" "Loaded: loaded \(/run/systemd/system/hello.service; linked-runtime"
  expect_match "$(lab_run a fleetctl status hello)" "Active: active \(running\)"
  # It tells systemd at its next round.
  status_says() { lab_run a systemctl status schedd | grep -qF "Status: \"1 units here, leading\""; }
  wait_until 10 status_says

  expect_eq "$(lab_run a fleetctl stop hello 2>"$TMP/said")" "Unit hello.service loaded on $(legend)"
  expect_eq "$(cat "$TMP/said")" "Successfully stopped units [hello.service]."
  expect_eq "$(lab_run a systemctl is-active hello.service || true)" inactive
  expect_eq "$(lab_run a fleetctl list-units --no-legend --fields=active,sub)" $'inactive\tdead'
  expect_fail 3 lab_run a fleetctl status hello

  expect_eq "$(lab_run a fleetctl start hello)" "Unit hello.service launched on $(legend)"
  expect_eq "$(lab_run a fleetctl destroy hello)" "Destroyed hello.service"
  expect_eq "$(lab_run a systemctl show --property=LoadState --value hello.service)" not-found
  lab_run a test ! -e /run/fleet/units/hello.service
  lab_run a test ! -L /run/systemd/system/hello.service
  expect_eq "$(lab_run a fleetctl list-units --no-legend)$(lab_run a fleetctl list-unit-files --no-legend)" ""
}

test_units_outlive_schedd() {
  boot
  lab_run a fleetctl start /root/hello.service
  unit once.service <<<$'[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c "echo ran >>/root/once"'
  lab_run a fleetctl start /root/once.service
  local pid
  pid=$(main_pid hello.service)
  lab_run a systemctl restart schedd
  lab_run a systemctl kill --signal=KILL schedd
  lab_run a systemctl restart schedd
  wait_until 20 is_registered
  # It works again, and has touched nothing.
  unit second.service <<<$'[Service]\nExecStart=/bin/sleep infinity'
  lab_run a fleetctl start /root/second.service
  expect_eq "$(main_pid hello.service)" "$pid" "pid of hello.service"
  expect_eq "$(lab_run a cat /root/once)" ran
  # A planned end of schedd gives the lease away, and leaves the units.
  lab_run a systemctl stop schedd
  expect_eq "$(main_pid hello.service)" "$pid" "pid of hello.service"
  expect_fail 22 lab_run a curl -fsS -o /dev/null http://127.0.0.1:2379/v2/keys/_coreos.com/fleet/lease/engine-leader
}

test_store_outage_stops_nothing() {
  boot
  lab_run a fleetctl start /root/hello.service
  local pid
  pid=$(main_pid hello.service)
  lab_run a systemctl stop kvd
  waits() { lab_run a systemctl status schedd | grep -q 'Status: "waiting: '; }
  wait_until 30 waits
  expect_eq "$(main_pid hello.service)" "$pid" "pid of hello.service"
  expect_fail 1 lab_run a fleetctl list-units
  lab_run a systemctl start kvd
  wait_until 20 is_registered
  unit second.service <<<$'[Service]\nExecStart=/bin/sleep infinity'
  lab_run a fleetctl start /root/second.service
  expect_eq "$(main_pid hello.service)" "$pid" "pid of hello.service"
  expect_eq "$(lab_run a fleetctl list-units --no-legend --fields=unit,active)" \
    $'hello.service\tactive\nsecond.service\tactive'
}

test_reboot_starts_everything_again() {
  boot
  unit stopped.service <<<$'[Service]\nExecStart=/bin/sleep infinity'
  lab_run a fleetctl start /root/hello.service /root/stopped.service
  lab_run a fleetctl stop stopped
  lab_reboot a
  active() { [[ $(lab_run a systemctl is-active hello.service) == active ]]; }
  wait_until 30 active
  states() { [[ $(lab_run a fleetctl list-units --no-legend --fields=unit,active) == $'hello.service\tactive\nstopped.service\tinactive' ]]; }
  wait_until 30 states
}

test_changed_file_replaces_the_running_unit() {
  boot
  lab_run a fleetctl start /root/hello.service
  local pid
  pid=$(main_pid hello.service)
  unit hello.service <<<$'[Service]\nExecStart=/bin/sleep 4711'
  expect_match "$(lab_run a fleetctl start /root/hello.service 2>&1)" \
    "WARNING: Unit hello.service in registry differs from local unit file /root/hello.service"
  expect_eq "$(main_pid hello.service)" "$pid" "pid of hello.service"
  lab_run a fleetctl start --replace /root/hello.service
  expect_match "$(lab_run a systemctl show --property=ExecStart hello.service)" "/bin/sleep 4711"
  expect_eq "$(lab_run a systemctl is-active hello.service)" active
}

test_unit_that_fails_is_told() {
  boot
  unit bad.service <<<$'[Service]\nExecStart=/bin/false'
  expect_match "$(expect_fail 1 lab_run a fleetctl start /root/bad.service 2>&1)" \
    "Error waiting for units: Failed to find an active unit bad.service within 2s \(it is failed, failed\)"
  expect_eq "$(lab_run a fleetctl list-units --no-legend --fields=load,active,sub)" $'loaded\tfailed\tfailed'
  # A file that systemd itself refuses: loaded nowhere, and everyone else is served.
  unit refused.service <<<$'[Service]\nType=nonsense'
  expect_fail 1 lab_run a fleetctl start --block-attempts=1 /root/refused.service
  lab_run a fleetctl start /root/hello.service
  lab_run a fleetctl destroy bad refused hello
  expect_eq "$(lab_run a fleetctl list-units --no-legend)" ""
  expect_eq "$(lab_run a systemctl list-units --failed --plain --no-legend bad.service refused.service hello.service)" ""
}

test_install_sections_templates_and_global_units() {
  boot
  unit wanted.service <<<$'[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target'
  lab_run a fleetctl load /root/wanted.service
  expect_eq "$(lab_run a systemctl is-enabled wanted.service)" enabled-runtime
  unit nap@.service <<<$'[Service]\nExecStart=/bin/sleep %i'
  lab_run a fleetctl start /root/nap@1000.service /root/nap@2000.service
  expect_match "$(lab_run a systemctl show --property=ExecStart nap@2000.service)" "argv\[\]=/bin/sleep 2000 "
  unit all.service <<<$'[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nGlobal=true'
  expect_match "$(lab_run a fleetctl start /root/all.service)" "Triggered global unit all.service start"
  everywhere() { [[ $(lab_run a systemctl is-active all.service) == active ]]; }
  wait_until 10 everywhere
  expect_eq "$(lab_run a fleetctl list-unit-files --no-legend --fields=unit,target | grep all)" $'all.service\t\tglobal'
  lab_run a fleetctl destroy wanted nap@1000 nap@2000 all
  expect_eq "$(lab_run a sh -c 'ls /run/fleet/units')" ""
}

# Two machines with one store; a dead machine's unit moves to the other one, and only that.
test_unit_of_a_dead_machine_moves() {
  lab_network
  lab_install a
  lab_install b
  printf '[Service]\nExecStart=\nExecStart=/usr/bin/kvd --listen-client-urls http://0.0.0.0:2379\n' >"$TMP/listen.conf"
  lab_copy a "$TMP/listen.conf" /etc/systemd/system/kvd.service.d/listen.conf
  printf 'FLEET_AGENT_TTL=3s\nCLUSTEROS_ENDPOINTS=http://%s:2379\n' "$(lab_address a)" >"$TMP/cluster.env"
  lab_copy a "$TMP/cluster.env" /etc/clusteros/cluster.env
  lab_copy b "$TMP/cluster.env" /etc/clusteros/cluster.env
  lab_copy a "$ROOT/examples/hello.service" /root/hello.service
  lab_start a
  lab_start b
  both_are_there() { [[ $(lab_run a fleetctl list-machines --no-legend | wc -l) == 2 ]]; }
  wait_until 30 both_are_there
  local id_a id_b pid
  id_a=$(lab_run a cat /etc/machine-id)
  id_b=$(lab_run b cat /etc/machine-id)
  unit stays.service <<<$'[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineID='"$id_a"
  lab_run a fleetctl start /root/stays.service
  # The machine with fewer units gets the next one.
  expect_eq "$(lab_run a fleetctl start /root/hello.service | tail -n 1)" \
    "Unit hello.service launched on ${id_b:0:8}.../$(lab_address b)"
  expect_eq "$(lab_run b systemctl is-active hello.service)" active
  expect_match "$(expect_fail 1 lab_run a fleetctl status hello 2>&1)" \
    "Unit hello.service is active \(running\) on ${id_b:0:8}.../$(lab_address b)"
  pid=$(main_pid stays.service)
  lab_kill b
  moved() { [[ $(lab_run a systemctl is-active hello.service) == active ]]; }
  wait_until 40 moved
  expect_eq "$(lab_run a fleetctl list-unit-files --full --no-legend --fields=unit,target | cut -d/ -f1)" \
    $'hello.service\t'"$id_a"$'\nstays.service\t'"$id_a"
  expect_eq "$(main_pid stays.service)" "$pid" "pid of stays.service"
}

run_tests "$@"
