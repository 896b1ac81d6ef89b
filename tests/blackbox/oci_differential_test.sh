#!/usr/bin/env bash
# The same 200 generated config.json files, good ones and bad ones, for crun and for oci-runtime: both refuse the same, and what the
# containers see is the same, but for what tests/differential/oci/rules.py lists.
#
# From outside: SEED=N, NUMBER=N (that configuration alone).

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --mount --propagation private --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
TEST_TIMEOUT=120

differential() {
  chmod 755 "$TMP"
  PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/differential/oci/run.py" --clusterctl "$CLUSTERCTL" --work "$TMP" "$@"
}

test_the_same_configurations_as_crun() {
  differential ${SEED:+--seed "$SEED"} ${NUMBER:+--number "$NUMBER"}
}

# The comparison finds what differs.
test_a_difference_is_found() {
  local text
  text=$(expect_fail 1 differential --number 0 --without no-link-to-kcore)
  expect_match "$text" 'seed 1, configuration 0'
  expect_match "$text" '-/dev/core'
  expect_match "$text" '1 different'
}

run_tests "$@"
