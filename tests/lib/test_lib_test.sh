#!/usr/bin/env bash
# The test library itself: a test that should fail does fail, a timeout fails, daemons die, nothing is left behind.
# shellcheck source=test.sh
. "$(dirname "$0")/test.sh"

# Runs a test file made of the library and the text on stdin; sets OUT (its output) and STATUS (its exit status).
# ENV=NAME=value is added to its environment.
run_file() {
  { echo ". '$ROOT/tests/lib/test.sh'"; cat; echo 'run_tests "$@"'; } >"$TMP/sample_test.sh"
  mkdir -p "$TMP/inner"
  STATUS=0
  OUT=$(env -u TMP -u TEST_STATE TMPDIR="$TMP/inner" "${ENV:-_=}" bash "$TMP/sample_test.sh" "$@" 2>&1) || STATUS=$?
}

expect_nothing_left() { expect_eq "$(ls "$TMP/inner")" "" "files left"; }

test_pass_and_summary() {
  run_file <<<'test_one() { true; }
test_a_two() { expect_eq a a; expect_match abc "b."; expect_fail 3 bash -c "exit 3"; }'
  expect_eq "$STATUS" 0 status
  expect_match "$OUT" $'PASS test\\.[^ ]*/sample: one \\([0-9.]+ s\\)\nPASS [^ ]*: a_two'
  expect_eq "$(tail -n 1 <<<"$OUT")" "2 passed, 0 failed, 0 skipped"
  expect_nothing_left
}

test_failing_command_fails() {
  run_file <<<'test_one() {
  false
  echo not reached
}'
  expect_eq "$STATUS" 1 status
  expect_match "$OUT" 'FAIL [^ ]*: one'
  expect_match "$OUT" 'sample_test.sh:3: exit code 1 of: false'
  [[ $OUT != *"not reached"* ]] || fail "went on after a failed command"
  expect_eq "$(tail -n 1 <<<"$OUT")" "0 passed, 1 failed, 0 skipped"
}

test_failure_inside_helpers_fails() {
  run_file <<<'helper() { false; echo not reached; }
test_function() { helper; }
test_substitution() { x=$(helper); }
test_pipeline() { false | cat; }
test_unset() { echo $nothing_here; }
test_expectation_in_substitution() { x=$(expect_eq 1 2 number 2>&1); }
test_exit_code() { expect_fail 2 true; }
test_match() { expect_match abc "^b"; }
test_exit_code_among_words() { expect_match "$(expect_fail 2 echo text)" text; }'
  expect_eq "$(tail -n 1 <<<"$OUT")" "0 passed, 8 failed, 0 skipped"
  [[ $OUT != *"not reached"* ]] || fail "went on after a failed command"
  expect_match "$OUT" "sample_test.sh:7: number: got '1', want '2'"
  expect_match "$OUT" "sample_test.sh:8: exit code 0, want 2, of: true"
}

test_what_comes_right_while_waiting_passes() {
  run_file <<<'test_one() { tries() { expect_eq "$(cat "$TMP/x" 2>/dev/null)" 1; }; { sleep 0.3 && echo 1 >"$TMP/x"; } & wait_until 10 tries; }'
  expect_eq "$STATUS" 0 status
}

test_run_tests_in_a_condition_is_refused() {
  { echo ". '$ROOT/tests/lib/test.sh'"; echo 'test_one() { false; true; }'; echo 'run_tests "$@" || exit 1'; } >"$TMP/c_test.sh"
  OUT=$(expect_fail 1 bash "$TMP/c_test.sh")
  expect_match "$OUT" 'run_tests must stand alone'
}

test_skip() {
  run_file <<<'test_one() { skip "no such device"; false; }'
  expect_eq "$STATUS" 0 status
  expect_match "$OUT" 'SKIP [^ ]*: one \(0\.[0-9] s\): no such device'
  expect_eq "$(tail -n 1 <<<"$OUT")" "0 passed, 0 failed, 1 skipped"
}

test_exit_77_without_reason_fails() {
  run_file <<<'test_one() { exit 77; }'
  expect_eq "$STATUS" 1 status
}

test_timeout_fails() {
  ENV=TEST_TIMEOUT=1 run_file <<<'test_one() { sleep 600; }
test_two() { true; }'
  expect_eq "$STATUS" 1 status
  expect_match "$OUT" 'FAIL [^ ]*: one \(1\.[0-9] s\)'
  expect_match "$OUT" 'timeout: not finished after 1 s'
  expect_eq "$(tail -n 1 <<<"$OUT")" "1 passed, 1 failed, 0 skipped"
  expect_nothing_left
}

test_daemons_die() {
  run_file <<<"test_passes() { start_daemon a sleep 601; echo \$PID >>'$TMP/pids'; }
test_fails() { start_daemon b sleep 602; echo \$PID >>'$TMP/pids'; false; }
test_own_session() { setsid sleep 603 & echo \$! >>'$TMP/pids'; }
test_clean_environment() { start_daemon c env -i sleep 604; echo \$PID >>'$TMP/pids'; }"
  expect_eq "$(wc -l <"$TMP/pids")" 4 "processes started"
  while read -r pid; do
    lib_has_ended "$pid" || fail "process $pid still runs: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
  done <"$TMP/pids"
  expect_nothing_left
}

test_stubborn_daemon_is_killed() {
  run_file <<<"test_one() { start_daemon a bash -c \"trap '' TERM; echo ready; while :; do sleep 1; done\"
  echo \$PID >'$TMP/pid'; wait_until 5 grep -q ready \"\$TMP/a.log\"; }"
  expect_eq "$STATUS" 0 status
  expect_match "$OUT" 'ended with KILL'
  lib_has_ended "$(cat "$TMP/pid")" || fail "it still runs"
}

test_daemon_log_is_shown() {
  run_file <<<'test_one() { start_daemon kvd bash -c "echo the disk is full >&2"; wait_until 5 grep -q full "$TMP/kvd.log"; false; }'
  expect_match "$OUT" $'--- kvd.log[^\n]*\n  \\| the disk is full'
}

test_stop_daemon() {
  start_daemon a sleep 605
  stop_daemon "$PID"
  lib_has_ended "$PID" || fail "it still runs"
}

test_wait_until_gives_up() {
  run_file <<<'test_one() { wait_until 1 bash -c "echo nobody there; false"; }'
  expect_eq "$STATUS" 1 status
  expect_match "$OUT" 'not within 1 s: bash .*last said: nobody there'
}

test_interrupt_cleans_up() {
  run_file --list <<<"test_one() { start_daemon a sleep 606; echo \$PID >'$TMP/pid'; sleep 607; }"
  start_daemon runner env -u TMP -u TEST_STATE TMPDIR="$TMP/inner" bash "$TMP/sample_test.sh"
  wait_until 10 test -s "$TMP/pid"
  kill -TERM "$PID"
  wait_until 10 lib_has_ended "$PID"
  lib_has_ended "$(cat "$TMP/pid")" || fail "the daemon still runs"
  expect_nothing_left
}

test_selection_and_list() {
  local file='test_b() { true; }
test_a() { true; }
test_ab() { false; }'
  run_file --list <<<"$file"
  expect_eq "$(cut -d" " -f2 <<<"$OUT" | tr "\n" " ")" "b a ab " "order of the file"
  run_file test_b <<<"$file"
  expect_eq "$(tail -n 1 <<<"$OUT")" "1 passed, 1 failed, 0 skipped"
  run_file nothing <<<"$file"
  expect_eq "$STATUS" 2 status
  expect_match "$OUT" "no test is named like 'nothing' \\(there are: b a ab \\)"
  run_file --lisst <<<"$file"
  expect_eq "$STATUS" 2 status
}

test_file_without_tests_is_an_error() {
  run_file </dev/null
  expect_eq "$STATUS" 2 status
}

test_free_ports_differ() {
  local ports
  ports=$(for _ in {1..20}; do free_port; done)
  expect_eq "$(sort -u <<<"$ports" | wc -l)" 20
}

run_tests "$@"
