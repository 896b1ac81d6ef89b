#!/usr/bin/env bash
# container events: what each command writes down, from when to when, and following it.
. "$(dirname "$0")/../lib/container.sh"

loop='while :; do sleep 0.05; done'
# The events of the container NAME as words, with what belongs to them.
of() { container events --since 1h --until 0s -f container="$1" --json | jq -r '[.event, (.attributes|to_entries[]|.value|tostring)]|join(":")' | xargs; }
field() { container inspect "$1" | jq -r ".[0]$2"; }

test_each_step_of_a_life_is_an_event() {
  container create --name life "$IMAGE" sh -c "trap 'exit 3' TERM; $loop" >/dev/null
  local id
  id=$(field life .id)
  container start life >/dev/null
  container exec life true
  if container pause life 2>/dev/null >&2; then container unpause life >/dev/null; fi
  container kill -s USR1 life >/dev/null || true
  container rename life other
  container restart -t 2 other >/dev/null
  container rm -f other >/dev/null
  expect_match "$(of "$id")" '^create start exec:true (pause unpause )?kill:10 rename:life '
  expect_match "$(of "$id")" 'die:[0-9]+ stop start restart die:137 stop destroy$'
  expect_match "$(container events --since 1h --until 0s -f "container=$id" -f event=rename)" \
    "^20[-0-9]+T[0-9:.]+Z container rename $id \(name=other, image=[^ ]*, oldName=life\)$"
}

test_exit_codes_health_and_rm() {
  expect_fail 7 container run --rm --name seven "$IMAGE" sh -c 'exit 7'
  expect_eq "$(of seven)" "create start die:7 destroy"
  container run -d --name ill --health-cmd false --health-interval 100ms --health-retries 1 "$IMAGE" sh -c "$loop" >/dev/null
  wait_until 10 has_event ill health_status:unhealthy
  container rm -f ill >/dev/null
  # What nobody saw is written down by the next command.
  container run -d --name lost "$IMAGE" sh -c "$loop" >/dev/null
  kill -KILL "$(field lost .pid)"
  wait_until 10 has_event lost die:137
  container rm -f lost >/dev/null
}
has_event() { [[ " $(of "$1") " == *" $2 "* ]]; }

test_following_ends_with_its_time_and_filters() {
  container events --json -f event=die -f event=start >"$TMP/followed" &
  local follower=$!
  container events --until "$(date -d '+4 seconds' -u +%FT%TZ)" -f container=two >"$TMP/bounded" &
  local bounded=$!
  # The reader is there when it sees a container's start.
  wait_until 10 sees_a_start
  run --name one "$IMAGE" true
  run --name two "$IMAGE" true
  wait_until 10 has_lines 4
  kill "$follower"
  wait "$bounded"
  expect_eq "$(jq -r 'select(.name!="probe")|.event+" "+.name' "$TMP/followed" | xargs)" "start one die one start two die two"
  expect_eq "$(grep -c 'name=two' "$TMP/bounded") $(grep -vc 'name=two' "$TMP/bounded" || true)" "4 0"
}
sees_a_start() {
  run --name probe "$IMAGE" true
  grep -q probe "$TMP/followed"
}
has_lines() { (($(jq -r 'select(.name!="probe")|.event' "$TMP/followed" | wc -l) >= $1)); }

test_many_writers_at_once_and_wrong_words() {
  local i
  for i in 1 2 3 4 5 6; do run --name "many$i" --net none "$IMAGE" true & done
  wait
  for i in 1 2 3 4 5 6; do expect_eq "$(of "many$i")" "create start die:0 destroy"; done
  expect_match "$(expect_fail 2 container events -f colour=red 2>&1)" "expected container=, event= or image="
  expect_match "$(expect_fail 2 container events --since soon 2>&1)" "expected a time"
  check_no_leaks
}

run_tests "$@"
