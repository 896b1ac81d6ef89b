#!/usr/bin/env bash
# Health checks of containers under a real systemd: a timer beside the unit, with no process of ours between checks.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/container_node.sh"

field() { container inspect "$1" | jq -r ".[0]$2"; }
is() { [[ $(field "$1" .health.status) == "$2" ]]; }
has_status() { [[ $(field "$1" .status) == "$2" ]]; }
has_come_back() { [[ $(field "$1" '|.status+" "+(.restarts|tostring)+" "+.health.status') == "running 1 healthy" ]]; }
timers() { in_node systemctl list-units --all --plain --no-legend 'container-*-health.*'; }
has_no_timer() { [[ ! $(timers) ]]; }
checked() {
  container run -d --name "$1" --health-cmd 'busybox cat /well' --health-interval 200ms --health-retries 2 "${@:2}" \
    "$IMAGE" sh -c "trap 'exit 0' TERM; echo >/well; while :; do busybox sleep 0.05; done" >/dev/null
}

test_a_timer_runs_the_checks_for_as_long_as_the_container_runs() {
  node_with_image
  checked app
  wait_until 15 is app healthy
  expect_match "$(timers)" "container-$(field app .id)-health.timer +loaded active"
  expect_eq "$(in_node bash -c "ps -eo args= | grep -c '[u]nit-launch'" || true)" 0
  container exec app busybox rm /well
  wait_until 15 is app unhealthy
  expect_eq "$(field app .status)" running
  # systemd does not fill the journal with its words about each check.
  expect_eq "$(in_node journalctl -q -u "container-$(field app .id)-health.service" | wc -l)" 0
  container stop app >/dev/null
  wait_until 10 has_no_timer
  container start app >/dev/null
  wait_until 15 is app healthy
  container kill app >/dev/null
  wait_until 10 has_no_timer
  container rm app
}

test_kill_stop_and_restart() {
  node_with_image
  checked ill --health-on-failure kill --restart always
  checked ends --health-on-failure stop --restart always
  checked again --health-on-failure restart
  wait_until 15 is ill healthy
  wait_until 15 is ends healthy
  wait_until 15 is again healthy
  container exec ill busybox rm /well
  container exec ends busybox rm /well
  container exec again busybox rm /well
  wait_until 20 has_come_back ill
  wait_until 20 has_status ends exited
  wait_until 20 has_come_back again
  container rm -f ill ends again >/dev/null
  wait_until 10 has_no_timer
}

run_tests "$@"
