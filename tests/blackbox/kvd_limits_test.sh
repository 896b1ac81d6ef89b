#!/usr/bin/env bash
# kvd at its bounds: the quota and its alarm, watchers that are too many or too slow, requests that are too large or too
# slow.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

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
  expect_eq "$(http_status "$KEYS/new" -XPUT -d value=1)" 500
  expect_eq "$(curl -s "$KEYS/in-order" -XPOST -d value=1)" "$refused"
  expect_eq "$(curl -s "$KEYS/dir" -XPUT -d dir=true)" "$refused"
  expect_eq "$(curl -s "$KEYS/lease" -XPUT -d value=2 -d prevValue=1)" "$refused"
  expect_match "$(curl -s "$KEYS/lease")" '"value":"1"'
  expect_match "$(curl -s "$KEYS/lease?quorum=true")" '"value":"1"'
  expect_match "$(curl -s "$KEYS/lease" -XPUT -d refresh=true -d ttl=50 -d prevExist=true)" '"action":"update"'
  expect_eq "$(http_status "$URL/v2/auth/users/root" -XPUT -d '{"user":"root","password":"x"}')" 201
  wait_until 10 bash -c "[[ \$(curl -s '$KEYS/short') == *100* ]]"
  # It lasts over a restart, and ends below 95 %.
  stop_daemon "$PID"
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" --quota-backend-bytes 1000000
  wait_until 10 curl -sf "$URL/health?exclude=NOSPACE"
  expect_eq "$(curl -s "$KEYS/new" -XPUT -d value=1)" "$refused"
  expect_match "$(curl -s "$KEYS/fill/0" -XDELETE)" '"action":"delete"'
  expect_eq "$(curl -s "$URL/health")" '{"health":"true"}'
  expect_eq "$(metric clusteros_kv_quota_exceeded)" 0
  expect_eq "$(http_status "$KEYS/new" -XPUT -d value=1)" 201
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

# Reads nothing until told; then everything until the end, and says what it got.
slow_reader() { # HOST:PORT PATH
  python3 - "$1" "$2" "$TMP/go" <<'PY'
import json, os, socket, sys, time
host, port = sys.argv[1].split(":")
reader = socket.socket()
reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
reader.settimeout(30)
reader.connect((host, int(port)))
reader.sendall(f"GET {sys.argv[2]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
while not os.path.exists(sys.argv[3]):
    time.sleep(0.02)
data = bytearray()
while part := reader.recv(1 << 20):
    data += part
    if b'"last"' in part:
        break
at, body, whole = data.index(b"\r\n\r\n") + 4, [], False
while at < len(data):
    end = data.index(b"\r\n", at)
    length = int(data[at:end], 16)
    body.append(data[end + 2:end + 2 + length])
    at = end + 4 + length
    whole = length == 0
for line in b"".join(body).decode().splitlines():
    event = json.loads(line)
    print(event["node"]["modifiedIndex"] if "node" in event else json.dumps(event))
if whole:
    print("whole")
PY
}

# Writes keys of 100 kB.
write_large() { # COUNT
  local i
  [[ -e $TMP/value ]] || head -c 100000 /dev/zero | tr '\0' x >"$TMP/value"
  for ((i = 0; i < $1; ++i)); do
    printf 'url=%s\nrequest=PUT\ndata-urlencode=value@%s\noutput=/dev/null\n' "$KEYS/large" "$TMP/value"
    ((i + 1 == $1)) || echo next
  done >"$TMP/requests"
  curl -sf -K "$TMP/requests"
}

test_slow_stream_falls_behind_and_misses_nothing() {
  start_kvd
  slow_reader "127.0.0.1:$PORT" '/v2/keys/?wait=true&stream=true&recursive=true' >"$TMP/seen" &
  local reader=$!
  wait_until 10 watched_by 1 "$URL"
  # 24 MB in 240 events, and as much of the values before.
  write_large 240
  curl -sf "$KEYS/end" -XPUT -d value=last >/dev/null
  touch "$TMP/go"
  wait "$reader"
  expect_eq "$(tr '\n' ' ' <"$TMP/seen")" "$(seq -s ' ' 4 244) " "the events that the slow reader saw"
}

test_stream_that_the_history_left_behind_ends_with_its_index() {
  start_kvd
  slow_reader "127.0.0.1:$PORT" '/v2/keys/?wait=true&stream=true&recursive=true' >"$TMP/seen" &
  local reader=$!
  wait_until 10 watched_by 1 "$URL"
  write_large 600
  touch "$TMP/go"
  wait "$reader"
  expect_eq "$(tail -1 "$TMP/seen")" whole "the stream's end"
  local seen ended
  seen=$(grep -c '^[0-9]*$' "$TMP/seen")
  ended=$(grep errorCode "$TMP/seen")
  # What it saw has no gap, and the end says which one would have been next.
  expect_eq "$(grep '^[0-9]*$' "$TMP/seen" | tr '\n' ' ')" "$(seq -s ' ' 4 $((seen + 3))) " "the events before the end"
  expect_match "$ended" '"errorCode": 401, .*"the requested history has been cleared \[[0-9]+/'$((seen + 4))'\]", "index": 603'
  expect_match "$(curl -s "$KEYS/?wait=true&recursive=true&waitIndex=603")" '"modifiedIndex":603'
}

test_watchers_have_a_bound() {
  start_kvd --max-watchers 3
  local i
  local -a watchers=()
  for i in 1 2 3; do
    curl -s "$KEYS/w$i?wait=true" >"$TMP/w$i" &
    watchers+=($!)
  done
  wait_until 10 watched_by 3 "$URL"
  expect_eq "$(curl -s "$KEYS/w4?wait=true")" \
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: too many watchers","index":0}'
  expect_eq "$(http_status "$KEYS/w4?wait=true&stream=true")" 500
  # Reads and writes go on, and a watch that ends makes room.
  expect_eq "$(http_status "$KEYS/w1" -XPUT -d value=1)" 201
  wait "${watchers[0]}"
  expect_match "$(cat "$TMP/w1")" '"key":"/w1"'
  curl -s "$KEYS/w4?wait=true&waitIndex=4" >"$TMP/w4" &
  wait_until 10 watched_by 3 "$URL"
}

# Opens COUNT connections to PORT that send nothing or a part of a request; prints how many the other side closed, and
# keeps the rest until it is ended.
hold_connections() { # PORT COUNT TEXT
  python3 - "$@" <<'PY'
import select, socket, sys, time
port, count, text = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode()
held, closed = [], 0
for _ in range(count):
    one = socket.create_connection(("127.0.0.1", port))
    try:
        one.sendall(text)
    except OSError:
        pass
    held.append(one)
while True:
    for one in select.select(held, [], [], 0.1)[0]:
        try:
            gone = one.recv(65536) == b""
        except OSError:
            gone = True
        if gone:
            held.remove(one)
            closed += 1
    print(closed, flush=True)
PY
}

test_clients_leave_descriptors_for_the_store() {
  choose_address
  local metrics
  metrics=http://127.0.0.1:$(free_port)
  # Room for 600 - 256 clients.
  start_daemon kvd bash -c 'ulimit -n 600 && exec "$@"' kvd "$CLUSTERCTL" kvd --data-dir "$TMP/data" \
    --listen-client-urls "$URL" --listen-metrics-urls "$metrics"
  wait_until 10 curl -sf "$URL/health"
  hold_connections "$PORT" 500 '' >"$TMP/closed" &
  over_150_closed() { (($(tail -1 "$TMP/closed" 2>/dev/null || echo 0) >= 150)); }
  wait_until 20 over_150_closed
  (($(tail -1 "$TMP/closed") <= 160)) || fail "$(tail -1 "$TMP/closed") of 500 connections were closed"
  # The metrics port has a budget of its own, and the log grows into new files.
  wait_until 10 curl -sf "$metrics/health"
  curl -sf "$metrics/metrics" >/dev/null
  local files
  files=$(find "/proc/$PID/fd" -type l | wc -l)
  ((files < 500)) || fail "$files descriptors of 600 are in use"
}

test_large_requests_and_headers_are_refused() {
  start_kvd --max-request-bytes 5000
  head -c 6000 /dev/zero | tr '\0' x >"$TMP/large"
  local path
  for path in /v2/keys/a /v2/members /v2/auth/users/x /v2/auth/enable /config/local/log; do
    expect_eq "$(http_status "$URL$path" -XPUT -H 'Content-Type: application/json' --data-binary "@$TMP/large" -H 'Expect:')" 413
  done
  expect_eq "$(http_status "$KEYS/a" -XPOST -H 'Transfer-Encoding: chunked' --data-binary "@$TMP/large" -H 'Expect:')" 413
  head -c 70000 /dev/zero | tr '\0' x >"$TMP/header"
  expect_eq "$(http_status "$KEYS/a" -H "X-Long: $(cat "$TMP/header")")" 431
  expect_eq "$(http_status "$KEYS/a?$(cat "$TMP/header")")" 431
  expect_eq "$(http_status "$KEYS/a" -XPUT -d value=1)" 201
}

run_tests "$@"
