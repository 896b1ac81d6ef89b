#!/usr/bin/env bash
# kvd with three and more members on loopback: what was answered is kept, whoever dies, stops, joins or goes.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

has_ended() { ! kill -0 "$1" 2>/dev/null; }

# answered PATTERN CURL-ARGUMENT…: the body and the status that follows it fit. For wait_until: a change of leaders may
# lose a request.
answered() { [[ $(curl -s -m 10 -w '%{http_code}' "${@:2}") =~ $1 ]]; }

test_three_members_hold_the_same() {
  start_cluster a b c
  local name
  for name in a b c; do
    expect_eq "$(http_status -m 10 "$(keys "$name")/of-$name" -XPUT -d value="$name")" 201
  done
  for name in a b c; do
    expect_eq "$(curl -s -m 5 "$(keys "$name")/?quorum=true" | jq -c '[.node.nodes[].value] | sort')" '["a","b","c"]'
  done
  # As in etcd, the first write of a cluster of three has index 8.
  expect_eq "$(curl -s "$(keys a)/?sorted=true" | jq '[.node.nodes[].createdIndex] | min')" 8
  expect_eq "$(curl -s "$(url b)/v2/members" | jq -c '[.members[].name] | sort')" '["a","b","c"]'
  expect_match "$(curl -s "$(url a)/v2/stats/self")" 'State(Leader|Follower)'
}

test_watch_on_a_follower_sees_writes_of_others() {
  start_cluster a b c
  curl -sN -m 20 "$(keys a)/w?wait=true" >"$TMP/a.event" &
  local one=$!
  curl -sN -m 20 "$(keys c)/w?wait=true" >"$TMP/c.event" &
  local two=$!
  wait_until 10 watched_by 1 "$(url a)"
  wait_until 10 watched_by 1 "$(url c)"
  curl -s "$(keys b)/w" -XPUT -d value=seen >/dev/null
  wait "$one" "$two"
  expect_eq "$(jq -r .node.value "$TMP/a.event")" seen
  expect_eq "$(cat "$TMP/a.event")" "$(cat "$TMP/c.event")"
}

# write_many NAME COUNT: writes on this member, one after the other; the numbers that were answered go to acknowledged.
write_many() {
  local number
  for ((number = 1; number <= $2; ++number)); do
    curl -s -m 10 -o /dev/null -w '%{http_code}\n' "$(keys "$1")/n/$number" -XPUT -d value="$number" | grep -q '^20' &&
      echo "$number" >>"$TMP/acknowledged"
  done
  return 0
}

# begin_writing COUNT: writes on a member that does not lead, in the background, and waits for the first answers. Sets
# OLD, who leads, OTHER, who is written to, and WRITER, the process that ends with the last write.
begin_writing() {
  OLD=$(leader a)
  for OTHER in a b c; do [[ $OTHER != "$OLD" ]] && break; done
  write_many "$OTHER" "$1" &
  WRITER=$!
  begun() { (($(wc -l <"$TMP/acknowledged" 2>/dev/null || echo 0) >= 20)); }
  wait_until 20 begun
}

test_kill_9_of_the_leader_loses_nothing_answered() {
  start_cluster a b c
  begin_writing 150
  kill -9 "${MEMBER_PID[$OLD]}"
  wait "$WRITER"
  another_leads "$OTHER" "$OLD" || fail "the dead member still leads: $(leader "$OTHER")"
  local number
  (($(wc -l <"$TMP/acknowledged") > 100)) || fail "only $(wc -l <"$TMP/acknowledged") writes were answered"
  curl -s "$(keys "$OTHER")/n?quorum=true" | jq -r '.node.nodes[].value' | sort >"$TMP/held"
  expect_eq "$(sort "$TMP/acknowledged" | comm -23 - "$TMP/held" | wc -l)" 0 "writes that were answered and are gone"
  start_member "$OLD"
  wait_until 30 healthy a b c
  wait_until 20 same_keys a b c
}

test_a_planned_stop_fails_no_request() {
  start_cluster a b c
  begin_writing 100
  stop_daemon "${MEMBER_PID[$OLD]}"
  wait "$WRITER"
  expect_eq "$(wc -l <"$TMP/acknowledged")" 100 "answered writes of 100"
}

test_without_a_majority_writes_wait_and_reads_answer() {
  start_cluster a b c
  curl -s "$(keys a)/k" -XPUT -d value=1 >/dev/null
  wait_until 10 same_keys a b c
  stop_daemon "${MEMBER_PID[b]}" KILL
  stop_daemon "${MEMBER_PID[c]}" KILL
  expect_eq "$(curl -s -m 5 "$(keys a)/k" | jq -r .node.value)" 1
  expect_match "$(curl -s -m 20 "$(keys a)/k" -XPUT -d value=2)" '"errorCode":300.*etcdserver: '
  expect_eq "$(curl -s -m 20 "$(url a)/health")" '{"health":"false"}'
  start_member b
  wait_until 30 healthy a b
  expect_eq "$(http_status -m 10 "$(keys a)/k" -XPUT -d value=3)" 200
}

test_a_member_that_was_away_for_long_gets_a_snapshot() {
  start_cluster a b c
  stop_daemon "${MEMBER_PID[c]}"
  # More bytes than the log keeps for those that lag a little.
  head -c 1000000 /dev/zero | tr '\0' x >"$TMP/value"
  local number
  for ((number = 0; number < 40; ++number)); do
    curl -s -m 10 -o /dev/null "$(keys a)/big/$number" -XPUT --data-urlencode "value@$TMP/value"
  done
  checkpointed() { curl -s "$(keys a)/tick" -XPUT -d value=1 >/dev/null && grep -q . "$TMP/a/data/store.db-wal"; }
  wait_until 10 checkpointed
  start_member c
  wait_until 60 healthy a b c
  wait_until 30 same_keys a c
  grep -q 'installed the state' "$TMP/c.log" || fail "it got no snapshot: $(tail -n 5 "$TMP/c.log")"
}

test_members_come_and_go() {
  start_cluster a b c
  curl -s "$(keys a)/before" -XPUT -d value=1 >/dev/null
  choose_addresses d
  wait_until 20 answered '"id":"[0-9a-f]+"' "$(url a)/v2/members" -H 'Content-Type: application/json' \
    -d "{\"peerURLs\":[\"${PEER_URL[d]}\"]}"
  MEMBERS=(a b c d)
  start_member d --initial-cluster-state existing
  wait_until 30 healthy d
  expect_eq "$(curl -s -m 5 "$(keys d)/before?quorum=true" | jq -r .node.value)" 1
  # It votes: with two of four gone there is no majority, with one there is.
  voters() { grep -q '4 servers, 4 of them vote' "$TMP"/*.log; }
  wait_until 20 voters
  local gone
  gone=$(leader d)
  wait_until 20 answered '204|410' -XDELETE "$(url d)/v2/members/$(id_of d "$gone")"
  wait_until 30 has_ended "${MEMBER_PID[$gone]}"
  grep -q 'removed from its cluster' "$TMP/$gone.log" || fail "it does not say why it ended"
  wait_until 20 another_leads d "$gone"
  expect_eq "$(http_status -m 10 "$(keys d)/after" -XPUT -d value=2)" 201
  expect_eq "$(curl -s "$(url d)/v2/members" | jq '.members | length')" 3
  # With the data that it has it is not let in again.
  start_member "$gone"
  wait_until 30 has_ended "${MEMBER_PID[$gone]}"
}

# replace ENDPOINT NAME: the one command of the operator.
replace() { applet kvctl --endpoints "$(url "$1")" member replace "$2"; }

# rejoined NAME OLD-ID: it is back, under another id, with all that the others have; the old id never comes back.
rejoined() {
  wait_until 30 healthy a b c
  [[ $(id_of a "$1") != "$2" ]] || fail "it has its old id again"
  expect_eq "$(curl -s -m 5 "$(keys "$1")/k?quorum=true" | jq -r .node.value)" 1
  wait_until 20 same_keys a b c
  expect_eq "$(http_status -m 10 -XDELETE "$(url a)/v2/members/$2")" 410
  expect_eq "$(curl -s "$(url a)/v2/members" | jq '.members | length')" 3
}

test_a_lost_disk_is_replaced_by_a_new_member() {
  start_cluster a b c
  curl -s "$(keys a)/k" -XPUT -d value=1 >/dev/null
  local id
  id=$(id_of a c)
  stop_daemon "${MEMBER_PID[c]}" KILL
  rm -r "$TMP/c"
  # Under its old id it would forget its votes: it says so, whatever it is told about the cluster's state.
  start_member c
  wait_until 20 has_ended "${MEMBER_PID[c]}"
  start_member c --initial-cluster-state existing
  wait_until 20 has_ended "${MEMBER_PID[c]}"
  expect_eq "$(grep -c "it is empty, but member $id with these peer URLs has run before: .kvctl member replace c." "$TMP/c.log")" 2
  expect_match "$(replace a c)" "^Member c has ID [0-9a-f]+ now, in the place of $id\."
  # Started as ever.
  start_member c
  rejoined c "$id"
  # And again, with its new data.
  stop_daemon "${MEMBER_PID[c]}"
  start_member c
  wait_until 30 healthy a b c
}

# damage NAME: a byte of the log's first frames, with whole ones behind it. The member must be down.
damage() { flip_byte "$TMP/$1/data/wal/0000000000000001.wal" 110; }

test_a_damaged_log_is_replaced_by_one_command() {
  start_cluster a b c
  curl -s "$(keys a)/k" -XPUT -d value=1 >/dev/null
  wait_until 10 same_keys a b c
  local id
  id=$(id_of a c)
  stop_daemon "${MEMBER_PID[c]}" KILL
  damage c
  start_member c
  wait_until 20 has_ended "${MEMBER_PID[c]}"
  grep -q '0000000000000001.wal at [0-9]*: the frame there is damaged.*; .kvctl member replace c. makes room' "$TMP/c.log" ||
    fail "it does not say what to do: $(tail -n 2 "$TMP/c.log")"
  [[ -e $TMP/c/data/wal/0000000000000001.wal ]] || fail "it touched the damaged data"
  replace b c
  start_member c
  rejoined c "$id"
  compgen -G "$TMP/c/data/damaged-*/wal/0000000000000001.wal" >/dev/null || fail "the damaged log is not kept"
}

test_a_damaged_checkpoint_is_replaced_by_one_command() {
  start_cluster a b c
  curl -s "$(keys a)/k" -XPUT -d value=1 >/dev/null
  wait_until 10 same_keys a b c
  local id
  id=$(id_of a c)
  stop_daemon "${MEMBER_PID[c]}"
  echo garbage >"$TMP/c/data/store.db"
  start_member c
  wait_until 20 has_ended "${MEMBER_PID[c]}"
  grep -q 'store.db: file is not a database; .kvctl member replace c. makes room' "$TMP/c.log" ||
    fail "it does not say what to do: $(tail -n 2 "$TMP/c.log")"
  replace a c
  start_member c
  rejoined c "$id"
}

test_replace_refuses_what_would_cost_something() {
  start_cluster a b c
  local before
  before=$(curl -s "$(url a)/v2/members")
  expect_match "$(expect_fail 4 replace a nobody 2>&1)" "^Error:  no member is called 'nobody' \(there are: [abc], [abc], [abc]\)$"
  expect_match "$(expect_fail 4 replace a b 2>&1)" "^Error:  member b is well: it answers on $(url b)\. Nothing was changed$"
  stop_daemon "${MEMBER_PID[b]}" KILL
  stop_daemon "${MEMBER_PID[c]}" KILL
  expect_match "$(expect_fail 4 replace a c 2>&1)" '^Error:  the cluster has no majority now\. Nothing was changed$'
  expect_match "$(expect_fail 4 replace c a 2>&1)" '^Error:  client: etcd cluster is unavailable'
  start_member b
  wait_until 30 healthy a b
  expect_eq "$(curl -s "$(url a)/v2/members")" "$before" "members"
  local line
  for line in '' 'replace' 'replace a b' 'list x' 'add x' 'remove' 'rename a'; do
    # shellcheck disable=SC2086 # words
    expect_fail 2 applet kvctl --endpoints "$(url a)" member $line 2>/dev/null
  done
  expect_match "$(expect_fail 2 applet kvctl member rename a 2>&1)" "unknown command 'rename' \(there are: list, add, remove, replace\)"
}

test_members_by_kvctl() {
  start_cluster a b c
  local text
  text=$(applet kvctl --endpoints "$(url a)" member add d http://127.0.0.1:1,http://127.0.0.1:2)
  expect_match "$text" '^Added member named d with ID [0-9a-f]+ to cluster

ETCD_NAME="d"
ETCD_INITIAL_CLUSTER="([a-d]=http://127.0.0.1:[0-9]+,?){5}"
ETCD_INITIAL_CLUSTER_STATE="existing"$'
  expect_match "$(expect_fail 4 applet kvctl --endpoints "$(url a)" member add e http://127.0.0.1:1 2>&1)" 'exist'
  local id
  id=$(sed -n 's/.*with ID \([0-9a-f]*\) .*/\1/p' <<<"$text")
  expect_eq "$(applet kvctl --endpoints "$(url a)" member remove "$id")" "Removed member $id from cluster"
  expect_eq "$(applet kvctl --endpoints "$(url a)" member list | wc -l)" 3
}

test_a_removal_that_would_cost_the_quorum_is_refused() {
  start_cluster a b c
  local old rest
  old=$(leader a)
  rest=$(printf '%s\n' a b c | grep -v "$old")
  local one=${rest%$'\n'*} two=${rest#*$'\n'} id_one id_two
  id_one=$(id_of "$old" "$one")
  id_two=$(id_of "$old" "$two")
  kill -9 "${MEMBER_PID[$two]}"
  # The leader still hears two, then one: removing that one would leave it alone of two.
  refused() { [[ $(curl -s -m 10 -w ' %{http_code}' -XDELETE "$(url "$old")/v2/members/$1") == "{\"message\":\"Internal Server Error\"} 500" ]]; }
  unheard() { [[ $(curl -s "$(url "$old")/v2/stats/leader" | jq ".followers[\"$id_two\"].counts.fail") -ge 1 ]]; }
  sent() { curl -s -m 10 "$(keys "$old")/more" -XPUT -d value=1 >/dev/null && unheard; }
  wait_until 20 sent
  wait_until 20 refused "$id_one"
  grep -q "member $id_one is not removed: unhealthy cluster, 1 of 2 members would be there" "$TMP/$old.log"
  # The dead one may go, and then the other one.
  wait_until 20 answered '204|410' -XDELETE "$(url "$old")/v2/members/$id_two"
  gone() { [[ $(curl -s "$(url "$old")/v2/members" | jq '.members | length') == "$1" ]]; }
  wait_until 20 gone 2
  wait_until 20 answered '204|410' -XDELETE "$(url "$old")/v2/members/$id_one"
  wait_until 20 gone 1
  wait_until 20 answered 201 "$(keys "$old")/alone" -XPUT -d value=1 -o /dev/null
}

test_the_leader_of_two_is_removed_and_the_other_goes_on() {
  start_cluster a b
  local old other=a id
  old=$(leader a)
  [[ $old == b ]] || other=b
  id=$(id_of "$other" "$old")
  wait_until 20 answered '204|410' -XDELETE "$(url "$old")/v2/members/$id"
  wait_until 30 has_ended "${MEMBER_PID[$old]}"
  wait_until 20 answered 201 "$(keys "$other")/alone" -XPUT -d value=1 -o /dev/null
  expect_eq "$(curl -s "$(url "$other")/v2/members" | jq -c '[.members[].name]')" "[\"$other\"]"
}

test_the_leader_knows_how_fast_its_followers_answer() {
  start_cluster a b c
  local old other
  old=$(leader a)
  # One answer may be for several writes, and what was sent before a follower had connected has failed.
  known() {
    curl -s "$(keys "$old")/a" -XPUT -d value=1 >/dev/null
    curl -s "$(url "$old")/v2/stats/leader" | jq -e '.followers | length == 2 and all(.counts.success >= 5
      and .latency.minimum > 0 and .latency.minimum <= .latency.average and .latency.average <= .latency.maximum)'
  }
  wait_until 10 known
  for other in a b c; do
    [[ $other == "$old" ]] || expect_eq "$(curl -s "$(url "$other")/v2/stats/leader")" '{"message":"not current leader"}'
  done
}

test_strangers_are_not_let_in() {
  start_cluster a
  local stream="${PEER_URL[a]}/raft/stream" cluster
  cluster=$(http_header X-Etcd-Cluster-Id "$(keys a)/")
  expect_eq "$(http_status -m 10 "$stream")" 400
  expect_eq "$(http_status -m 10 -H 'X-Server-From: 12' "$stream")" 412
  expect_eq "$(http_status -m 10 -H 'X-Server-From: 12' -H "X-Etcd-Cluster-ID: $cluster" "$stream")" 412
  expect_eq "$(http_status -m 10 "${PEER_URL[a]}/v2/keys/")" 404
  expect_eq "$(curl -s "${PEER_URL[a]}/members" | jq -r '.[0].name')" a
}

run_tests "$@"
