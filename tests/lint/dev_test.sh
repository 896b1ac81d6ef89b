#!/usr/bin/env bash
# ./dev refuses wrong usage in one line, lets only one at a time into a checkout, and ./dev test cannot count a crash,
# an empty program or a lost summary as passed.
. "$(dirname "$0")/../lib/test.sh"

# A checkout with the tools alone; its ./dev uses the SDK that this test runs in.
make_checkout() {
  TREE=$TMP/tree
  mkdir -p "$TREE"
  cp -r "$ROOT"/{dev,tools,CMakePresets.json} "$TREE/"
}

# refused COMMAND…: exit code 2 and one line, which is put into OUT.
refused() {
  OUT=$(expect_fail 2 "$TREE/dev" "$@" 2>&1)
  expect_eq "$(wc -l <<<"$OUT")" 1 "lines of: $OUT"
}

test_wrong_usage() {
  make_checkout
  refused tets
  expect_match "$OUT" "^dev: unknown command 'tets' \\(did you mean 'test'\\? allowed: up down logs build"
  refused build --prest
  expect_match "$OUT" "unknown option of build '--prest' \\(did you mean '--preset'\\?"
  refused build --preset
  expect_match "$OUT" "option '--preset' needs a value"
  refused build --preset nothing
  expect_match "$OUT" "unknown preset 'nothing' \\(allowed: dev release asan"
  refused test --only unti
  expect_match "$OUT" "unknown tier 'unti' \\(did you mean 'unit'\\?"
  refused test --jobs 0
  refused lint tidi
}

test_every_command_has_help() {
  local command
  for command in up down logs build test image shell bench sim lint fmt clean help; do
    expect_match "$("$ROOT/dev" "$command" --help 2>&1)" "[Uu]sage: ./dev (COMMAND|$command)"
    expect_match "$("$ROOT/dev" --help)" "  $command |help"
  done
}

test_one_at_a_time() {
  make_checkout
  printf '#!/bin/bash\n[ "$1" = --help ] || { touch "$0.runs"; exec sleep 600; }\n' >"$TREE/tools/bench.sh"
  start_daemon first "$TREE/dev" bench
  wait_until 10 test -e "$TREE/tools/bench.sh.runs"
  OUT=$(expect_fail 1 "$TREE/dev" clean 2>&1)
  expect_match "$OUT" "another ./dev is at work in this checkout: process [0-9]+, './dev bench', since"
  stop_daemon "$PID"
  "$TREE/dev" clean
}

test_clean_says_what_it_removes() {
  make_checkout
  mkdir -p "$TREE/out/dev"
  echo a >"$TREE/out/dev/file"
  expect_match "$(CLUSTEROS_CACHE=$TMP/cache "$TREE/dev" clean)" "removing $TREE/out/dev"
  [[ ! -e $TREE/out/dev ]] || fail "it is still there"
}

test_progress_and_failure_of_a_step() {
  . "$ROOT/tools/common.sh"
  OUT=$(expect_fail 3 run_logged "the step" "$TMP/step.log" bash -c 'echo the reason; exit 3' 2>&1)
  expect_match "$OUT" "the step: failed with exit code 3 after [0-9]+ s; the end of .*/step.log:"
  expect_match "$OUT" "  \\| the reason"
}

# count_of KIND LOG-TEXT STATUS: the sums and names that tools/test_count.sh makes of it.
count_of() {
  (
    . "$ROOT/tools/common.sh"
    . "$ROOT/tools/test_count.sh"
    printf '%s\n' "$2" >"$TMP/log"
    "count_$1" sample "$TMP/log" "$3" 2>/dev/null
    summary || true
  )
}

expect_count() { expect_eq "$(tail -n 1 <<<"$1")" "$2" "the sum of: $1"; }

test_doctest_is_counted() {
  local line='[doctest] test cases:'
  expect_count "$(count_of doctest "$line  12 |  12 passed | 0 failed | 0 skipped" 0)" "12 passed, 0 failed, 0 skipped"
  OUT=$(count_of doctest "TEST CASE:  it adds
ERROR: CHECK( 1 == 2 )
$line  12 |  11 passed | 1 failed | 2 skipped" 1)
  expect_count "$OUT" "11 passed, 1 failed, 2 skipped"
  expect_match "$OUT" "failed: sample: it adds"
  # The second one's name was not printed.
  expect_count "$(count_of doctest "TEST CASE:  it adds
$line  12 |  10 passed | 2 failed | 0 skipped" 1)" "10 passed, 2 failed, 0 skipped"
}

test_doctest_crash_is_a_failure() {
  local line='[doctest] test cases:'
  expect_count "$(count_of doctest "Segmentation fault" 139)" "0 passed, 1 failed, 0 skipped"
  expect_count "$(count_of doctest "" 0)" "0 passed, 1 failed, 0 skipped"
  expect_count "$(count_of doctest "$line  0 |  0 passed | 0 failed | 0 skipped" 0)" "0 passed, 1 failed, 0 skipped"
  expect_count "$(count_of doctest "$line  3 |  3 passed | 0 failed | 0 skipped
==1==ERROR: LeakSanitizer: detected memory leaks" 1)" "3 passed, 1 failed, 0 skipped"
}

test_lines_are_counted() {
  OUT=$(count_of lines "PASS blackbox/a: one (0.1 s)
FAIL blackbox/a: two (0.1 s)
SKIP blackbox/a: three (0.1 s): no such device
1 passed, 1 failed, 1 skipped" 1)
  expect_count "$OUT" "1 passed, 1 failed, 1 skipped"
  expect_match "$OUT" "failed: blackbox/a: two"
  expect_match "$OUT" "skipped: blackbox/a: three: no such device"
}

test_lost_summary_is_a_failure() {
  expect_count "$(count_of lines "PASS blackbox/a: one (0.1 s)" 0)" "1 passed, 1 failed, 0 skipped"
  expect_count "$(count_of lines "PASS blackbox/a: one (0.1 s)
2 passed, 0 failed, 0 skipped" 0)" "1 passed, 1 failed, 0 skipped"
  expect_count "$(count_of lines "PASS blackbox/a: one (0.1 s)
1 passed, 0 failed, 0 skipped" 139)" "1 passed, 1 failed, 0 skipped"
  expect_count "$(count_of lines "0 passed, 0 failed, 0 skipped" 0)" "0 passed, 1 failed, 0 skipped"
}

run_tests "$@"
