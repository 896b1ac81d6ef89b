#!/usr/bin/env bash
# schedctl and schedd against a real store: what fleetctl's users type and see, the records in the store, and a schedd
# that waits for what it needs. There is no systemd here; tests/lab/sched_test.sh has one.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

FLEET=/v2/keys/_coreos.com/fleet

value() { curl -fsS "$CLUSTEROS_ENDPOINTS$FLEET/$1" | jq -r .node.value; }

# schedd as machine $1, which need not be this one's id.
start_schedd() {
  local id=$1
  shift
  printf '%s\n' "$id" >"$TMP/machine-id-$id"
  start_daemon "schedd-$id" unshare --mount --propagation private sh -c \
    'mount --bind "$1" /etc/machine-id && shift && exec "$@"' sh "$TMP/machine-id-$id" "$CLUSTERCTL" schedd \
    --units-directory "$TMP/units-$id" "$@"
  SCHEDD=$PID
}

ID=113f16a7000000000000000000000001

hello() {
  printf '# said by a test\n[Service]\nExecStart=/bin/sleep 100\n' >"$TMP/hello.service"
}

test_submitted_unit_is_kept_in_fleets_records() {
  start_store
  hello
  expect_eq "$(applet fleetctl submit "$TMP/hello.service")" "Unit hello.service inactive"
  expect_eq "$(value job/hello.service/target-state)" inactive
  expect_eq "$(value job/hello.service/object | jq -c .UnitHash)" \
    "[28,111,182,243,104,75,175,176,193,115,216,184,185,87,206,255,3,17,128,193]"
  expect_eq "$(value unit/1c6fb6f3684bafb0c173d8b8b957ceff031180c1 | jq -r .Raw)" \
    $'[Service]\nExecStart=/bin/sleep 100'
  expect_eq "$(applet fleetctl cat hello)" $'[Service]\nExecStart=/bin/sleep 100'
  expect_eq "$(applet fleetctl list-unit-files)" \
    $'UNIT\t\tHASH\tDSTATE\t\tSTATE\t\tTARGET\nhello.service\t1c6fb6f\tinactive\tinactive\t-'
  expect_eq "$(applet fleetctl list-unit-files -full -no-legend -fields=unit,hash)" \
    $'hello.service\t1c6fb6f3684bafb0c173d8b8b957ceff031180c1'
  expect_eq "$(applet fleetctl list-units)" $'UNIT\tMACHINE\tACTIVE\tSUB'
  expect_eq "$(applet fleetctl destroy hello)" "Destroyed hello.service"
  expect_eq "$(applet fleetctl list-unit-files --no-legend)" ""
  expect_eq "$(applet fleetctl destroy hello 2>&1)" "Units not found in registry"
}

test_records_written_by_others_are_understood() {
  start_store
  curl -fsS -o "$TMP/answer" -XPUT "$CLUSTEROS_ENDPOINTS$FLEET/machines/$ID/object" --data-urlencode \
    'value={"ID":"'"$ID"'","PublicIP":"172.17.8.101","Metadata":{"disk":"ssd","az":"1"},"Version":"0.11.8"}'
  expect_eq "$(applet fleetctl list-machines)" \
    $'MACHINE\t\tIP\t\tMETADATA\n113f16a7...\t172.17.8.101\taz=1,disk=ssd'
  expect_eq "$(applet fleetctl list-machines --full --fields=machine --no-legend)" "$ID"
  # Damage in the store is left out, by name, and costs nothing else.
  curl -fsS -o "$TMP/answer" -XPUT "$CLUSTEROS_ENDPOINTS$FLEET/job/bad.service/object" -d 'value=nonsense'
  hello
  applet fleetctl submit "$TMP/hello.service"
  expect_eq "$(applet fleetctl list-unit-files --no-legend --fields=unit 2>"$TMP/said")" hello.service
  expect_match "$(cat "$TMP/said")" "unit bad.service in the store is left out"
}

test_instances_come_from_templates() {
  start_store
  printf '[Service]\nExecStart=/bin/sleep %%i\n' >"$TMP/nap@.service"
  expect_eq "$(applet fleetctl submit "$TMP/nap@1.service")" "Unit nap@1.service inactive"
  applet fleetctl submit "$TMP/nap@.service"
  cd /
  expect_eq "$(applet fleetctl submit nap@2)" "Unit nap@2.service inactive"
  expect_eq "$(expect_fail 1 applet fleetctl start nap@.service 2>&1)" \
    'Error starting units: cannot activate template "nap@.service"'
}

test_wrong_use_is_one_line_and_changes_nothing() {
  start_store
  expect_match "$(expect_fail 2 applet fleetctl list-units --fulll 2>&1)" \
    "^fleetctl: unknown option '--fulll' \(did you mean '--full'\?\)$"
  expect_match "$(expect_fail 2 applet fleetctl sumbit a.service 2>&1)" \
    "^fleetctl: unknown command 'sumbit' \(did you mean 'submit'\?\)$"
  expect_eq "$(expect_fail 2 applet fleetctl start 2>&1)" "No units given"
  expect_match "$(expect_fail 2 applet fleetctl --endpoint=unix:///var/run/fleet.sock list-units 2>&1)" \
    "give the address of the store"
  expect_match "$(expect_fail 1 applet fleetctl list-units --fields=unit,colour 2>&1)" \
    'Invalid key in output format: "colour"'
  expect_eq "$(expect_fail 1 applet fleetctl submit nowhere 2>&1)" \
    "Error creating units: unable to find Unit(nowhere.service) in Registry or on filesystem"
  printf '[Service]\nExecStart\n' >"$TMP/broken.service"
  expect_match "$(expect_fail 1 applet fleetctl start "$TMP/broken.service" 2>&1)" "broken.service: line 2: expected NAME=VALUE"
  printf '[Service]\nExecStart=/bin/true\n[X-Fleet]\nGlobal=true\nMachineOf=b.service\n' >"$TMP/both.service"
  expect_eq "$(expect_fail 1 applet fleetctl start "$TMP/both.service" 2>&1)" \
    "Error creating units: Global cannot be used with Peers"
  expect_eq "$(expect_fail 1 applet fleetctl cat nowhere 2>&1)" "Unit nowhere.service not found"
  expect_eq "$(expect_fail 1 applet fleetctl status nowhere 2>&1)" "Unit nowhere.service does not exist."
  expect_eq "$(applet fleetctl list-unit-files --no-legend)" ""
  expect_match "$(expect_fail 2 applet schedd --metadata disk 2>&1)" "^schedd: --metadata: 'disk' is not KEY=VALUE$"
  expect_match "$(expect_fail 2 applet fleetd --agent-ttl soon 2>&1)" "^fleetd: --agent-ttl: 'soon' is not a time between"
  expect_eq "$(applet fleetctl version)" "$(applet fleetctl --version)"
  expect_match "$(applet fleetctl --version)" '^fleetctl version [0-9]+\.[0-9]+\.[0-9]+$'
}

test_no_store_is_said_and_not_waited_for() {
  local port
  port=$(free_port)
  expect_match "$(expect_fail 1 applet fleetctl --endpoint "http://127.0.0.1:$port" list-machines 2>&1)" \
    "^fleetctl: .*127.0.0.1:$port"
}

test_start_without_a_machine_says_why() {
  start_store
  hello
  expect_eq "$(expect_fail 1 applet fleetctl start --block-attempts=2 "$TMP/hello.service" 2>&1)" \
    "Unit hello.service inactive
Unit hello.service is not scheduled yet; still waiting:
  no machine is registered: is schedd running anywhere?
Error waiting for units: timed out waiting for unit hello.service to report state launched"
  expect_eq "$(value job/hello.service/target-state)" launched
}

test_schedd_registers_decides_and_leaves_in_order() {
  start_store
  start_schedd "$ID" --public-ip 10.1.2.3 --metadata "region=eu, disk=ssd"
  registered() { [[ $(applet fleetctl list-machines --no-legend) == $'113f16a7...\t10.1.2.3\tdisk=ssd,region=eu' ]]; }
  wait_until 20 registered
  hello
  applet fleetctl start --no-block "$TMP/hello.service"
  placed() { [[ $(value job/hello.service/target) == "$ID" ]]; }
  wait_until 10 placed
  expect_eq "$(value lease/engine-leader)" "{\"MachineID\":\"$ID\",\"Version\":1}"
  # There is no systemd to run it: schedd says what it waits for.
  wait_until 10 grep -q "agent: connect to systemd.*trying again" "$TMP/schedd-$ID.log"
  expect_eq "$(grep -c "agent: connect to systemd" "$TMP/schedd-$ID.log")" 1 "lines in the log"

  kill -TERM "$SCHEDD"
  wait_until 10 lib_has_ended "$SCHEDD"
  wait "$SCHEDD" || fail "schedd ended with $?"
  expect_fail 22 curl -fsS -o "$TMP/answer" "$CLUSTEROS_ENDPOINTS$FLEET/lease/engine-leader"
  expect_eq "$(value job/hello.service/target)" "$ID"
}

test_dead_machine_loses_its_units() {
  start_store
  local other=e55c0ae5000000000000000000000002
  start_schedd "$ID" --agent-ttl 3s --public-ip 10.1.2.3
  local first=$SCHEDD
  start_schedd "$other" --agent-ttl 3s --engine-reconcile-interval 500ms --disable-engine --public-ip 10.1.2.4
  both() { [[ $(applet fleetctl list-machines --no-legend | wc -l) == 2 ]]; }
  wait_until 20 both
  printf '[Service]\nExecStart=/bin/true\n[X-Fleet]\nMachineID=e55c0ae5\n' >"$TMP/there.service"
  hello
  applet fleetctl start --no-block "$TMP/there.service" "$TMP/hello.service"
  placed() { [[ $(value job/there.service/target)$(value job/hello.service/target) == "$other$ID" ]]; }
  wait_until 10 placed
  kill -KILL "$SCHEDD"
  # Nobody else can run there.service; it is taken off when the machine's key has run out and the engine has settled.
  unplaced() { ! value job/there.service/target; }
  wait_until 30 unplaced
  expect_eq "$(value job/hello.service/target)" "$ID"
  kill -0 "$first"
}

test_schedd_waits_for_the_store() {
  choose_address
  export CLUSTEROS_ENDPOINTS=$URL
  start_schedd "$ID" --public-ip 10.1.2.3
  wait_until 20 grep -q "presence: .*127.0.0.1:$PORT.*trying again" "$TMP/schedd-$ID.log"
  start_store
  here() { [[ $(applet fleetctl list-machines --no-legend --fields=ip) == 10.1.2.3 ]]; }
  wait_until 20 here
  # And again, when it goes away and comes back.
  stop_daemon "$STORE_PID"
  wait_until 40 grep -q "engine: .*127.0.0.1:$PORT.*trying again" "$TMP/schedd-$ID.log"
  kill -0 "$SCHEDD"
  start_store
  wait_until 20 here
  hello
  applet fleetctl start --no-block "$TMP/hello.service"
  placed() { [[ $(value job/hello.service/target) == "$ID" ]]; }
  wait_until 20 placed
}

test_two_machines_with_one_id_are_found_out() {
  start_store
  start_schedd "$ID" --public-ip 10.1.2.3
  here() { [[ $(applet fleetctl list-machines --no-legend --fields=ip) == 10.1.2.3 ]]; }
  wait_until 20 here
  mv "$TMP/schedd-$ID.log" "$TMP/schedd-first.log"
  start_schedd "$ID" --public-ip 10.1.2.4 --units-directory "$TMP/units-second"
  wait_until 20 grep -q "another machine with this id and another address is alive" "$TMP/schedd-$ID.log"
  here
}

run_tests "$@"
