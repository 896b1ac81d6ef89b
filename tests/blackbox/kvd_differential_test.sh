#!/usr/bin/env bash
# The same requests, random and many, for the real etcd 3.4.23 and for kvd: all that they answer is the same, but for
# what docs/kv.md lists. See tests/differential/.
#
# From outside: REQUESTS=N (default 20000), SEED=N (that sequence alone).
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"
TEST_TIMEOUT=240

differential() { PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/differential/run.py" "$@"; }

start_both() {
  need_etcd
  start_etcd
  start_kvd_in_memory
}

test_random_requests() {
  start_both
  differential --etcd "$ETCD_URL" --kvd "$KVD_URL" --requests "${REQUESTS:-20000}" ${SEED:+--seed "$SEED"}
}

# Requests go to one member after the other, and what must be fresh is asked for with a quorum read first.
test_random_requests_to_three_members() {
  need_etcd
  start_etcd
  STARTER=start_in_memory start_cluster a b c
  differential --etcd "$ETCD_URL" --kvd "$(IFS=, && echo "${CLIENT_URL[*]}")" --requests "${REQUESTS:-20000}" ${SEED:+--seed "$SEED"}
}

test_each_listed_difference_is_there() {
  start_both
  differential --etcd "$ETCD_URL" --kvd "$KVD_URL" --witnesses
  local row
  differential --etcd - --kvd - --rows >"$TMP/rows"
  while IFS= read -r row; do
    grep -qF "| $row |" "$ROOT/docs/kv.md" || fail "docs/kv.md has no row '$row'"
  done <"$TMP/rows"
}

# The comparison finds what differs, and shrinks it.
test_a_difference_is_found_and_shrunk() {
  start_both
  local text
  text=$(expect_fail 1 differential --etcd "$ETCD_URL" --kvd "$KVD_URL" --seed 3 --without listing-order)
  expect_match "$text" 'body differs; shrinking [0-9]+ requests'
  expect_match "$text" '# <- here'
  local count
  count=$(grep -c '^curl ' <<<"$text")
  ((count <= 4)) || fail "$count requests where three show it: $text"
}

run_tests "$@"
