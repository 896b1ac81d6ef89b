#!/usr/bin/env bash
# container attach: terminals and inputs of containers that live detached, held by their keepers.
. "$(dirname "$0")/../lib/container.sh"

# One field of `inspect`: field CONTAINER JQ-EXPRESSION.
field() { container inspect "$1" | jq -r ".[0]$2"; }
has_status() { [[ $(field "$1" .status) == "$2" ]]; }
log_has() { [[ $(container logs "$1" 2>&1) == *"$2"* ]]; }

# on_terminal STEP… -- ARGUMENT…: `container` on a terminal of 24 rows and 80 columns.
on_terminal() {
  local -a steps=()
  while [[ $1 != -- ]]; do steps+=("$1") && shift; done
  python3 "$ROOT/tests/lib/terminal.py" drive 24x80 "${steps[@]}" -- "$CLUSTERCTL" container "${@:2}"
}

# The process that looks after a container: the parent of its first one.
keeper_of() { ps -o ppid= -p "$(field "$1" .pid)" | tr -d ' '; }

# A shell-like program: says what it reads, its size when that changes, and ends with a code.
TALKER='trap "stty size" WINCH; echo ready; while :; do if read -r line; then [ "$line" = end ] && exit 3; echo "got <$line>"; fi; done'

test_a_detached_terminal_is_used_left_and_used_again() {
  local out
  container run -dit --name talk "$IMAGE" sh -c "$TALKER" >/dev/null
  wait_until 10 log_has talk ready
  expect_eq "$(field talk '|[.tty,.openStdin,.keeper,.logDriver]|join(" ")')" "true true process local"
  out=$(on_terminal 'expect 24 80' 'send one\r' 'expect got <one>' 'resize 40x100' 'expect 40 100' raw \
    'send \x10\x11' 'expect detached' -- attach talk)
  expect_match "$out" 'talk goes on'
  expect_eq "$(field talk .status)" running
  expect_fail 3 on_terminal 'expect 24 80' 'send two\r' 'expect got <two>' 'send end\r' -- attach talk >/dev/null
  wait_until 10 has_status talk exited
  expect_eq "$(field talk .exitCode)" 3
  log_has talk 'got <one>'
  log_has talk 'got <two>'
  container rm talk
  check_no_leaks
}

test_run_with_a_terminal_is_left_by_the_keys_and_goes_on() {
  on_terminal 'expect ready' 'send a\r' 'expect got <a>' 'send xy' 'expect detached' -- \
    run -it --name left --detach-keys x,y "$IMAGE" sh -c "$TALKER" >/dev/null
  expect_eq "$(field left .status)" running
  expect_fail 3 on_terminal 'send end\r' -- attach left >/dev/null
  expect_fail 3 on_terminal 'expect ready' 'send end\r' -- start -ai left >/dev/null
  on_terminal 'expect ready' 'send \x10\x11' 'expect detached' -- start -ai left >/dev/null
  container stop -t 0 left >/dev/null
  expect_eq "$(field left .exitCode)" 137
  expect_fail 5 on_terminal -- run --rm -it "$IMAGE" sh -c 'exit 5' >/dev/null
  expect_match "$(expect_fail 127 on_terminal -- run --rm -it "$IMAGE" no-such-program)" 'no-such-program'
  container rm left
  check_no_leaks
}

test_two_see_the_same_and_the_end_of_one_is_not_the_containers() {
  container run -di --name both "$IMAGE" sh -c 'while read -r line; do echo "out $line"; echo "err $line" >&2; done; exit 4' >/dev/null
  mkfifo "$TMP/in"
  "$CLUSTERCTL" container attach both <"$TMP/in" >"$TMP/first" 2>"$TMP/first.err" &
  local first=$!
  exec 5>"$TMP/in"
  echo 1 >&5
  wait_until 10 grep -q 'out 1' "$TMP/first"
  "$CLUSTERCTL" container attach --no-stdin both >"$TMP/second" 2>/dev/null &
  local second=$!
  echo 2 >&5
  # It may not be attached yet when the first line comes.
  wait_until 10 second_has_said_something
  grep -q 'err 1' "$TMP/first.err"
  kill -9 "$first"
  wait "$first" || true
  expect_eq "$(field both .status)" running
  # The input ends with the one who says so; what a killed one leaves open stays open.
  echo last | expect_fail 4 "$CLUSTERCTL" container attach both >"$TMP/third"
  expect_match "$(cat "$TMP/third")" 'out last'
  expect_fail 4 wait "$second"
  expect_match "$(cat "$TMP/second")" 'out last'
  exec 5>&-
  container rm both
  check_no_leaks
}
second_has_said_something() { echo again >&5 && grep -q out "$TMP/second"; }

test_signals_go_to_it_and_end_only_the_command_otherwise() {
  container run -di --name sig "$IMAGE" sh -c 'trap "echo usr" USR1; trap "exit 6" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
  wait_until 10 log_has sig up
  "$CLUSTERCTL" container attach --no-stdin --no-sig-proxy sig &
  wait_until 10 holds_signals "$!"
  kill -TERM "$!"
  expect_fail 143 wait "$!"
  expect_eq "$(field sig .status)" running
  "$CLUSTERCTL" container attach --no-stdin sig >"$TMP/out" &
  wait_until 10 holds_signals "$!"
  kill -USR1 "$!"
  wait_until 10 grep -q usr "$TMP/out"
  kill -TERM "$!"
  expect_fail 6 wait "$!"
  container rm sig
  check_no_leaks
}
# USR1 is 10: the bit 9 of the blocked ones. (TERM is blocked by bash, for a moment, in what it starts.)
holds_signals() { ((0x$(awk '/^SigBlk/ { print $2 }' "/proc/$1/status") & 0x200)); }

# To the keeper's socket: of the kinds of socket that a client has, that one alone is a UNIX socket with a peer.
is_connected() {
  local file inode
  for file in "/proc/$1/fd/"*; do
    inode=$(readlink "$file" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
    [[ ! $inode ]] || ! awk -v inode="$inode" '$7 == inode && $6 == "03" { found = 1 } END { exit !found }' /proc/net/unix || return 0
  done
  return 1
}

test_one_without_terminal_and_input_is_followed() {
  container run -d --name plain "$IMAGE" sh -c 'trap "echo bye; exit 7" TERM; echo old; while :; do sleep 0.05; done' >/dev/null
  wait_until 10 log_has plain old
  "$CLUSTERCTL" container attach plain >"$TMP/out" &
  wait_until 10 holds_signals "$!"
  wait_until 10 log_is_watched "$!"
  kill -TERM "$!"
  expect_fail 7 wait "$!"
  expect_eq "$(cat "$TMP/out")" bye
  container run -d --rm --name gone "$IMAGE" sh -c 'trap "exit 8" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
  wait_until 10 log_has gone up
  "$CLUSTERCTL" container attach gone &
  wait_until 10 log_is_watched "$!"
  kill -TERM "$!"
  expect_fail 8 wait "$!"
  container rm plain
  check_no_leaks
}
log_is_watched() { readlink "/proc/$1/fd/"* | grep -q inotify; }

test_a_client_that_stands_still_is_cut_off_and_the_container_goes_on() {
  container run -di --name flood "$IMAGE" sh -c 'read -r go; i=0; while [ $i -lt 200 ]; do head -c 20000 /dev/zero | tr "\0" x; i=$((i+1)); done; echo; echo all; exec sleep 1000' >/dev/null
  "$CLUSTERCTL" container attach --no-stdin flood >/dev/null 2>"$TMP/cut.err" &
  local still=$! code=0
  wait_until 10 is_connected "$still"
  kill -STOP "$still"
  echo go | "$CLUSTERCTL" container attach flood >"$TMP/fast" 2>&1 &
  local fast=$!
  wait_until 40 grep -q '^all' "$TMP/fast"
  expect_eq "$(head -1 "$TMP/fast" | tr -d '\n' | wc -c)" 4000000
  kill -CONT "$still"
  wait "$still" || code=$?
  expect_match "$code $(cat "$TMP/cut.err")" '125 .*attach flood: it was cut off'
  container rm -f flood >/dev/null
  expect_fail 137 wait "$fast"
  check_no_leaks
}

test_a_keeper_that_is_killed_leaves_a_container_that_has_ended() {
  container run -dit --name kept "$IMAGE" sh -c "$TALKER" >/dev/null
  wait_until 10 log_has kept ready
  "$CLUSTERCTL" container attach --no-stdin kept >/dev/null 2>"$TMP/err" &
  wait_until 10 is_connected "$!"
  kill -9 "$(keeper_of kept)"
  expect_fail 137 wait "$!"
  expect_match "$(cat "$TMP/err")" 'attach kept: its supervisor was killed'
  expect_eq "$(field kept '|[.status,.exitCode]|join(" ")')" "exited 137"
  container start kept >/dev/null
  expect_fail 3 on_terminal 'send end\r' -- attach kept >/dev/null
  container rm kept
  check_no_leaks
}

test_a_restart_policy_starts_it_again_with_a_terminal() {
  container run -dit --name again --restart on-failure:1 "$IMAGE" sh -c "$TALKER" >/dev/null
  expect_fail 3 on_terminal 'send end\r' -- attach again >/dev/null
  wait_until 15 has_started_again
  expect_fail 3 on_terminal 'send end\r' -- attach again >/dev/null
  wait_until 15 has_status again exited
  container rm again
  check_no_leaks
}
has_started_again() { [[ $(field again '|[.status,.restarts]|join(" ")') == "running 1" ]]; }

test_no_more_than_sixteen_are_attached() {
  local -a pids=()
  container run -dit --name full "$IMAGE" sh -c "$TALKER" >/dev/null
  for _ in $(seq 16); do
    "$CLUSTERCTL" container attach --no-stdin full >/dev/null &
    pids+=("$!")
  done
  for pid in "${pids[@]}"; do wait_until 10 holds_signals "$pid"; done
  wait_until 10 one_more_is_refused
  container rm -f full >/dev/null
  for pid in "${pids[@]}"; do wait "$pid" || true; done
  check_no_leaks
}
one_more_is_refused() {
  local said
  said=$(timeout 5 "$CLUSTERCTL" container attach --no-stdin full 2>&1 >/dev/null) || true
  [[ $said == *'attach full: 16 are attached already' ]]
}

test_wrong_use_is_one_clear_line() {
  expect_match "$(expect_fail 125 container attach nobody 2>&1)" 'nobody'
  container create --name made -it "$IMAGE" true >/dev/null
  expect_match "$(expect_fail 125 container attach made 2>&1)" 'attach made: it is not running .created.'
  expect_match "$(expect_fail 2 container attach --detach-keys ctrl-1 made 2>&1)" "detach-keys 'ctrl-1': expected"
  expect_match "$(expect_fail 2 container run -dit --log-driver journald "$IMAGE" true 2>&1)" 'exclude each other'
  container rm made
  container run -dit --name still "$IMAGE" sh -c "$TALKER" >/dev/null
  container pause still >/dev/null
  expect_match "$(expect_fail 125 container attach still 2>&1)" 'attach still: it is paused'
  container unpause still >/dev/null
  expect_eq "$(stat -c '%a %U' "$CLUSTEROS_RUNTIME_STATE/$(field still .id)/attach")" "600 root"
  container rm -f still >/dev/null
  check_no_leaks
}

run_tests "$@"
