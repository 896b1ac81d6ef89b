#!/usr/bin/env bash
# Every example of etcd's page about its v2 API (Documentation/v2/api.md of release 3.4), in the page's order, with
# curl against kvd: the answer is what the page says, indices and times aside. Where the real etcd can be had, it gets
# the same requests, and both answer the same to the byte. In three places the page is older than etcd 3.4; there the
# test says so and expects what etcd answers.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"

start() {
  ETCD_URL=
  ETCD34=$("$ROOT/tools/oracle.sh" ensure >"$TMP/oracle.out" 2>&1 && "$ROOT/tools/oracle.sh" path) || true
  [[ ! $ETCD34 ]] || start_etcd
  start_kvd_in_memory
}

# Times of expiry are each server's own, and so may be the last second of a TTL. The order of a listing is random in etcd.
without_clocks() {
  jq -c 'walk(if type == "object" then
      with_entries(if .key == "expiration" then .value = "T" elif .key == "ttl" then .value = "L"
                   elif .key == "nodes" then .value |= sort_by(.key) else . end)
    else . end)' <<<"$1"
}

# compare ETCDS KVDS: the same text; of JSON, but for the clocks.
compare() {
  [[ $1 != "$2" ]] || return 0
  expect_eq "$(without_clocks "$2")" "$(without_clocks "$1")" "kvd beside etcd"
}

# example PATH CURL-ARGUMENT…: sets ANSWER.
example() {
  ANSWER=$(curl -sL "$KVD_URL$1" "${@:2}")
  [[ ! $ETCD_URL ]] || compare "$(curl -sL "$ETCD_URL$1" "${@:2}")" "$ANSWER"
}

# begin_example and end_example: the same for what is answered later.
begin_example() {
  curl -sL "$KVD_URL$1" "${@:2}" >"$TMP/later" &
  LATER=($!)
  wait_until 10 watched_by 1 "$KVD_URL"
  [[ $ETCD_URL ]] || return 0
  curl -sL "$ETCD_URL$1" "${@:2}" >"$TMP/later-etcd" &
  LATER+=($!)
  wait_until 10 watched_by 1 "$ETCD_URL"
}
end_example() {
  wait "${LATER[@]}"
  ANSWER=$(cat "$TMP/later")
  [[ ! $ETCD_URL ]] || compare "$(cat "$TMP/later-etcd")" "$ANSWER"
}

normal() {
  jq -S 'walk(if type == "object" then with_entries(if (.key | test("[iI]ndex$")) then .value = "N" else . end) else . end)' \
    <<<"$(without_clocks "$1")"
}

# says JSON: the page's answer.
says() { expect_eq "$(normal "$ANSWER")" "$(normal "$1")" "the answer"; }

I='"modifiedIndex":2,"createdIndex":2'

test_version() {
  start
  example /version
  expect_match "$ANSWER" '"etcdserver":"3\.4\.23"'
}

test_set_get_change_delete() {
  start
  example /v2/keys/message -XPUT -d value="Hello world"
  says '{"action":"set","node":{"key":"/message","value":"Hello world",'"$I}}"
  example /v2/keys/message
  says '{"action":"get","node":{"key":"/message","value":"Hello world",'"$I}}"
  example /v2/keys/message -XPUT -d value="Hello etcd"
  says '{"action":"set","node":{"key":"/message","value":"Hello etcd",'"$I"'},"prevNode":{"key":"/message","value":"Hello world",'"$I}}"
  example /v2/keys/message -XDELETE
  says '{"action":"delete","node":{"key":"/message",'"$I"'},"prevNode":{"key":"/message","value":"Hello etcd",'"$I}}"
}

test_response_headers() {
  start
  curl -sf -o "$TMP/body" -D "$TMP/head" "$KVD_URL/v2/keys/"
  local name
  for name in X-Etcd-Index X-Raft-Index X-Raft-Term; do grep -qiE "^$name: [0-9]+" "$TMP/head" || fail "no $name"; done
}

test_ttl() {
  start
  example /v2/keys/foo -XPUT -d value=bar -d ttl=5
  says '{"action":"set","node":{"key":"/foo","value":"bar","expiration":"T","ttl":5,'"$I}}"
  example /v2/keys/foo -XPUT -d value=bar -d ttl= -d prevExist=true
  says '{"action":"update","node":{"key":"/foo","value":"bar",'"$I"'},"prevNode":{"key":"/foo","value":"bar","expiration":"T","ttl":3,'"$I}}"
  begin_example '/v2/keys/foo?wait=true'
  example /v2/keys/foo -XPUT -d value=bar -d ttl=1
  end_example
  wait_until 10 expired "$KVD_URL"
  [[ ! $ETCD_URL ]] || wait_until 10 expired "$ETCD_URL"
  example /v2/keys/foo
  says '{"cause":"/foo","errorCode":100,"index":6,"message":"Key not found"}'
}
expired() { [[ $(curl -s "$1/v2/keys/foo") == *'"errorCode":100'* ]]; }

test_refresh() {
  start
  example /v2/keys/foo -XPUT -d value=bar -d ttl=5
  begin_example '/v2/keys/foo?wait=true'
  example /v2/keys/foo -XPUT -d ttl=5 -d refresh=true -d prevExist=true
  says '{"action":"update","node":{"key":"/foo","value":"bar","expiration":"T","ttl":5,'"$I"'},"prevNode":{"key":"/foo","value":"bar","expiration":"T","ttl":3,'"$I}}"
  # The watcher was not told.
  example /v2/keys/foo -XPUT -d value=told
  end_example
  expect_match "$ANSWER" '"value":"told"'
}

test_waiting_for_a_change() {
  start
  example /v2/keys/foo -XPUT -d value=bar
  begin_example '/v2/keys/foo?wait=true'
  example /v2/keys/foo -XPUT -d value=bar
  local answer=$ANSWER
  end_example
  expect_eq "$ANSWER" "$answer" "the watcher gets what the writer gets"
  says '{"action":"set","node":{"key":"/foo","value":"bar",'"$I"'},"prevNode":{"key":"/foo","value":"bar",'"$I}}"
  local index
  index=$(jq .node.modifiedIndex <<<"$ANSWER")
  example "/v2/keys/foo?wait=true&waitIndex=$index"
  expect_eq "$ANSWER" "$answer" "from the past"
  example /v2/keys/other -XPUT -d value=bar
  example /v2/keys/foo -XPUT -d value=next
  answer=$ANSWER
  example /v2/keys/foo -XPUT -d value=last
  example "/v2/keys/foo?wait=true&waitIndex=$((index + 1))"
  expect_eq "$ANSWER" "$answer" "the first event after it"
}

# etcd keeps 1,000 events and kvd 100,000, so here kvd answers the watch that etcd refuses.
test_cleared_history() {
  start
  example /v2/keys/foo -XPUT -d value=bar
  local url
  for url in $KVD_URL $ETCD_URL; do
    seq 2000 | sed "s|.*|url=$url/v2/keys/other\nrequest=PUT\ndata=value=bar\noutput=/dev/null\nnext|" |
      sed '$d' >"$TMP/requests"
    curl -sf -K "$TMP/requests"
  done
  [[ ! $ETCD_URL ]] || expect_eq "$(curl -s "$ETCD_URL/v2/keys/foo?wait=true&waitIndex=4")" \
    '{"errorCode":401,"message":"The event in requested index is outdated and cleared","cause":"the requested history has been cleared [1005/4]","index":2004}'
  expect_match "$(curl -s "$KVD_URL/v2/keys/foo?wait=true&waitIndex=4")" '"value":"bar","modifiedIndex":4'
  example /v2/keys/foo
  says '{"action":"get","node":{"key":"/foo","value":"bar",'"$I}}"
  expect_eq "$(curl -s -o "$TMP/body" -w '%header{x-etcd-index}' "$KVD_URL/v2/keys/foo")" 2004
  begin_example '/v2/keys/foo?wait=true&waitIndex=2005'
  example /v2/keys/foo -XPUT -d value=after
  end_example
  expect_match "$ANSWER" '"value":"after"'
}

test_in_order_keys() {
  start
  example /v2/keys/queue -XPOST -d value=Job1
  says '{"action":"create","node":{"key":"/queue/00000000000000000004","value":"Job1",'"$I}}"
  example /v2/keys/other -XPUT -d value=bar
  example /v2/keys/queue -XPOST -d value=Job2
  says '{"action":"create","node":{"key":"/queue/00000000000000000006","value":"Job2",'"$I}}"
  example '/v2/keys/queue?recursive=true&sorted=true'
  says '{"action":"get","node":{"key":"/queue","dir":true,"nodes":[{"key":"/queue/00000000000000000004","value":"Job1",'"$I"'},{"key":"/queue/00000000000000000006","value":"Job2",'"$I}],$I}}"
}

test_directory_ttl() {
  start
  example /v2/keys/dir -XPUT -d ttl=30 -d dir=true
  says '{"action":"set","node":{"key":"/dir","dir":true,"expiration":"T","ttl":30,'"$I}}"
  example /v2/keys/dir -XPUT -d ttl=1 -d dir=true -d prevExist=true
  begin_example '/v2/keys/dir?wait=true'
  end_example
  # The page leaves out that the removed node is told to be a directory.
  says '{"action":"expire","node":{"key":"/dir","dir":true,'"$I"'},"prevNode":{"key":"/dir","dir":true,"expiration":"T",'"$I}}"
}

test_compare_and_swap() {
  start
  example /v2/keys/foo -XPUT -d value=one
  says '{"action":"set","node":{"key":"/foo","value":"one",'"$I}}"
  example '/v2/keys/foo?noValueOnSuccess=true' -XPUT -d value=one
  says '{"action":"set"}'
  example '/v2/keys/foo?prevExist=false' -XPUT -d value=three
  says '{"cause":"/foo","errorCode":105,"index":39776,"message":"Key already exists"}'
  example '/v2/keys/foo?prevValue=two' -XPUT -d value=three
  says '{"cause":"[two != one]","errorCode":101,"index":8,"message":"Compare failed"}'
  example '/v2/keys/foo?prevValue=one' -XPUT -d value=two
  says '{"action":"compareAndSwap","node":{"key":"/foo","value":"two",'"$I"'},"prevNode":{"key":"/foo","value":"one",'"$I}}"
}

test_compare_and_delete() {
  start
  example /v2/keys/foo -XPUT -d value=one
  example '/v2/keys/foo?prevValue=two' -XDELETE
  says '{"errorCode":101,"message":"Compare failed","cause":"[two != one]","index":8}'
  example '/v2/keys/foo?prevIndex=1' -XDELETE
  says '{"errorCode":101,"message":"Compare failed","cause":"[1 != 4]","index":8}'
  example '/v2/keys/foo?prevValue=one' -XDELETE
  says '{"action":"compareAndDelete","node":{"key":"/foo",'"$I"'},"prevNode":{"key":"/foo","value":"one",'"$I}}"
}

# The page shows "key":"/" for the root; etcd 3.4 leaves it out.
test_directories() {
  start
  example /v2/keys/dir -XPUT -d dir=true
  says '{"action":"set","node":{"key":"/dir","dir":true,'"$I}}"
  example '/v2/keys/dir?recursive=true' -XDELETE
  says '{"action":"delete","node":{"key":"/dir","dir":true,'"$I"'},"prevNode":{"key":"/dir","dir":true,'"$I}}"
  example /v2/keys/foo -XPUT -d value=two
  example /v2/keys/foo_dir/foo -XPUT -d value=bar
  says '{"action":"set","node":{"key":"/foo_dir/foo","value":"bar",'"$I}}"
  example /v2/keys/
  says '{"action":"get","node":{"dir":true,"nodes":[{"key":"/foo_dir","dir":true,'"$I"'},{"key":"/foo","value":"two",'"$I}]}}"
  example '/v2/keys/?recursive=true'
  says '{"action":"get","node":{"dir":true,"nodes":[{"key":"/foo_dir","dir":true,"nodes":[{"key":"/foo_dir/foo","value":"bar",'"$I}],$I"'},{"key":"/foo","value":"two",'"$I}]}}"
  example /v2/keys/foo_dir/foo -XDELETE
  example '/v2/keys/foo_dir?dir=true' -XDELETE
  says '{"action":"delete","node":{"key":"/foo_dir","dir":true,'"$I"'},"prevNode":{"key":"/foo_dir","dir":true,'"$I}}"
}

test_hidden_node() {
  start
  example /v2/keys/foo_dir -XPUT -d dir=true
  example /v2/keys/_message -XPUT -d value="Hello hidden world"
  says '{"action":"set","node":{"key":"/_message","value":"Hello hidden world",'"$I}}"
  example /v2/keys/message -XPUT -d value="Hello world"
  example /v2/keys/
  says '{"action":"get","node":{"dir":true,"nodes":[{"key":"/foo_dir","dir":true,'"$I"'},{"key":"/message","value":"Hello world",'"$I}]}}"
}

# The page shows "get" as the action of this write.
test_key_from_a_file() {
  start
  printf 'Hello\nWorld\n' >"$TMP/afile.txt"
  example /v2/keys/afile -XPUT --data-urlencode "value@$TMP/afile.txt"
  says '{"action":"set","node":{"key":"/afile","value":"Hello\nWorld\n",'"$I}}"
}

test_linearized_read() {
  start
  example /v2/keys/foo -XPUT -d value=one
  example '/v2/keys/foo?quorum=true'
  says '{"action":"get","node":{"key":"/foo","value":"one",'"$I}}"
}

# The names of the fields; of self, those that a member alone has.
test_statistics() {
  start
  local path
  for path in leader self store; do
    ANSWER=$(curl -sf "$KVD_URL/v2/stats/$path")
    jq -S 'keys' <<<"$ANSWER" >"$TMP/$path"
    [[ ! $ETCD_URL ]] || expect_eq "$(cat "$TMP/$path")" "$(curl -sf "$ETCD_URL/v2/stats/$path" | jq -S 'keys')" "/v2/stats/$path"
  done
  curl -sf "$KVD_URL/v2/stats/leader" | jq -e '.followers == {} and (.leader | test("^[0-9a-f]+$"))'
  curl -sf "$KVD_URL/v2/stats/self" | jq -e '.state == "StateLeader" and .leaderInfo.leader == .id'
}

run_tests "$@"
