#!/usr/bin/env bash
# Simulated clusters of the store: fixed seeds, those that found something once, and fresh ones; and the checker of histories.
. "$(dirname "$0")/../lib/test.sh"

TEST_TIMEOUT=900
ROOT=$(cd "$(dirname "$0")/../.." && pwd)

# sim BUILD FIRST COUNT [OPTION…]
sim() {
  [[ -x $ROOT/out/$1/kv_sim ]] || fail "out/$1/kv_sim was not built"
  "$ROOT/out/$1/kv_sim" --seed "$2" --seeds "$3" "${@:4}"
}

test_checker_of_histories() {
  "$ROOT/out/release/sim_test" --no-colors
}

# kv_history: the same checker on histories in files.
check_history() { "$ROOT/out/release/kv_history" "$@"; }

test_histories_in_files() {
  local text
  expect_eq "$(check_history "$ROOT/tests/sim/histories/good.jsonl")" \
    "13 calls (2 without an answer) on 2 keys: 0 not linearizable, 0 undecided"
  text=$(expect_fail 1 check_history "$ROOT/tests/sim/histories/lost_write.jsonl")
  expect_match "$text" '^the calls on /k have no order in which all answers are right:
.*\[4, 5\] write  a2 -> ok
.*\[6, 7\] read   -> a1
5 calls \(1 without an answer\) on 2 keys: 1 not linearizable, 0 undecided$'
  expect_match "$(expect_fail 1 check_history "$ROOT/tests/sim/histories/stale_read.jsonl")" '1 not linearizable'
}

test_undecided_histories_are_named() {
  # So many writes without an answer have too many orders, and the read of what nobody wrote makes it look at all.
  local number
  for ((number = 0; number < 40; ++number)); do
    echo '{"call":"write","key":"/k","value":"'"$number"'","from":1}'
    echo '{"call":"read","key":"/k","from":'$((number * 2 + 2))',"to":'$((number * 2 + 3))',"seen":"'$((number / 2))'"}'
  done >"$TMP/history"
  echo '{"call":"read","key":"/k","from":100,"to":101,"seen":"x"}' >>"$TMP/history"
  expect_match "$(check_history "$TMP/history")" '^undecided: /k, .*0 not linearizable, 1 undecided$'
}

test_broken_histories_are_refused() {
  echo '{"call":"write","key":"/k","value":"a","from":1,"to":2}' >"$TMP/history"
  local line
  for line in '{"call":"push","key":"/k","from":1}' '{"call":"write","key":"/k","from":1}' '{"call":"read","key":"/k","from":1,"to":2}' \
    '{"call":"read","key":"/k","from":3,"to":2,"seen":null}' '{"call":"swap","key":"/k","value":"b","from":1}' '[]' 'x' \
    '{"call":"delete","key":"/k","from":1,"to":2}' '{"call":"write","key":7,"value":"a","from":1}'; do
    { cat "$TMP/history" && echo "$line"; } >"$TMP/broken"
    expect_match "$(expect_fail 2 check_history "$TMP/broken" 2>&1)" "broken:2"
  done
  : >"$TMP/empty"
  expect_match "$(expect_fail 2 check_history "$TMP/empty" 2>&1)" "it has no call"
  expect_match "$(expect_fail 2 check_history "$TMP/none" 2>&1)" "No such file"
  expect_match "$(expect_fail 2 check_history 2>&1)" "usage"
}

# On two cores at once.
test_fixed_seeds_1_to_300() {
  sim release 1 150 >"$TMP/first" &
  local first=$!
  sim release 151 150
  wait "$first" || fail "$(cat "$TMP/first")"
}

test_fresh_seeds() {
  sim release "$((RANDOM * 32768 + RANDOM))" 30
}

# Each once found something; what, is in tests/sim/seeds.
test_seeds_that_found_something() {
  local seed rest
  while read -r seed rest; do
    [[ $seed == \#* || -z $seed ]] || sim release "$seed" 1 || fail "again: $rest"
  done <"$ROOT/tests/sim/seeds"
}

test_under_the_sanitizers() {
  sim asan 1000 6 --seconds 10
  sim tsan 2000 3 --seconds 10
}

test_wrong_options() {
  expect_match "$(expect_fail 2 "$ROOT/out/release/kv_sim" --sede 1 2>&1)" "unknown option '--sede'"
  expect_match "$(expect_fail 2 "$ROOT/out/release/kv_sim" --seed x 2>&1)" "'x' is not a number"
}

run_tests "$@"
