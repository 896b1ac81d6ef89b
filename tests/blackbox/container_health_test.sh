#!/usr/bin/env bash
# Health checks of containers that a process of ours looks after: what they say, what is kept, what follows from it.
. "$(dirname "$0")/../lib/container.sh"

field() { container inspect "$1" | jq -r ".[0]$2"; }
is() { [[ $(field "$1" .health.status) == "$2" ]]; }
has_status() { [[ $(field "$1" .status) == "$2" ]]; }
loop='while :; do sleep 0.05; done'
# checked NAME OPTION...: a container whose health is whether the file /well is there, looked at every 100 ms.
checked() {
  container run -d --name "$1" --health-cmd 'echo seen by $(id -u) >&2; cat /well' --health-interval 100ms \
    --health-retries 2 "${@:2}" "$IMAGE" sh -c "trap 'exit 0' TERM; touch /well; $loop" >/dev/null
}

test_starting_healthy_unhealthy_and_back() {
  checked app --health-start-period 0s
  wait_until 10 is app healthy
  expect_match "$(container ps)" 'running [0-9]+s \(healthy\)'
  expect_eq "$(container ps -q -f health=healthy)" "$(field app .id)"
  expect_eq "$(container ps -q -f health=unhealthy)" ""
  expect_match "$(field app '.health.log[-1].output')" '^seen by 0'
  container exec app rm /well
  wait_until 10 is app unhealthy
  expect_eq "$(field app '.health.log[-1].exitCode')" 1
  expect_eq "$(field app '|.status+" "+(.restarts|tostring)')" "running 0" "nothing happens to it"
  container exec app touch /well
  wait_until 10 is app healthy
  expect_eq "$(field app .health.failingStreak)" 0
  wait_until 10 has_results app 5
  container stop app >/dev/null
  expect_eq "$(pgrep -cf "health-[i]nterval" || true)" 0
  container rm app
  check_no_leaks
}
has_results() { [[ $(field "$1" '.health.log|length') == "$2" ]]; }

test_failures_in_the_start_period_do_not_count() {
  container run -d --name app --health-cmd false --health-interval 100ms --health-retries 1 --health-start-period 1h \
    "$IMAGE" sh -c "$loop" >/dev/null
  wait_until 10 has_results app 5
  expect_eq "$(field app '.health|.status+" "+(.failingStreak|tostring)')" "starting 0"
  container rm -f app >/dev/null
}

test_a_check_that_takes_too_long_is_ended_with_all_that_it_started() {
  container run -d --name app --health-cmd 'sleep 7777 & sleep 7777' --health-interval 100ms --health-timeout 200ms \
    --health-retries 1 "$IMAGE" sh -c "$loop" >/dev/null
  wait_until 10 is app unhealthy
  expect_eq "$(field app '.health.log[0].exitCode')" -1
  expect_match "$(field app '.health.log[0].output')" 'longer than 200 ms'
  container pause app >/dev/null
  expect_match "$(expect_fail 1 container healthcheck run app 2>&1)" 'it is paused'
  container unpause app >/dev/null
  container exec app sh -c 'ps' >"$TMP/ps"
  (($(grep -c 'sleep 7777' "$TMP/ps" || true) <= 3)) || fail "what earlier checks started is there: $(cat "$TMP/ps")"
  container rm -f app >/dev/null
  check_no_leaks
}

test_by_hand() {
  checked app --health-interval 1h
  expect_eq "$(field app .health.status)" starting
  wait_until 5 container exec app test -e /well
  expect_eq "$(container healthcheck run app)" healthy
  container exec app rm /well
  expect_eq "$(expect_fail 1 container healthcheck run app)" healthy
  expect_eq "$(expect_fail 1 container healthcheck run app)" unhealthy
  expect_eq "$(field app '.health.log|length')" 3
  container stop app >/dev/null
  expect_match "$(expect_fail 1 container healthcheck run app 2>&1)" 'it is not running'
  container start app >/dev/null
  expect_eq "$(field app '.health|.status+" "+(.log|length|tostring)')" "starting 0" "a start begins anew"
  container rm -f app >/dev/null
  container run -d --name none "$IMAGE" sh -c "$loop" >/dev/null
  expect_match "$(expect_fail 1 container healthcheck run none 2>&1)" 'it has no health check'
  expect_eq "$(field none .health)" null
  expect_match "$(expect_fail 2 container healthcheck list none 2>&1)" "expected run"
  container rm -f none >/dev/null
}

test_what_follows_when_it_is_asked_for() {
  checked ill --health-on-failure kill
  wait_until 10 is ill healthy
  container exec ill rm /well
  wait_until 10 has_status ill exited
  expect_eq "$(field ill .exitCode)" 137
  checked over --health-on-failure stop
  wait_until 10 is over healthy
  container exec over rm /well
  wait_until 10 has_status over exited
  expect_eq "$(field over '|.exitCode,.stopRequested' | xargs)" "0 true"
  checked again --health-on-failure restart
  wait_until 10 is again healthy
  container exec again rm /well
  wait_until 15 has_come_back again
  wait_until 10 is again healthy
  checked policy --health-on-failure kill --restart always
  wait_until 10 is policy healthy
  container exec policy rm /well
  wait_until 15 has_come_back policy
  container rm -f ill over again policy >/dev/null
  check_no_leaks
}
has_come_back() { [[ $(field "$1" '|.status+" "+(.restarts|tostring)') == "running 1" ]]; }

test_in_front_and_in_words_of_ones_own() {
  run --name front --health-cmd '["touch", "/seen"]' --health-interval 100ms "$IMAGE" sh -c \
    'until [ -e /seen ]; do sleep 0.05; done; echo checked' >"$TMP/out"
  expect_eq "$(cat "$TMP/out")" checked
  check_no_leaks
}

test_wrong_words() {
  local option
  for option in '--health-interval=1ms' '--health-interval=soon' '--health-timeout=0s' '--health-retries=0' \
    '--health-on-failure=reboot' '--health-cmd=' '--health-start-period=-1s'; do
    expect_fail 2 container run "$option" "$IMAGE" true 2>/dev/null
  done
  expect_match "$(expect_fail 2 container run --no-healthcheck --health-cmd x "$IMAGE" true 2>&1)" 'exclude each other'
  expect_match "$(expect_fail 2 container run --rm -d --health-on-failure restart "$IMAGE" true 2>&1)" 'exclude each other'
  expect_match "$(expect_fail 2 container run --health-on-failure restart "$IMAGE" true 2>&1)" 'needs --detach'
}

run_tests "$@"
