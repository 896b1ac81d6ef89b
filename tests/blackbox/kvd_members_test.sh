#!/usr/bin/env bash
# kvd: the members API and what else is on the client port beside keys and auth, beside the real etcd where that can
# answer: an etcd alone that was given a second member has no quorum any more.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"
. "$(dirname "$0")/../lib/etcdctl.sh"
. "$(dirname "$0")/../lib/same.sh"

JSON='Content-Type: application/json'

test_bad_requests() {
  start_both
  local body method path
  for path in '' / /abc /leader/x; do same GET "/v2/members/nobody$path"; done
  for method in HEAD PATCH OPTIONS; do same "$method" /v2/members; done
  same POST /v2/members '{}'
  same POST /v2/members '{}' 'Content-Type: Application/JSON; charset=x'
  same POST /v2/members '{}' 'Content-Type: Application/JSON'
  for body in '' '{}' null '[]' '"x"' '{"peerURLs":null}' '{"peerURLs":"x"}' '{"peerURLs":[1]}' '{"peerURLs":{}}' \
    '{"peerURLs":["x"]}' '{"peerURLs":["http://a"]}' '{"peerURLs":["http://a:1/x"]}' '{"peerURLs":["http://a:x"]}' \
    '{"peerURLs":["127.0.0.1:80"]}' '{"peerURLs":["http://a:1"]}x' '{bad' '{"PEERurls":[]}'; do
    same POST /v2/members "$body" "$JSON"
  done
  for path in '' / /x /0 /0/y /123456789012345678901; do
    same PUT "/v2/members$path" '{"peerURLs":["http://127.0.0.1:1"]}' "$JSON"
    same DELETE "/v2/members$path"
  done
  same PUT /v2/members/1 '{}'
  same GET /v2/keys/ # the index has not moved
}

test_other_paths() {
  start_both
  local method path body
  for path in / /v2 /v2/ /v2/stats /v2/stats/ /v2/stats/self/ /v2/machines/ /version/ /config /metrics/ /robots.txt /new \
    /v2//machines /%2e%2e/v2/machines '/v2/../health?x=y' /debug/pprof/ /debug; do
    same GET "$path"
  done
  for path in / /v2/machines /health /version; do
    for method in GET HEAD POST OPTIONS; do same "$method" "$path"; done
  done
  for path in /v2/stats/self /v2/stats/store /v2/stats/leader /debug/vars; do
    for method in HEAD POST OPTIONS; do same "$method" "$path"; done
  done
  for body in '' '{}' '{"Level":"DEBUG"}' '{"level":"info"}' '{"Level":"x"}' '{"Level":1}' '{"Level":"T"}' '{"Level":"INFO"} x' x; do
    same PUT /config/local/log "$body"
  done
  same POST /config/local/log '{"Level":"DEBUG"}'
  same GET '/health?exclude=NOSPACE'
  same GET '/health?serializable=true'
}

# index: of the store.
index() { http_header x-etcd-index "$KVD_URL/v2/keys/"; }

# change METHOD PATH [BODY]: prints the status and the body.
change() {
  curl -s -X "$1" -H "$JSON" ${3:+--data-raw "$3"} -w '%{http_code}' -o "$TMP/body" "$KVD_URL/v2/members$2"
  printf ' '
  cat "$TMP/body"
}

test_a_member_comes_and_goes() {
  local id before
  start_kvd --name one
  KVD_URL=$URL
  before=$(index)
  expect_match "$(change POST '' '{"peerURLs":["http://127.0.0.1:10002"," HTTP://127.0.0.1:10001 "]}')" \
    '^201 \{"id":"[0-9a-f]+","name":"","peerURLs":\["http://127.0.0.1:10001","http://127.0.0.1:10002"\],"clientURLs":\[\]\}$'
  id=$(jq -r .id "$TMP/body")
  expect_eq "$(index)" $((before + 1)) "index after adding"
  expect_eq "$(change POST '' '{"peerURLs":["http://127.0.0.1:10002"]}')" '409 {"message":"membership: peerURL exists"}'
  expect_eq "$(change POST '' '{"peerURLs":["http://127.0.0.1:10003"]}')" '500 {"message":"Internal Server Error"}'
  expect_eq "$(index)" $((before + 1)) "index after refusals"
  expect_eq "$(change PUT "/$id" '{"peerURLs":["http://127.0.0.1:10004"]}')" '204 '
  expect_eq "$(index)" $((before + 2)) "index after a change"
  expect_eq "$(curl -s "$KVD_URL/v2/members" | jq -c ".members[] | select(.id == \"$id\") | .peerURLs")" \
    '["http://127.0.0.1:10004"]'
  stop_daemon "$PID" KILL
  start_kvd --name one
  expect_eq "$(curl -s "$KVD_URL/v2/members" | jq -c '[.members[] | .name] | sort')" '["","one"]'
  before=$(index)
  expect_eq "$(change DELETE "/$id")" '204 '
  expect_eq "$(index)" $((before + 2)) "index after removing"
  expect_eq "$(change DELETE "/$id")" "410 {\"message\":\"Member permanently removed: $id\"}"
  expect_eq "$(change PUT "/$id" '{"peerURLs":["http://127.0.0.1:10004"]}')" '500 {"message":"Internal Server Error"}'
  expect_match "$(change POST '' '{"peerURLs":["http://127.0.0.1:10004"]}')" '^201 '
  id=$(curl -s "$KVD_URL/v2/members/leader" | jq -r .id)
  expect_eq "$(change DELETE "/$id")" '500 {"message":"Internal Server Error"}'
  expect_eq "$(curl -s "$KVD_URL/v2/members/leader" | jq -r .name)" one
}

test_etcdctl_member() {
  need_etcd
  start_kvd_in_memory one --name one
  expect_match "$(ctl "$KVD_URL" member list)" '^[0-9a-f]+: name=one peerURLs=.* clientURLs=http://127.0.0.1:[0-9]+ isLeader=true$'
  expect_match "$(ctl "$KVD_URL" member add two http://127.0.0.1:10002)" \
    'Added member named two with ID [0-9a-f]+ to cluster.*ETCD_NAME="two".*ETCD_INITIAL_CLUSTER_STATE="existing"'
  local id
  id=$(curl -s "$KVD_URL/v2/members" | jq -r '.members[] | select(.name == "") | .id')
  expect_match "$(ctl "$KVD_URL" member list)" "$id\[unstarted\]: peerURLs=http://127.0.0.1:10002"
  expect_match "$(ctl "$KVD_URL" member update "$id" http://127.0.0.1:10003)" "Updated member with ID $id in cluster"
  expect_match "$(ctl "$KVD_URL" member remove "$id")" "Removed member $id from cluster"
  expect_match "$(ctl "$KVD_URL" member remove "$id" 2>&1 || true)" "Couldn't find a member in the cluster with an ID of $id"
}

# start_three: members a, b and c; sets CLIENTS and LEADER, the URLs of all and of the leader, and FOLLOWER, of another.
start_three() {
  local name
  start_cluster a b c
  CLIENTS=("$(url a)" "$(url b)" "$(url c)")
  for name in "${CLIENTS[@]}"; do
    wait_until 20 bash -c "curl -sf $name/v2/members | jq -e '[.members[] | select(.name != \"\")] | length == 3'"
  done
  LEADER=$(curl -s "${CLIENTS[0]}/v2/members/leader" | jq -r '.clientURLs[0]')
  for name in "${CLIENTS[@]}"; do [[ $name == "$LEADER" ]] || FOLLOWER=$name; done
}

test_three_members() {
  local url id
  start_three
  expect_match "$(curl -s -X PUT -d value=1 "$FOLLOWER/v2/keys/a")" '"modifiedIndex":8'
  expect_eq "$(curl -s "$FOLLOWER/v2/machines" | tr -d ' ' | tr , '\n')" "$(printf '%s\n' "${CLIENTS[@]}" | sort)"
  expect_eq "$(curl -s "$FOLLOWER/v2/stats/leader")" '{"message":"not current leader"}'
  expect_eq "$(curl -s "$FOLLOWER/v2/stats/self" | jq -r .state)" StateFollower
  expect_eq "$(curl -s "$LEADER/v2/stats/self" | jq -r .state)" StateLeader
  expect_eq "$(curl -s "$LEADER/v2/stats/leader" | jq -r .leader)" "$(curl -s "$FOLLOWER/v2/members/leader" | jq -r .id)"
  expect_eq "$(curl -s "$FOLLOWER/v2/stats/self" | jq '.recvAppendRequestCnt > 0')" true
  # Through a follower, and known to all.
  KVD_URL=$FOLLOWER
  expect_match "$(change POST '' '{"peerURLs":["http://127.0.0.1:1"]}')" '^201 '
  id=$(jq -r .id "$TMP/body")
  for url in "${CLIENTS[@]}"; do
    wait_until 10 bash -c "curl -s $url/v2/members | jq -e '[.members[] | select(.id == \"$id\")] | length == 1'"
  done
  expect_eq "$(change DELETE "/$id")" '204 '
  expect_eq "$(change DELETE "/$id")" "410 {\"message\":\"Member permanently removed: $id\"}"
}

test_rights_are_the_clusters() {
  local url
  start_three
  curl -sf -X PUT "$FOLLOWER/v2/auth/users/root" -d '{"user":"root","password":"rp"}' >/dev/null
  curl -sf -X PUT "$LEADER/v2/auth/enable"
  curl -sf -u root:rp -X PUT "$LEADER/v2/auth/roles/guest" -d '{"role":"guest","revoke":{"kv":{"write":["/*"]}}}' >/dev/null
  for url in "${CLIENTS[@]}"; do
    wait_until 10 bash -c "curl -s -X PUT -d value=1 $url/v2/keys/a | grep -q 'Insufficient credentials'"
    expect_match "$(curl -s -u root:rp -X PUT -d value=1 "$url/v2/keys/a")" '"action":"set"'
    expect_eq "$(curl -s -X DELETE "$url/v2/members/1")" '{"message":"Insufficient credentials"}'
  done
}

test_cross_origin() {
  start_kvd_in_memory here --cors http://one.example:80,http://two.example:8080
  expect_match "$(ask "$KVD_URL" GET /v2/keys/ '' 'Origin: http://two.example:8080')" 'access-control-allow-origin: http://two.example:8080'
  expect_match "$(ask "$KVD_URL" OPTIONS /v2/keys/ '' 'Origin: http://one.example:80')" 'access-control-allow-origin: http://one.example:80'
  [[ $(ask "$KVD_URL" GET /v2/keys/ '' 'Origin: http://other.example') != *access-control* ]] || fail "any page is allowed"
  [[ $(ask "$KVD_URL" GET /v2/keys/) != *access-control* ]] || fail "headers without an origin"
  start_kvd_in_memory anywhere
  expect_match "$(ask "$KVD_URL" GET /nothing '' 'Origin: http://one.example:80')" 'access-control-allow-origin: \*'
}

test_probes() {
  start_kvd_in_memory
  expect_eq "$(curl -s "$KVD_URL/livez")" ok
  expect_eq "$(curl -s "$KVD_URL/livez?verbose")" $'[+]serializable_read ok\nok'
  expect_eq "$(curl -s "$KVD_URL/readyz?verbose")" $'[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok'
  expect_eq "$(curl -s "$KVD_URL/readyz?verbose&exclude=linearizable_read")" $'[+]data_corruption ok\n[+]serializable_read ok\nok'
  expect_eq "$(curl -s "$KVD_URL/readyz/linearizable_read")" ok
  expect_eq "$(http_status "$KVD_URL/readyz/nonsense")" 404
  expect_eq "$(http_status -XPOST "$KVD_URL/livez")" 405
  expect_match "$(curl -s "$KVD_URL/metrics")" 'etcd_server_health_success 1'
  expect_eq "$(curl -s "$KVD_URL/debug/vars" | jq -r '.cmdline[1], ."raft.status".raftState')" $'kvd\nStateLeader'
}

run_tests "$@"
