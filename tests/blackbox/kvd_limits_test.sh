#!/usr/bin/env bash
# kvd at its bounds: the quota and its alarm, watchers that are too many or too slow, requests that are too large or too
# slow.
. "$(dirname "$0")/../lib/test.sh"

start_kvd() {
  PORT=$(free_port)
  URL=http://127.0.0.1:$PORT
  KEYS=$URL/v2/keys
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" "$@"
  wait_until 10 curl -sf "$URL/health"
}

status() {
  curl -s -o /dev/null -w '%{http_code}' "$@"
}

metric() { # NAME
  curl -s "$URL/metrics" | sed -n "s/^$1 //p"
}

test_quota_refuses_what_adds_until_enough_is_removed() {
  start_kvd --quota-backend-bytes 1000000
  expect_eq "$(metric etcd_server_quota_backend_bytes)" 1000000
  head -c 100000 /dev/zero | tr '\0' x >"$TMP/value"
  curl -sf "$KEYS/lease" -XPUT -d value=1 -d ttl=100 >/dev/null
  curl -sf "$KEYS/short" -XPUT -d value=1 -d ttl=2 >/dev/null
  local i=0 refused='{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: mvcc: database space exceeded","index":0}'
  while [[ $(curl -s "$KEYS/fill/$i" -XPUT --data-urlencode "value@$TMP/value" | tee "$TMP/answer") != "$refused" ]]; do
    grep -q '"action":"set"' "$TMP/answer" || fail "got $(head -c 300 "$TMP/answer")"
    i=$((i + 1))
    ((i < 20)) || fail "the quota is not there"
  done
  expect_eq "$i" 10 "values that fitted in, and the one above"
  # The alarm is seen everywhere.
  expect_eq "$(curl -s "$URL/health")" '{"health":"false"}'
  expect_eq "$(curl -s "$URL/health?exclude=NOSPACE")" '{"health":"true"}'
  expect_eq "$(metric clusteros_kv_quota_exceeded)" 1
  expect_match "$(expect_fail 5 applet kvctl --endpoints "$URL" cluster-health)" 'is unhealthy: got unhealthy result'
  expect_eq "$(grep -c 'alarm NOSPACE: the state has [0-9]* bytes, the quota is 1000000' "$TMP/kvd.log")" 1
  # All that adds is refused, all else goes on.
  expect_eq "$(curl -s "$KEYS/new" -XPUT -d value=1)" "$refused"
  expect_eq "$(status "$KEYS/new" -XPUT -d value=1)" 500
  expect_eq "$(curl -s "$KEYS/in-order" -XPOST -d value=1)" "$refused"
  expect_eq "$(curl -s "$KEYS/dir" -XPUT -d dir=true)" "$refused"
  expect_eq "$(curl -s "$KEYS/lease" -XPUT -d value=2 -d prevValue=1)" "$refused"
  expect_match "$(curl -s "$KEYS/lease")" '"value":"1"'
  expect_match "$(curl -s "$KEYS/lease?quorum=true")" '"value":"1"'
  expect_match "$(curl -s "$KEYS/lease" -XPUT -d refresh=true -d ttl=50 -d prevExist=true)" '"action":"update"'
  expect_eq "$(status "$URL/v2/auth/users/root" -XPUT -d '{"user":"root","password":"x"}')" 201
  wait_until 10 bash -c "[[ \$(curl -s '$KEYS/short') == *100* ]]"
  # It lasts over a restart, and ends below 95 %.
  stop_daemon "$PID"
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" --quota-backend-bytes 1000000
  wait_until 10 curl -sf "$URL/health?exclude=NOSPACE"
  expect_eq "$(curl -s "$KEYS/new" -XPUT -d value=1)" "$refused"
  expect_match "$(curl -s "$KEYS/fill/0" -XDELETE)" '"action":"delete"'
  expect_eq "$(curl -s "$URL/health")" '{"health":"true"}'
  expect_eq "$(metric clusteros_kv_quota_exceeded)" 0
  expect_eq "$(status "$KEYS/new" -XPUT -d value=1)" 201
  grep -q 'alarm NOSPACE is over' "$TMP/kvd.log" || fail "the log does not say that the alarm is over"
}

test_quota_option() {
  start_kvd --quota-backend-bytes=-1
  expect_eq "$(metric etcd_server_quota_backend_bytes)" 0
  stop_daemon "$PID"
  start_kvd
  expect_eq "$(metric etcd_server_quota_backend_bytes)" 2147483648
  expect_match "$(expect_fail 2 applet kvd --quota-backend-bytes 2G 2>&1)" "'2G' is not a number"
}

run_tests "$@"
