#!/usr/bin/env bash
# kvd: etcd's v2 API as curl sees it, and that nothing that was answered is lost: over kill -9 under load, restarts,
# a full disk and a second kvd on the same data.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

test_first_write_has_index_4() {
  start_kvd
  expect_eq "$(curl -s "$KEYS/message" -XPUT -d value='Hello world')" \
    '{"action":"set","node":{"key":"/message","value":"Hello world","modifiedIndex":4,"createdIndex":4}}'
  expect_eq "$(curl -s "$KEYS/message")" \
    '{"action":"get","node":{"key":"/message","value":"Hello world","modifiedIndex":4,"createdIndex":4}}'
  expect_eq "$(curl -s "$KEYS/message" -XPUT -d value='Hello etcd')" \
    '{"action":"set","node":{"key":"/message","value":"Hello etcd","modifiedIndex":5,"createdIndex":5},"prevNode":{"key":"/message","value":"Hello world","modifiedIndex":4,"createdIndex":4}}'
  expect_eq "$(curl -s "$KEYS/message" -XDELETE)" \
    '{"action":"delete","node":{"key":"/message","modifiedIndex":6,"createdIndex":5},"prevNode":{"key":"/message","value":"Hello etcd","modifiedIndex":5,"createdIndex":5}}'
}

test_status_and_headers() {
  start_kvd
  expect_eq "$(http_status "$KEYS/a" -XPUT -d value=1)" 201
  expect_eq "$(http_status "$KEYS/a" -XPUT -d value=2)" 200
  expect_eq "$(http_header x-etcd-index "$KEYS/a")" 5
  expect_match "$(http_header x-etcd-cluster-id "$KEYS/a")" '^[0-9a-f]{1,16}$'
  expect_match "$(http_header x-raft-index "$KEYS/a")" '^[0-9]+$'
  expect_match "$(http_header x-raft-term "$KEYS/a")" '^[0-9]+$'
  expect_eq "$(http_header content-type "$KEYS/a")" application/json
  expect_eq "$(http_header x-raft-term "$KEYS/none")" ''
  expect_eq "$(http_header x-etcd-index "$KEYS/a?wait=x")" 0
  local length
  length=$(curl -sI "$KEYS/a" | tr -d '\r' | sed -n 's/^content-length: //ip')
  ((length > 0)) || fail "HEAD says Content-Length $length"
}

test_errors_have_their_status_and_body() {
  start_kvd
  curl -sf "$KEYS/file" -XPUT -d value=1 >/dev/null
  curl -sf "$KEYS/dir/x" -XPUT -d value=1 >/dev/null
  expect_eq "$(curl -s "$KEYS/none/x")" '{"errorCode":100,"message":"Key not found","cause":"/none","index":5}'
  expect_eq "$(http_status "$KEYS/none")" 404
  expect_eq "$(http_status "$KEYS/file?prevValue=2" -XPUT -d value=3)" 412
  expect_eq "$(curl -s "$KEYS/file?prevValue=2" -XPUT -d value=3)" \
    '{"errorCode":101,"message":"Compare failed","cause":"[2 != 1]","index":5}'
  expect_eq "$(http_status "$KEYS/file?prevExist=false" -XPUT -d value=3)" 412
  expect_eq "$(http_status "$KEYS/dir" -XPUT -d value=3)" 403
  expect_eq "$(http_status "$KEYS/dir?dir=true" -XDELETE)" 403
  expect_eq "$(http_status "$KEYS/file/x" -XPUT -d value=3)" 400
  expect_eq "$(curl -s "$KEYS/?recursive=true" -XDELETE)" \
    '{"errorCode":107,"message":"Root is read only","cause":"/","index":5}'
  expect_eq "$(curl -s "$KEYS/file" -XPUT -d value=1 -d ttl=soon)" \
    '{"errorCode":202,"message":"The given TTL in POST form is not a number","cause":"invalid value for \"ttl\"","index":0}'
}

test_paths_and_methods() {
  start_kvd
  expect_eq "$(http_status "$URL/v2//keys/a")" 301
  expect_eq "$(http_header location "$URL/v2/./keys//a?wait=true" --path-as-is)" '/v2/keys/a?wait=true'
  expect_eq "$(http_status "$URL/nothing")" 404
  expect_eq "$(curl -s "$URL/v2/keysx")" '404 page not found'
  expect_eq "$(http_status "$KEYS/a" -XPATCH)" 405
  expect_eq "$(http_header allow "$KEYS/a" -XPATCH)" 'HEAD,GET,PUT,POST,DELETE'
  expect_eq "$(http_status "$KEYS/a%zz")" 400
  curl -sf "$KEYS/x%2Fy" -XPUT -d value=1 >/dev/null
  expect_match "$(curl -s "$KEYS/x/y")" '"key":"/x/y"'
}

test_large_and_odd_requests_are_refused() {
  start_kvd
  head -c 3000000 /dev/zero | tr '\0' x >"$TMP/large"
  expect_eq "$(http_status "$KEYS/a" -XPUT --data-urlencode "value@$TMP/large" -H 'Expect:')" 413
  local deep
  deep=$(printf '/k%.0s' {1..600})
  expect_eq "$(http_status "$KEYS$deep" -XPUT -d value=1)" 400
  printf 'nonsense\r\n\r\n' >/dev/tcp/127.0.0.1/"$PORT"
  expect_eq "$(http_status "$KEYS/a" -XPUT -d value=1)" 201
}

test_directories_hidden_nodes_and_order() {
  start_kvd
  curl -sf "$KEYS/q" -XPOST -d value=one >/dev/null
  curl -sf "$KEYS/q" -XPOST -d value=two >/dev/null
  expect_eq "$(curl -s "$KEYS/q?recursive=true&sorted=true")" \
    '{"action":"get","node":{"key":"/q","dir":true,"nodes":[{"key":"/q/00000000000000000004","value":"one","modifiedIndex":4,"createdIndex":4},{"key":"/q/00000000000000000005","value":"two","modifiedIndex":5,"createdIndex":5}],"modifiedIndex":4,"createdIndex":4}}'
  curl -sf "$KEYS/_secret" -XPUT -d value=1 >/dev/null
  expect_match "$(curl -s "$KEYS/_secret")" '"value":"1"'
  [[ $(curl -s "$KEYS/") != *_secret* ]] || fail "a hidden node is listed"
}

test_watch_waits_and_wakes() {
  start_kvd
  curl -s "$KEYS/foo?wait=true" >"$TMP/event" &
  local watcher=$!
  wait_until 10 watched_by 1 "$URL"
  curl -sf "$KEYS/foo" -XPUT -d value=bar >/dev/null
  wait "$watcher"
  expect_eq "$(cat "$TMP/event")" \
    '{"action":"set","node":{"key":"/foo","value":"bar","modifiedIndex":4,"createdIndex":4}}'
  expect_eq "$(curl -s "$KEYS/foo?wait=true&waitIndex=4")" "$(cat "$TMP/event")"
}

test_stream_delivers_everything_once() {
  start_kvd
  curl -sf "$KEYS/d/before" -XPUT -d value=0 >/dev/null
  curl -sN "$KEYS/d?wait=true&stream=true&recursive=true&waitIndex=4" >"$TMP/stream" &
  local watcher=$!
  wait_until 10 grep -q before "$TMP/stream"
  curl -sf "$KEYS/d/x" -XPUT -d value=1 >/dev/null
  curl -sf "$KEYS/d/_hidden" -XPUT -d value=1 >/dev/null
  curl -sf "$KEYS/d/x" -XPUT -d refresh=true -d ttl=100 -d prevExist=true >/dev/null
  curl -sf "$KEYS/d?recursive=true" -XDELETE >/dev/null
  wait_until 10 grep -q '"action":"delete"' "$TMP/stream"
  curl -sf "$KEYS/d/last" -XPUT -d value=1 >/dev/null
  wait_until 10 grep -q last "$TMP/stream"
  kill "$watcher"
  expect_eq "$(grep -o '"action":"[a-z]*","node":{"key":"[^"]*"' "$TMP/stream" | sed 's/.*key"://' | tr '\n' ' ')" \
    '"/d/before" "/d/x" "/d" "/d/last" '
}

test_watch_ends_with_its_client() {
  start_kvd
  curl -s "$KEYS/foo?wait=true" >/dev/null &
  local watcher=$!
  wait_until 10 watched_by 1 "$URL"
  kill "$watcher"
  wait_until 10 watched_by 0 "$URL"
}

test_ttl_ends_a_key() {
  start_kvd
  expect_match "$(curl -s "$KEYS/t" -XPUT -d value=1 -d ttl=1)" '"expiration":"20[^"]*Z","ttl":1,'
  expect_match "$(curl -s "$KEYS/t?wait=true")" '^\{"action":"expire","node":\{"key":"/t","modifiedIndex":5'
  expect_eq "$(http_status "$KEYS/t")" 404
}

# Writers note each value that was answered; kvd is killed under them, again and again.
test_kill_9_under_load_loses_nothing_answered() {
  start_kvd
  local round writer
  local -a writers
  for round in 1 2 3; do
    : >"$TMP/acknowledged-$round"
    writers=()
    for writer in 1 2 3 4; do
      (
        n=0
        while curl -sf "$KEYS/load/$round/$writer-$n" -XPUT -d "value=v$n" >/dev/null; do
          echo "/load/$round/$writer-$n v$n" >>"$TMP/acknowledged-$round"
          n=$((n + 1))
        done
      ) &
      writers+=($!)
    done
    wait_until 30 bash -c "(( \$(wc -l <$TMP/acknowledged-$round) > 150 ))"
    stop_daemon "$PID" KILL
    # They end with the store; the next one must not be there before.
    wait "${writers[@]}" || true
    start_kvd
  done
  curl -s "$KEYS/load?recursive=true" | grep -o '"key":"[^"]*","value":"[^"]*"' |
    sed 's/"key":"//;s/","value":"/ /;s/"$//' | sort >"$TMP/there"
  for round in 1 2 3; do
    expect_eq "$(sort "$TMP/acknowledged-$round" | comm -23 - "$TMP/there" | head -3)" '' "lost in round $round"
  done
}

test_restart_keeps_everything() {
  start_kvd
  local before
  curl -sf "$KEYS/a/b" -XPUT --data-urlencode 'value=ä <&> "' >/dev/null
  curl -sf "$KEYS/empty" -XPUT -d dir=true >/dev/null
  curl -sf "$KEYS/lease" -XPUT -d value=1 -d ttl=500 >/dev/null
  before=$(curl -s "$KEYS/?recursive=true" | sed 's/,"ttl":[0-9]*//')
  local cluster
  cluster=$(http_header x-etcd-cluster-id "$KEYS/")
  stop_daemon "$PID"
  start_kvd
  expect_eq "$(curl -s "$KEYS/?recursive=true" | sed 's/,"ttl":[0-9]*//')" "$before"
  expect_eq "$(http_header x-etcd-cluster-id "$KEYS/")" "$cluster"
  expect_match "$(curl -s "$KEYS/lease")" '"ttl":(500|49[0-9]),'
  expect_match "$(curl -s "$KEYS/a/b?wait=true&waitIndex=1")" '"modifiedIndex":4'
  expect_match "$(curl -s "$KEYS/a/b" -XPUT -d value=2)" '"modifiedIndex":7'
}

test_ttl_runs_on_while_stopped() {
  start_kvd
  curl -sf "$KEYS/t" -XPUT -d value=1 -d ttl=2 >/dev/null
  stop_daemon "$PID" KILL
  start_kvd
  wait_until 10 bash -c "[[ \$(curl -s '$KEYS/t') == *100* ]]"
  expect_match "$(curl -s "$KEYS/t?wait=true&waitIndex=5")" '"action":"expire"'
}

test_history_is_cleared_at_its_bound() {
  start_kvd
  head -c 1000000 /dev/zero | tr '\0' x >"$TMP/value"
  curl -sf "$KEYS/first" -XPUT -d value=1 >/dev/null
  for ((i = 0; i < 36; ++i)); do
    echo "url=$KEYS/big"
    echo 'request=PUT'
    echo "data-urlencode=value@$TMP/value"
    echo 'output=/dev/null'
    echo next
  done | sed '$d' >"$TMP/requests"
  curl -sf -K "$TMP/requests"
  expect_match "$(curl -s "$KEYS/first?wait=true&waitIndex=4")" \
    '^\{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared \[[0-9]+/4\]","index":40\}'
}

test_full_disk_fails_writes_and_serves_reads() {
  unshare --mount true 2>/dev/null || skip "no mount namespaces here"
  choose_address
  mkdir "$TMP/data"
  # shellcheck disable=SC2016 # for the shell inside
  start_daemon kvd unshare --mount --propagation private bash -c '
    mount -t tmpfs -o size=12m tmpfs "$1/data" && head -c 8000000 /dev/zero >"$1/data/ballast" &&
      exec "$2" kvd --data-dir "$1/data" --listen-client-urls "$3"' kvd "$TMP" "$CLUSTERCTL" "$URL"
  wait_until 10 curl -sf "$URL/health"
  curl -sf "$KEYS/kept" -XPUT -d value=1 >/dev/null
  local size i=0
  for size in 200000 4000 1; do
    head -c "$size" /dev/zero | tr '\0' x >"$TMP/value"
    while curl -s "$KEYS/fill/$i" -XPUT --data-urlencode "value@$TMP/value" >"$TMP/answer" && grep -q action "$TMP/answer"; do
      i=$((i + 1))
      ((i < 500)) || fail "the disk does not fill"
    done
  done
  expect_eq "$(cat "$TMP/answer")" \
    '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: no space","index":0}'
  expect_match "$(curl -s "$KEYS/kept")" '"value":"1"'
  expect_eq "$(curl -s "$URL/health")" '{"health":"false"}'
  expect_eq "$(http_status "$URL/health")" 503
  nsenter -t "$PID" -m rm "$TMP/data/ballast"
  wait_until 10 curl -sf "$URL/health"
  expect_eq "$(http_status "$KEYS/again" -XPUT -d value=1)" 201
  expect_match "$(curl -s "$KEYS/fill/0?recursive=true")" '"key":"/fill/0"'
}

test_second_kvd_is_told_who_has_the_data() {
  start_kvd
  local text
  text=$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "http://127.0.0.1:$(free_port)" 2>&1)
  expect_eq "$text" "kvd: lock $TMP/data: process $PID uses it already"
}

test_bad_options_and_addresses() {
  expect_match "$(expect_fail 2 applet kvd --lisen-client-urls x 2>&1)" "unknown option '--lisen-client-urls'.*--listen-client-urls"
  expect_match "$(expect_fail 2 applet kvd --initial-cluster x 2>&1)" "--initial-cluster: 'x' is not of the form NAME=URL"
  expect_match "$(expect_fail 2 applet kvd --data-dir "$TMP/d" --listen-client-urls tcp://127.0.0.1:1 2>&1)" 'the scheme must be http'
  expect_match "$(expect_fail 2 applet kvd --data-dir "$TMP/d" --listen-client-urls http://name.invalid:1 2>&1)" 'expected IP in URL'
  echo text >"$TMP/file"
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/file/d" 2>&1)" 'Not a directory'
}

test_damaged_data_is_refused_by_name() {
  start_kvd
  curl -sf "$KEYS/a" -XPUT -d value=1 >/dev/null
  stop_daemon "$PID"
  mv "$TMP/data/wal" "$TMP/wal"
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" 2>&1)" \
    'it has a checkpoint \(store.db\) but no log \(wal/\)'
  mkdir -p "$TMP/data/wal"
  echo garbage >"$TMP/data/wal/0000000000000001.wal"
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" 2>&1)" \
    '0000000000000001.wal: its header is damaged'
  rm -r "$TMP/data/wal"
  cp -r "$TMP/wal" "$TMP/data/wal"
  flip_byte "$TMP/data/wal/0000000000000001.wal" 110
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" 2>&1)" \
    '0000000000000001.wal at [0-9]+: the frame there is damaged.*; there is no other member to get the data from'
  rm -r "$TMP/data/wal"
  cp -r "$TMP/wal" "$TMP/data/wal"
  echo garbage >"$TMP/data/store.db"
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" 2>&1)" 'store.db: file is not a database'
}

test_members_stats_version_health_metrics() {
  start_kvd --name one
  local id
  id=$(curl -s "$URL/v2/members/leader" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
  expect_eq "$(curl -s "$URL/v2/members")" \
    "{\"members\":[{\"id\":\"$id\",\"name\":\"one\",\"peerURLs\":[],\"clientURLs\":[\"$URL\"]}]}"
  expect_eq "$(curl -s "$URL/v2/machines")" "$URL"
  expect_match "$(curl -s "$URL/v2/stats/self")" "\"name\":\"one\",\"id\":\"$id\",\"state\":\"StateLeader\""
  expect_eq "$(curl -s "$URL/v2/stats/leader")" "{\"leader\":\"$id\",\"followers\":{}}"
  expect_eq "$(curl -s "$URL/version")" '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}'
  expect_eq "$(curl -s "$URL/health")" '{"health":"true"}'
  expect_match "$(curl -s "$URL/metrics")" 'etcd_server_has_leader 1'
  expect_eq "$(http_status "$URL/v2/members" -XPOST -d '{}')" 415
  curl -s "$KEYS/none" >/dev/null
  expect_match "$(curl -s "$URL/v2/stats/store")" '"getsFail":1'
}

test_several_addresses_and_clean_stop() {
  local other
  other=http://127.0.0.2:$(free_port)
  choose_address
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL,$other"
  wait_until 10 curl -sf "$URL/health"
  curl -sf "$other/v2/keys/a" -XPUT -d value=1 >/dev/null
  expect_match "$(curl -s "$URL/v2/keys/a")" '"value":"1"'
  expect_eq "$(curl -s "$URL/v2/machines")" "$URL, $other"
  kill -TERM "$PID"
  local code=0
  wait "$PID" || code=$?
  expect_eq "$code" 0 "exit code after SIGTERM"
}

test_etcd_name_takes_one_dash() {
  choose_address
  start_daemon kvd applet etcd -data-dir "$TMP/data" -listen-client-urls "$URL" -advertise-client-urls "$URL" -name=old
  wait_until 10 curl -sf "$URL/health"
  expect_match "$(curl -s "$URL/v2/members")" '"name":"old"'
}

run_tests "$@"
