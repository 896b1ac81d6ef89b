#!/usr/bin/env bash
# The fuzz targets for a short while, two at a time; and that what they find is reported.
. "$(dirname "$0")/../lib/test.sh"

TEST_TIMEOUT=600
SECONDS_EACH=${FUZZ_SECONDS:-15}

fuzz() { "$ROOT/tools/fuzz.sh" --jobs 2 --seconds "$SECONDS_EACH" "$@"; }

test_requests() { fuzz http v2; }
test_other_members() { fuzz peer snapshot; }
test_log_and_options() { fuzz wal options; }
test_commands() { fuzz command; }
test_bundles() { fuzz config seccomp; }
test_words_of_run() { fuzz run_options user; }
test_states() { fuzz state; }

test_a_finding_is_reported() {
  local text
  text=$(expect_fail 1 fuzz selftest 2>&1)
  expect_match "$text" "FAIL selftest: .*no input begins with bug"
  expect_match "$text" "Test unit written to out/fuzz/found/selftest-crash-"
  rm -f "$ROOT"/out/fuzz/found/selftest-*
}

test_wrong_options() {
  expect_match "$(expect_fail 2 fuzz --secs 1 2>&1)" "unknown option of fuzz '--secs'"
  expect_match "$(expect_fail 2 fuzz htp 2>&1)" "did you mean 'http'"
}

run_tests "$@"
