#!/usr/bin/env bash
# kvd: users, roles and rights (/v2/auth), request by request beside the real etcd (etcdctl's commands are in
# kvd_etcdctl_auth_test.sh).
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"
. "$(dirname "$0")/../lib/etcdctl.sh"
. "$(dirname "$0")/../lib/same.sh"

FORM='Content-Type: application/x-www-form-urlencoded'

test_paths_and_methods() {
  start_both
  local method path
  for method in GET HEAD PUT DELETE POST PATCH OPTIONS; do same "$method" /v2/auth/enable; done
  for path in /users /roles /users/ /roles/ /enable/ /users/a /roles/a /roles/root /roles/guest /users/a/b /roles/a/b \
    /users/%2e%2e /users/a%2Fb /users/_x '' /; do
    same GET "/v2/auth$path"
  done
  for path in users users/a roles/a; do same POST "/v2/auth/$path"; done
  same HEAD /v2/auth/users
  same GET /v2/keys/
}

test_users() {
  start_both
  local body
  for body in '' '{}' null '[]' x '{"user":"b"}' '{"user":1}' '{"user":"a"}' '{"user":"a","password":""}' \
    '{"user":"a","password":"p"' '{"USER":"a","PASSWORD":"pw"} trailing' '{"user":"a","password":"pw2"}' '{"user":"a"}' \
    '{"user":"a","roles":["x"],"password":"q"}' '{"user":"a","grant":["r1","r0"]}' '{"user":"a","grant":["r1"]}' \
    '{"user":"a","revoke":["zz"]}' '{"user":"a","revoke":["r0"]}' '{"user":"a","grant":["x"],"roles":["y"]}' \
    '{"user":"a","grant":[]}' '{"user":"a","roles":null}' '{"user":"a","roles":"x"}' '{"user":"a","revoke":["r1"]}' \
    '{"user":"a","extra":{"x":[1]}}'; do
    same PUT /v2/auth/users/a "$body"
  done
  same GET /v2/auth/users/a
  same GET /v2/auth/users
  same PUT /v2/auth/users/c '{"user":"c","password":"pw","roles":["r2","r1","r1"]}'
  same GET /v2/auth/users/c
  same PUT /v2/auth/users/d '{"user":"d","password":"pw","roles":[]}'
  same PUT /v2/auth/users/d '{"user":"d"}'
  same PUT /v2/auth/users/n '{"user":"n","grant":["a"]}'
  same DELETE /v2/auth/users/n
  same DELETE /v2/auth/users/c
  same DELETE /v2/auth/users/c
  same PUT /v2/auth/users/root '{"user":"root","password":"rp"}'
  same PUT /v2/auth/users/root '{"user":"root","revoke":["root"]}'
  same GET /v2/auth/users/root
  same GET /v2/auth/users
  same GET /v2/keys/ # the index
}

test_roles() {
  start_both
  local body
  for body in '' '{}' null x '{"role":"b"}' '{"role":1}' '{"role":"a"}' '{"role":"a"}' \
    '{"role":"a","grant":{"kv":{"read":["/x"],"write":["/y/*","/b"]}}}' '{"role":"a","grant":{"kv":{"read":["/x"]}}}' \
    '{"role":"a","grant":{"kv":{"write":["/b"]}}}' '{"role":"a","revoke":{"kv":{"write":["/b"]}}}' \
    '{"role":"a","revoke":{"kv":{"write":["/b"]}}}' '{"role":"a","grant":{"kv":{"read":"x"}}}' '{"role":"a","grant":{}}' \
    '{"role":"a","permissions":{"kv":{"read":["/"]}},"grant":{"kv":{"read":["/"]}}}' \
    '{"role":"a","revoke":{"kv":{"read":["/none"]}}}'; do
    same PUT /v2/auth/roles/a "$body"
  done
  same GET /v2/auth/roles/a
  same GET /v2/auth/roles
  same PUT /v2/auth/roles/e '{"role":"e","grant":{"kv":{"read":[],"write":null}},"revoke":{}}'
  same PUT /v2/auth/roles/e '{"role":"e","revoke":{"kv":{"read":["/q"]}}}'
  same GET /v2/auth/roles/e
  same PUT /v2/auth/roles/p '{"role":"p","permissions":{"kv":{"read":["/p/*"],"write":["/p/w"]}}}'
  same PUT /v2/auth/roles/root '{"role":"root"}'
  same PUT /v2/auth/roles/root '{"role":"root","grant":{"kv":{"read":["/"]}}}'
  same PUT /v2/auth/roles/none '{"role":"none","grant":{"kv":{"read":["/"]}}}'
  for body in root none e; do same DELETE "/v2/auth/roles/$body"; done
  same GET /v2/keys/
}

test_rights() {
  start_both
  local root who
  root=$(basic root rp)
  same PUT /v2/auth/roles/p '{"role":"p","permissions":{"kv":{"read":["/p/*","/one"],"write":["/p/w"]}}}'
  same PUT /v2/auth/users/u '{"user":"u","password":"up","roles":["p","gone"]}'
  same PUT /v2/auth/users/root '{"user":"root","password":"rp"}'
  same PUT /v2/keys/p/a 'value=1' "$FORM"
  same PUT /v2/keys/one 'value=1' "$FORM"
  same PUT /v2/auth/enable
  same PUT /v2/auth/enable
  same PUT /v2/auth/enable '' "$root"
  same GET /v2/auth/enable
  same GET /v2/auth/roles/guest '' "$root"
  same PUT /v2/keys/guests 'value=1' "$FORM"
  same PUT /v2/auth/roles/guest '{"role":"guest","revoke":{"kv":{"write":["/*"]}}}' "$root"
  for who in "$(basic root x)" "$(basic zz x)" 'Authorization: Basic !!!' 'Authorization: Bearer x' \
    "authorization: basic $(printf root:rp | base64)" "Authorization: Basic $(printf root | base64)" "$(basic ../roles/p '')"; do
    same GET /v2/keys/p/a '' "$who"
    same DELETE /v2/members/1 '' "$who"
  done
  for who in 'X-Guest: 1' "$root" "$(basic u up)"; do
    same GET /v2/keys/p/a '' "$who"
    same GET '/v2/keys/p?recursive=true&sorted=true' '' "$who"
    same GET '/v2/keys/p/?recursive=true&sorted=true' '' "$who"
    same GET '/v2/keys/one?quorum=true' '' "$who"
    same HEAD /v2/keys/one '' "$who"
    same PUT /v2/keys/p/w 'value=1' "$FORM" "$who"
    same PUT /v2/keys/p/x 'value=1' "$FORM" "$who"
    same DELETE '/v2/keys/p/w?recursive=true' '' "$who"
    same GET '/v2/keys/p/a?prevIndex=x' '' "$who"
    same GET /v2/auth/users '' "$who"
    same POST /v2/members '{' 'Content-Type: application/json' "$who"
  done
  same PUT /v2/auth/users/u '{"user":"u","password":"other"}' "$root"
  same GET /v2/keys/p/a '' "$(basic u up)"
  same GET /v2/keys/p/a '' "$(basic u other)"
  same DELETE /v2/auth/users/root '' "$root"
  same DELETE /v2/auth/enable '' "$(basic u other)"
  same DELETE /v2/auth/enable '' "$root"
  same DELETE /v2/auth/enable
  same DELETE /v2/auth/users/root
  same GET '/v2/keys/?sorted=true'
}

# etcd drops the connection of a user with such a pattern; here it matches nothing.
test_an_empty_pattern_matches_nothing() {
  start_kvd_in_memory
  ask "$KVD_URL" PUT /v2/auth/users/root '{"user":"root","password":"rp"}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/roles/e '{"role":"e","permissions":{"kv":{"read":[""],"write":["/x"]}}}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/users/u '{"user":"u","password":"up","roles":["e"]}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/enable >/dev/null
  expect_match "$(ask "$KVD_URL" GET /v2/keys '' "$(basic u up)")" '"errorCode":110'
  expect_match "$(ask "$KVD_URL" PUT /v2/keys/x 'value=1' "$FORM" "$(basic u up)")" '"action":"set"'
}

# A stream needs the rights when it begins, and names what is watched.
test_watches_need_rights() {
  start_kvd_in_memory
  ask "$KVD_URL" PUT /v2/auth/users/root '{"user":"root","password":"rp"}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/enable >/dev/null
  ask "$KVD_URL" PUT /v2/auth/roles/guest '{"role":"guest","revoke":{"kv":{"read":["/*"]}}}' "$(basic root rp)" >/dev/null
  expect_match "$(ask "$KVD_URL" GET '/v2/keys/a?wait=true')" '"errorCode":110'
  curl -s -u root:rp "$KVD_URL/v2/keys/a?wait=true" >"$TMP/event" &
  local watcher=$!
  wait_until 10 watched_by 1 "$KVD_URL"
  ask "$KVD_URL" PUT /v2/keys/a 'value=1' "$FORM" >/dev/null
  wait "$watcher"
  expect_match "$(cat "$TMP/event")" '"value":"1"'
}

test_users_and_rights_survive_a_restart() {
  start_kvd
  KVD_URL=$URL
  ask "$KVD_URL" PUT /v2/auth/users/root '{"user":"root","password":"rp"}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/enable >/dev/null
  stop_daemon "$PID" KILL
  start_kvd
  expect_eq "$(curl -s "$KVD_URL/v2/auth/enable")" '{"enabled":true}'
  expect_eq "$(curl -s "$KVD_URL/v2/auth/users")" '{"message":"Insufficient credentials"}'
  expect_eq "$(curl -s -u root:rp "$KVD_URL/v2/auth/users")" \
    '{"users":[{"user":"root","roles":[{"role":"root","permissions":{"kv":{"read":["/*"],"write":["/*"]}}}]}]}'
  if grep -rqa 'root:rp\|"rp"' "$TMP/data" "$TMP/kvd.log"; then fail "the password stands in the data or in the log"; fi
}

# Who guesses passwords holds up neither those who are known nor those who need no password.
test_guesses_hold_up_nobody() {
  start_kvd_in_memory
  ask "$KVD_URL" PUT /v2/auth/users/root '{"user":"root","password":"rp"}' >/dev/null
  ask "$KVD_URL" PUT /v2/auth/enable >/dev/null
  expect_match "$(ask "$KVD_URL" GET /v2/keys/ '' "$(basic root rp)")" '"action":"get"'
  local -a guesses=()
  local i
  for i in {1..60}; do
    guesses+=(--next -s -o /dev/null -w '%{http_code}\n' -u "root:guess$i" "$KVD_URL/v2/keys/?guess=$i")
  done
  curl --parallel --parallel-immediate --parallel-max 60 "${guesses[@]:1}" >"$TMP/guesses" 2>/dev/null &
  local guesser=$!
  for i in {1..20}; do curl -sf -u root:rp "$KVD_URL/v2/keys/"; done >/dev/null
  kill -0 "$guesser" || fail "60 guesses were done before 20 requests of a known user"
  wait "$guesser"
  expect_eq "$(sort "$TMP/guesses" | uniq -c | tr -s ' ')" ' 60 401'
}

run_tests "$@"
