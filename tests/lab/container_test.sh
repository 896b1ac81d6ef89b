#!/usr/bin/env bash
# container under a real systemd: as a unit of its own, in a scope, stopped and ended as systemd expects.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/container_node.sh"

test_a_unit_of_its_own() {
  node_with_image
  # Its output is the unit's, its processes are in a scope, its exit code is the unit's.
  in_node systemd-run --quiet --unit=app.service --setenv=CLUSTEROS_RUNTIME_ROOT=/run/runtime /usr/bin/container run \
    --rm --name app "$IMAGE" /bin/busybox sh -c 'trap "echo stopping; exit 0" TERM; echo serving; while :; do busybox sleep 0.1; done'
  wait_until 20 in_node bash -c 'journalctl -u app.service -o cat | grep -q serving'
  local id scope
  id=$(container ps -q)
  expect_match "$id" '^[0-9a-f]{12}$'
  scope=container-$id.scope
  expect_eq "$(in_node systemctl is-active "$scope")" active
  expect_match "$(in_node systemctl show -P ControlGroup "$scope")" "/machine.slice/$scope$"
  expect_match "$(container exec app /bin/busybox cat /proc/self/cgroup)" '0::/$'
  in_node systemctl stop app.service
  expect_eq "$(in_node systemctl show -P Result app.service)" success
  expect_match "$(in_node journalctl -u app.service -o cat)" stopping
  expect_eq "$(in_node systemctl list-units --plain --no-legend 'container-*.scope')" ""
  expect_eq "$(container ps -aq)" ""
}

test_a_failed_application_is_a_failed_unit() {
  node_with_image
  in_node systemd-run --wait --quiet --unit=bad.service --setenv=CLUSTEROS_RUNTIME_ROOT=/run/runtime /usr/bin/container run --rm \
    "$IMAGE" /bin/busybox sh -c 'exit 9' || true
  expect_eq "$(in_node systemctl show -P ExecMainStatus bad.service)" 9
}

test_killing_the_unit_kills_the_application() {
  node_with_image
  in_node systemd-run --quiet --unit=app.service --setenv=CLUSTEROS_RUNTIME_ROOT=/run/runtime /usr/bin/container run \
    --name app "$IMAGE" /bin/busybox sleep 1000
  wait_until 20 running app
  in_node systemctl kill --signal=KILL app.service
  wait_until 10 ended app
  expect_match "$(container ps -a)" 'app.*exited .137.'
  container rm app
  expect_eq "$(in_node systemctl list-units --plain --no-legend 'container-*.scope')" ""
}

test_detached_survives_the_one_who_started_it() {
  node_with_image
  container run -d --name app "$IMAGE" /bin/busybox sleep 1000
  running app
  container rm -f app
}

run_tests "$@"
