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
}

test_wrong_options() {
  expect_match "$(expect_fail 2 "$ROOT/out/release/kv_sim" --sede 1 2>&1)" "unknown option '--sede'"
  expect_match "$(expect_fail 2 "$ROOT/out/release/kv_sim" --seed x 2>&1)" "a number is wanted"
}

run_tests "$@"
