#!/usr/bin/env bash
# kvd as a discovery service: tokens, their members, and real etcds that form a cluster by it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"

start_service() {
  choose_address
  start_kvd --discovery-service "$URL/"
  KVD_URL=$URL
}

# new [QUERY]: prints the token's path; what is printed is checked.
new() {
  local url
  url=$(curl -s "$KVD_URL/new${1:-}")
  expect_match "$url" "^$KVD_URL/[0-9a-f]{32}$"
  printf '%s' "${url#"$KVD_URL"}"
}

test_tokens_and_their_size() {
  start_service
  local token
  token=$(new)
  expect_eq "$(curl -s "$KVD_URL$token/_config/size" | jq -r .node.value,.node.key)" $'3\n'"/_etcd/registry$token/_config/size"
  token=$(new '?size=5')
  expect_eq "$(curl -s "$KVD_URL/v2/keys/_etcd/registry$token/_config/size" | jq -r .node.value)" 5
  expect_match "$(curl -s -X PUT -d size=7 "$KVD_URL/new")" "^$KVD_URL/"
  expect_eq "$(curl -s "$KVD_URL/new?size=x")" 'strconv.Atoi: parsing "x": invalid syntax'
  expect_eq "$(http_status "$KVD_URL/new?size=x")" 400
  expect_eq "$(curl -s "$KVD_URL/new?size=0")" 'size must be from 1 to 1000'
  expect_eq "$(http_status "$KVD_URL/new?size=1001")" 400
  expect_eq "$(http_status -X DELETE "$KVD_URL/new")" 405
  expect_eq "$(curl -s "$KVD_URL/robots.txt")" $'User-agent: *\nDisallow: /'
}

test_members_of_a_token() {
  start_service
  local token
  token=$(new)
  expect_eq "$(http_status -X PUT "$KVD_URL$token/ab?prevExist=false" -d value=a=http://10.0.0.1:2380)" 201
  expect_eq "$(http_status -X PUT "$KVD_URL$token/ab?prevExist=false" -d value=x)" 412
  expect_eq "$(curl -s "$KVD_URL$token" | jq -r '.node.nodes[].value')" a=http://10.0.0.1:2380
  expect_eq "$(curl -s "$KVD_URL$token/" | jq -r '.node.nodes | length')" 1
  curl -s "$KVD_URL$token?recursive=true&wait=true" >"$TMP/event" &
  local watcher=$!
  wait_until 10 watched_by 1 "$KVD_URL"
  expect_eq "$(http_status -X DELETE "$KVD_URL$token/ab")" 200
  wait "$watcher"
  expect_eq "$(jq -r .action "$TMP/event")" delete
  expect_eq "$(http_status -X PUT "$KVD_URL$token/_config/size" -d value=9)" 405
  expect_eq "$(http_status -X DELETE "$KVD_URL$token/_config?recursive=true")" 405
  expect_eq "$(http_status -X DELETE "$KVD_URL$token?recursive=true")" 405
  expect_eq "$(http_status "$KVD_URL${token}0")" 404
  expect_eq "$(http_status "$KVD_URL$token/a/b")" 404
}

# The rights on the keys hold on the short way too.
test_rights_hold() {
  start_service
  local token
  token=$(new)
  curl -sf -X PUT "$KVD_URL/v2/auth/users/root" -d '{"user":"root","password":"rp"}' >/dev/null
  curl -sf -X PUT "$KVD_URL/v2/auth/enable"
  curl -sf -u root:rp -X PUT "$KVD_URL/v2/auth/roles/guest" -d '{"role":"guest","revoke":{"kv":{"write":["/*"]}}}' >/dev/null
  expect_eq "$(http_status "$KVD_URL/new")" 401
  expect_eq "$(http_status -X PUT "$KVD_URL$token/ab" -d value=x)" 401
  expect_eq "$(http_status "$KVD_URL$token")" 200
  expect_eq "$(http_status -u root:rp "$KVD_URL/new")" 200
}

test_only_where_it_is_asked_for() {
  start_kvd_in_memory
  expect_eq "$(http_status "$KVD_URL/new")" 404
  expect_eq "$(http_status "$KVD_URL/robots.txt")" 404
  expect_eq "$(http_status "$KVD_URL/0123456789abcdef0123456789abcdef")" 404
}

test_etcds_form_a_cluster() {
  need_etcd
  start_service
  local token name client peer first='' pids=()
  token=$(new '?size=3')
  for name in a b c; do
    client=http://127.0.0.1:$(free_port)
    peer=http://127.0.0.1:$(free_port)
    first=${first:-$client}
    start_daemon "$name" "$ETCD34/etcd" --enable-v2 --name "$name" --data-dir "$TMP/$name" --log-level error \
      --listen-client-urls "$client" --advertise-client-urls "$client" --listen-peer-urls "$peer" \
      --initial-advertise-peer-urls "$peer" --discovery "$KVD_URL$token"
    pids+=("$PID")
  done
  wait_until 30 bash -c "curl -sf $first/v2/members | jq -e '[.members[] | select(.name != \"\")] | length == 3'"
  wait_until 30 curl -sf -X PUT "$first/v2/keys/a" -d value=1
  expect_eq "$(curl -s "$KVD_URL$token" | jq -r '[.node.nodes[].value | split("=")[0]] | sort | join(",")')" a,b,c
  # Whoever comes later is told that the cluster is full.
  peer=http://127.0.0.1:$(free_port)
  timeout 20 "$ETCD34/etcd" --enable-v2 --name d --data-dir "$TMP/d" --listen-client-urls "http://127.0.0.1:$(free_port)" \
    --advertise-client-urls http://127.0.0.1:1 --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --discovery "$KVD_URL$token" --discovery-fallback exit >"$TMP/late.log" 2>&1 && fail "the fourth of three has started"
  expect_match "$(cat "$TMP/late.log")" 'cluster is full'
  kill -KILL "${pids[@]}" # the last of them would wait for those that are gone
}

test_kvds_form_a_cluster() {
  start_service
  local token name client peer first=''
  token=$(new '?size=3')
  for name in a b c; do
    client=http://127.0.0.1:$(free_port)
    peer=http://127.0.0.1:$(free_port)
    first=${first:-$client}
    start_daemon "$name" applet kvd --name "$name" --data-dir "$TMP/$name" --listen-client-urls "$client" \
      --advertise-client-urls "$client" --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
      --discovery "$KVD_URL$token"
  done
  wait_until 30 bash -c "curl -sf $first/v2/members | jq -e '[.members[] | select(.name != \"\")] | length == 3'"
  wait_until 30 curl -sf -X PUT "$first/v2/keys/a" -d value=1
}

run_tests "$@"
