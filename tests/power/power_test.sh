#!/usr/bin/env bash
# Power cuts: the store's daemon is killed at random points and its unsynced writes are dropped. It starts clean and has
# lost nothing that it acknowledged; and the test finds it when a sync is taken out.
. "$(dirname "$0")/../lib/test.sh"

TEST_TIMEOUT=600
POWER=$ROOT/out/release/kv_power

power() {
  [[ -x $POWER ]] || fail "out/release/kv_power was not built"
  TMPDIR=$TMP "$POWER" "$@"
}

test_500_cuts_lose_nothing() {
  power --seed "${POWER_SEED:-$((RANDOM * 32768 + RANDOM))}" --cuts 500 --stories 10 | tee "$TMP/report"
  # The points are where they are meant to be.
  local what
  for what in 'by part: [0-9]+ in log' '[0-9]+ in segment' '[0-9]+ in store.db-wal' '[0-9]+ in store.db[ ,;]' \
    '[1-9][0-9]* while starting' '[1-9][0-9]* of a first start' "[1-9][0-9]* during a snapshot's install"; do
    expect_match "$(<"$TMP/report")" "$what"
  done
}

# lie WHAT: with syncs that do nothing something must be found.
lie() {
  local text
  text=$(expect_fail 1 power --seed 1 --cuts 80 --stories 4 --lie "$1")
  expect_match "$text" "FAIL seed 1, story [0-9]+"
  echo "$text"
}

test_a_log_that_is_not_synced_is_found() {
  expect_match "$(lie log)" "lost: write [0-9]+ was answered|read the log [0-9]+.wal: "
}
test_a_database_that_is_not_synced_is_found() { lie store; }
test_directories_that_are_not_synced_are_found() { lie names; }

test_wrong_options() {
  expect_match "$(expect_fail 2 power --sede 1 2>&1)" "unknown option '--sede'"
  expect_match "$(expect_fail 2 power --lie me 2>&1)" "is not one of log, store, names"
}

run_tests "$@"
