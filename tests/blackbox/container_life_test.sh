#!/usr/bin/env bash
# container: made, started, ended, started again, from files alone; the options that describe the process.
. "$(dirname "$0")/../lib/container.sh"

# One field of `inspect`: field CONTAINER JQ-EXPRESSION.
field() { container inspect "$1" | jq -r ".[0]$2"; }
has_status() { [[ $(field "$1" .status) == "$2" ]]; }

test_create_start_and_start_again_keep_what_was_written() {
  local id first
  id=$(container create --name kept -e WHO=me "$IMAGE" sh -c 'echo $WHO $(cat /count 2>/dev/null); echo x >>/count; exit 3')
  expect_match "$id" '^[0-9a-f]{12}$'
  expect_eq "$(field kept .status)" created
  expect_eq "$(container ps -q)" ""
  expect_eq "$(container ps -aq)" "$id"
  first=$(field kept .firstId)
  expect_fail 3 container start -a kept >"$TMP/first"
  expect_eq "$(cat "$TMP/first")" me
  expect_eq "$(field kept .exitCode)" 3
  expect_eq "$(expect_fail 3 container start -a kept)" "me x"
  expect_eq "$(field kept .firstId)" "$first"
  container rm kept
  check_no_leaks
}

test_start_in_the_background_wait_and_restart() {
  container create --name app "$IMAGE" sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
  container start app
  expect_eq "$(field app .status)" running
  expect_match "$(expect_fail 125 container start -a app 2>&1)" 'start app: it is running'
  wait_until 10 container_says app up
  container restart app >/dev/null
  expect_eq "$(field app .status)" running
  wait_until 10 container_says app up$'\n'up
  container wait app >"$TMP/code" &
  container stop app >/dev/null
  wait "$!"
  expect_eq "$(cat "$TMP/code")" 4
  expect_eq "$(container wait app)" 4
  container rm app
  check_no_leaks
}
container_says() { [[ $(container logs "$1") == "$2" ]]; }

test_listings_as_json_and_what_is_paused() {
  container run -d --name web -p 18080:80 "$IMAGE" sh -c 'while :; do sleep 0.05; done' >/dev/null
  expect_eq "$(container port --json web | jq -c .)" '[{"hostPort":18080,"containerPort":80,"protocol":"tcp"}]'
  expect_eq "$(container port --json web | jq -c .)" "$(field web '.ports|tojson')"
  expect_eq "$(container images --json | jq -r '.[0].imageDigest')" "$(field web .imageDigest)"
  expect_eq "$(container images --json | jq -r '.[0].image')" "$(field web .image)"
  expect_eq "$(container top --json web | jq -c '.[0]|[.pidInside,.parentPid >= 0,.cpuMicroseconds >= 0]')" '[1,true,true]'
  expect_eq "$(container top --json web | jq '.[0].pid')" "$(field web .pid)"
  expect_eq "$(field web .paused)$(container ps -q -f status=paused)" false
  container pause web >/dev/null
  expect_eq "$(field web .paused) $(container ps -q -f status=paused)" "true $(field web .id)"
  expect_match "$(container ps)" 'running [0-9]+s \(paused\)'
  container unpause web >/dev/null
  expect_eq "$(container ps --json | jq '.[0].paused')" false
  container rm -f web >/dev/null
  check_no_leaks
}

test_limits_that_are_changed_hold_from_the_next_start_on() {
  local id
  id=$(container create --name later --pids 9 "$IMAGE" true)
  container update --pids 7 --memory 64m later >/dev/null
  expect_eq "$(jq -c '.request.resources | [.pidsMax, .memoryMax, .memorySwapMax]' "$CLUSTEROS_RUNTIME_STATE/$id/spec.json")" "[7,67108864,0]"
  expect_match "$(expect_fail 2 container update later 2>&1)" 'update needs a limit'
  container rm later
  check_no_leaks
}

test_what_does_not_start_says_why_and_can_be_started_later() {
  mkdir "$TMP/data"
  container create --name late -v "$TMP/data/sub:/data" "$IMAGE" true >/dev/null
  expect_match "$(expect_fail 125 container start late 2>&1)" 'sub: No such file'
  expect_eq "$(field late '|.status+" "+(.exitCode|tostring)')" "exited 125"
  expect_match "$(field late .error)" 'No such file'
  mkdir "$TMP/data/sub"
  container start -a late
  expect_eq "$(field late '|.error+.status')" "exited"
  container rm late
  check_no_leaks
}

test_the_image_may_go_elsewhere_before_a_start() {
  container create --name old "$IMAGE" true >/dev/null
  # Not the image's reference but its layers are what a start needs.
  expect_eq "$(jq -r '.image.layers|length' "$CLUSTEROS_RUNTIME_STATE/$(field old .id)/spec.json")" 1
  expect_eq "$(stat -c %a "$CLUSTEROS_RUNTIME_STATE/$(field old .id)/spec.json")" 600
  container rm old
}

test_restart_policy_counts_and_stop_ends_it() {
  container run -d --name often --restart on-failure:2 "$IMAGE" sh -c 'echo once; exit 5' >/dev/null
  wait_until 15 has_status often exited
  expect_eq "$(field often '|[.restarts,.exitCode,.status]|join(" ")')" "2 5 exited"
  expect_eq "$(container logs often | xargs)" "once once once"
  container run -d --name ever --restart always "$IMAGE" true >/dev/null
  wait_until 10 has_status ever restarting
  expect_match "$(container ps)" 'ever.*restarting .0.'
  container stop ever >/dev/null
  expect_eq "$(field ever .status)" exited
  container rm often ever
  expect_match "$(expect_fail 2 container run -d --rm --restart always "$IMAGE" 2>&1)" 'exclude each other'
  expect_match "$(expect_fail 2 container run -d --restart sometimes "$IMAGE" 2>&1)" 'expected no, on-failure'
  check_no_leaks
}

test_labels_names_and_filters() {
  printf '# comment\ntier=back\n' >"$TMP/labels"
  container run -d --name one -l tier=front "$IMAGE" sleep 1000 >/dev/null
  container create --name two --label-file "$TMP/labels" "$IMAGE" true >/dev/null
  expect_eq "$(container ps -a --filter label=tier=front --json | jq -r '.[].name')" one
  expect_eq "$(container ps -a -f label=tier -q | wc -l)" 2
  expect_eq "$(container ps -f status=created --json | jq -r '.[].name')" two
  expect_eq "$(container ps -f name=on --json | jq -r '.[].labels.tier')" front
  expect_match "$(expect_fail 2 container ps -f colour=red 2>&1)" 'expected name=, id=, pod=, status=, health= or label='
  container rename one first
  expect_eq "$(field first .name)" first
  expect_match "$(expect_fail 1 container rename two first 2>&1)" 'the name is in use by'
  container rm -f first two >/dev/null
  check_no_leaks
}

test_stop_signal_and_timeout_are_the_containers_own() {
  container run -d --name own --stop-signal USR1 --stop-timeout 1 "$IMAGE" \
    sh -c 'trap "exit 6" USR1; trap "" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
  wait_until 10 container_says own up
  container stop own >/dev/null
  expect_eq "$(field own .exitCode)" 6
  container rm own
  expect_match "$(expect_fail 125 container run --stop-signal NO "$IMAGE" 2>&1)" 'signal NO: expected a name as TERM'
}

test_options_of_the_process() {
  expect_eq "$(run --ulimit nofile=77:88 "$IMAGE" sh -c 'ulimit -n; ulimit -Hn' | xargs)" "77 88"
  expect_match "$(run --cap-drop ALL --cap-add NET_RAW "$IMAGE" cat /proc/self/status)" 'CapEff:.0000000000002000'
  expect_match "$(expect_fail 2 run --cap-add FLY "$IMAGE" 2>&1)" "cap-add 'FLY': expected a capability"
  expect_match "$(run --security-opt seccomp=unconfined --security-opt no-new-privileges=false "$IMAGE" \
    cat /proc/self/status 2>"$TMP/warning")" 'NoNewPrivs:.0'
  expect_match "$(cat "$TMP/warning")" 'opened by its options: no system call filter, new privileges by execve'
  expect_eq "$(run --group-add 10 --group-add 20 --user 7:8 "$IMAGE" id -G)" "8 10 20"
  expect_eq "$(run --oom-score-adj 500 "$IMAGE" cat /proc/self/oom_score_adj)" 500
}

test_options_of_files_and_names() {
  expect_match "$(run --tmpfs /scratch:size=1m,mode=1777,noexec "$IMAGE" grep ' /scratch ' /proc/self/mounts)" \
    'tmpfs.*nosuid,nodev,noexec.*size=1024k'
  expect_match "$(expect_fail 2 run --tmpfs /x:suid "$IMAGE" 2>&1)" "'suid' is none of"
  expect_match "$(run --shm-size 2m "$IMAGE" grep /dev/shm /proc/self/mounts)" 'size=2048k'
  expect_match "$(run --add-host db:10.1.2.3 "$IMAGE" cat /etc/hosts)" $'10.1.2.3\tdb'
  expect_match "$(run --dns 192.0.2.1 --dns-search a.example --dns-search b.example "$IMAGE" cat /etc/resolv.conf)" \
    'search a.example b.example'
  printf 'A=1\n# no\nB=two words\n' >"$TMP/env"
  expect_eq "$(run --env-file "$TMP/env" -e A=2 "$IMAGE" sh -c 'echo $A $B')" "2 two words"
  printf 'A=1\nB C=2\n' >"$TMP/env"
  expect_match "$(expect_fail 2 run --env-file "$TMP/env" "$IMAGE" 2>&1)" 'env:2: expected NAME=value'
}

test_logs_since_until_and_tail() {
  container run -d --name talk "$IMAGE" sh -c 'for i in 1 2 3 4; do echo $i; done' >/dev/null
  container wait talk >/dev/null
  expect_eq "$(container logs --tail 2 talk | xargs)" "3 4"
  expect_eq "$(container logs -n 2 -f talk | xargs)" "3 4"
  expect_eq "$(container logs --since 1h talk | xargs)" "1 2 3 4"
  expect_eq "$(container logs --until 1h talk)" ""
  expect_match "$(expect_fail 2 container logs --since yesterday talk 2>&1)" 'expected a time'
  container rm talk
}

# on_terminal STEP… -- ARGUMENT…: `container` on a terminal of 24 rows and 80 columns.
on_terminal() {
  local -a steps=()
  while [[ $1 != -- ]]; do steps+=("$1") && shift; done
  python3 "$ROOT/tests/lib/terminal.py" drive 24x80 "${steps[@]}" -- "$CLUSTERCTL" container "${@:2}"
}

test_a_terminal_is_ours_and_follows_its_size() {
  local out
  out=$(expect_fail 3 on_terminal 'expect ready' 'resize 40x100' 'expect resized' 'send hello\r' 'expect got hello' -- \
    run --rm -it "$IMAGE" sh -c 'stty size; trap "stty size; echo resized" WINCH; echo ready; while ! read line; do :; done; echo got $line; exit 3')
  expect_match "$out" '24 80'
  expect_match "$out" '40 100'
  container run -d --name box "$IMAGE" sleep 1000 >/dev/null
  expect_match "$(on_terminal -- exec -t box sh -c 'test -t 1 && tty; stty size')" $'/dev/pts/0\r?\n24 80'
  container exec -d box touch /made
  wait_until 5 container exec box test -e /made
  expect_match "$(expect_fail 2 container exec -dt box true 2>&1)" 'exclude each other'
  container rm -f box >/dev/null
  check_no_leaks
}

# Each answers when all have been asked: one after the other none would, within its 3 s.
test_machines_are_asked_at_the_same_time() {
  local name
  printf '#!/bin/sh\nmktemp /asked/XXXXXX >/dev/null\nwhile [ "$(ls /asked | wc -l)" -lt "$(cat /many)" ]; do sleep 0.02; done\necho degraded\n' >"$TMP/answers"
  echo 4 >"$TMP/many"
  chmod 755 "$TMP" "$TMP/answers"
  mkdir -m 1777 "$TMP/asked"
  for name in m1 m2 m3 m4; do
    container run -d --boot --name $name -v "$TMP/answers:/bin/systemctl:ro" -v "$TMP/asked:/asked" -v "$TMP/many:/many:ro" \
      --entrypoint /bin/sh "$IMAGE" -c 'while :; do sleep 0.1; done' >/dev/null
  done
  expect_eq "$(container ps | grep -c 'system degraded')" 4 "machines that have answered"
  rm "$TMP"/asked/*
  expect_eq "$(container inspect m1 m4 m2 m3 | jq -c '[.[].system]')" '["degraded","degraded","degraded","degraded"]'
  # Who does not answer is unknown after 3 s.
  echo 1000 >"$TMP/many"
  expect_eq "$(container inspect m1 m2 | jq -c '[.[].system]')" '["unknown","unknown"]'
  for name in m1 m2 m3 m4; do container rm -f $name >/dev/null; done
  check_no_leaks
}

# Every command looks at every container for a moment, with its lock.
test_a_start_waits_for_who_only_looks() {
  container create --name app "$IMAGE" true >/dev/null
  local lock
  lock=$(echo "$CLUSTEROS_RUNTIME_STATE"/*/lock)
  exec 7<"$lock"
  flock 7
  { sleep 1; } &
  exec 7<&-  # (that one has it still)
  container start -a app
  exec 7<"$lock"
  flock 7
  expect_match "$(expect_fail 125 container start app 2>&1 7<&-)" 'start app: another command holds it'
  exec 7<&-
  container rm app >/dev/null
}

run_tests "$@"
