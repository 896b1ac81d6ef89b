#!/usr/bin/env bash
# Three and five members of the store, each on a node with a real systemd, under load while something goes wrong. After
# each fault: no acknowledged write is lost, the calls of all clients are linearizable (kv_history), all members hold
# the same, and the load goes on.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"
. "$(dirname "$0")/lab.sh"
TEST_TIMEOUT=120

DATA=/var/lib/clusteros/kv
REST=()
HISTORY=${TMP:-}/history

# The members are in a network of the lab's own.
curl() { lab_outside curl "$@"; }

# cluster NAME…: nodes with a member each; with SMALL_DISK their data is on a file system in memory of this size.
cluster() {
  [[ -x $ROOT/out/release/kv_history ]] || fail "out/release/kv_history was not built"
  local name list=''
  MEMBERS=("$@")
  lab_network
  for name; do
    lab_install "$name"
    CLIENT_URL[$name]=http://$(lab_address "$name"):2379
    list+=${list:+,}$name=http://$(lab_address "$name"):2380
  done
  for name; do
    configure "$name" "$list"
    lab_start "$name"
  done
  # A member is ready when there is a leader, so none is waited for before all are asked to start.
  for name; do lab_run "$name" systemctl start --no-block kvd; done
  wait_until 30 healthy "${MEMBERS[@]}"
}

configure() {
  local name=$1 disk address
  disk=$(lab_disk "$name") address=$(lab_address "$name")
  cat >"$disk/etc/clusteros/cluster.env" <<END
ETCD_NAME=$name
ETCD_INITIAL_CLUSTER=$2
ETCD_LISTEN_PEER_URLS=http://$address:2380
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://$address:2380
CLUSTEROS_KV_LISTEN_CLIENT_URLS=http://$address:2379
CLUSTEROS_KV_ADVERTISE_CLIENT_URLS=http://$address:2379
END
  # Nothing but the store runs, and not before it is asked to.
  rm -f "$disk"/etc/systemd/system/*.wants/{kvd,schedd,discoveryd,updaterd,clusteros-health}.service
  [[ ! ${SMALL_DISK:-} ]] || printf '[Mount]\nWhat=tmpfs\nWhere=%s\nType=tmpfs\nOptions=size=%s\n' "$DATA" "$SMALL_DISK" \
    >"$disk/etc/systemd/system/var-lib-clusteros-kv.mount"
}

# others NAME: all members but this one, in REST.
others() {
  local name
  REST=()
  for name in "${MEMBERS[@]}"; do [[ $name == "$1" ]] || REST+=("$name"); done
}

# find_leader: the leader in LEADER, all others in REST.
find_leader() {
  LEADER=$(leader "${MEMBERS[0]}")
  [[ $LEADER ]] || fail "nobody leads"
  others "$LEADER"
}

# --- the load ----------------------------------------------------------------------------------------------------

# load_begins [OPTION…]: clients of all members; the options are kv_history.py's.
load_begins() {
  local name
  local -a urls=()
  : >"$HISTORY"
  for name in "${MEMBERS[@]}"; do urls+=("$(url "$name")"); done
  start_daemon load nsenter --target "$LAB_NETWORK_PID" --net -- \
    env PYTHONDONTWRITEBYTECODE=1 python3 "$ROOT/tests/lab/kv_history.py" "${urls[@]}" --out "$HISTORY" "$@"
  LOAD=$PID
  load_goes_on
}

answered() { grep -c -E "$1.*\"to\"" "$HISTORY" || true; }

# load_goes_on [CALLS [PATTERN]]: so many more calls are answered, within 20 s.
load_goes_on() {
  local wanted
  wanted=$(($(answered "${2:-write|swap}") + ${1:-300}))
  more_are_answered() { (($(answered "$1") >= $2)); }
  wait_until 20 more_are_answered "${2:-write|swap}" "$wanted"
}

# Ends the load and judges what it saw.
load_ends() {
  local verdict
  wait_until 30 healthy "${MEMBERS[@]}"
  load_goes_on
  kill -USR1 "$LOAD"
  wait "$LOAD" || fail "the load ended with $?"
  SUMMARY=$(tail -n 1 "$TMP/load.log")
  echo "$SUMMARY"
  verdict=$("$ROOT/out/release/kv_history" "$HISTORY") || fail "$(tail -n 200 <<<"$verdict")"
  echo "$verdict"
  expect_match "$verdict" ': 0 not linearizable, 0 undecided$'
  wait_until 20 same_keys "${MEMBERS[@]}"
}

summary() { jq ".$1" <<<"$SUMMARY"; }

# --- faults ------------------------------------------------------------------------------------------------------

restarts() { lab_run "$1" systemctl show --property=NRestarts --value kvd; }
has_restarted() { (($(restarts "$1") >= $2)); }
kill_9() { lab_run "$1" systemctl kill --signal=KILL kvd; }
pause() { lab_run "$1" systemctl kill --signal=STOP kvd; }
go_on() { lab_run "$1" systemctl kill --signal=CONT kvd; }

# cut_in NAME FROM…: NAME gets no packet of these any more. cut_out NAME TO…: none of its packets gets to them.
cut_in() { drop input saddr "$@"; }
cut_out() { drop output daddr "$@"; }
drop() {
  local hook=$1 field=$2 name=$3 other
  shift 3
  for other; do
    lab_run "$name" nft "add table ip cut; add chain ip cut $hook { type filter hook $hook priority 0; }
      add rule ip cut $hook ip $field $(lab_address "$other") drop"
  done
}
mend() { lab_run "$1" nft delete table ip cut; }

# shellcheck disable=SC2016 # for the shell inside
fill_disk() { lab_run "$1" sh -c 'cat /dev/zero >"$1/filler" 2>/dev/null' sh "$DATA" || true; }
free_disk() { lab_run "$1" rm "$DATA/filler"; }
disk_is_full() { curl -s -m 2 "$(url "$1")/metrics" | grep -q "^clusteros_kv_disk_full $2"; }

# --- tests -------------------------------------------------------------------------------------------------------

test_kill_9_of_the_leader() {
  cluster a b c
  load_begins
  local round before
  for round in 1 2; do
    find_leader
    before=$(restarts "$LEADER")
    kill_9 "$LEADER"
    wait_until 20 another_leads "${REST[0]}" "$LEADER"
    load_goes_on
    wait_until 20 has_restarted "$LEADER" "$((before + 1))"
    wait_until 30 healthy "${MEMBERS[@]}"
  done
  load_ends
}

test_kill_9_of_a_follower() {
  cluster a b c
  load_begins
  find_leader
  kill_9 "${REST[0]}"
  load_goes_on
  wait_until 20 has_restarted "${REST[0]}" 1
  load_ends
}

# A leader that wakes up behind the others must not answer with what it knew.
test_pause_of_the_leader() {
  cluster a b c
  load_begins
  local round
  for round in 1 2; do
    find_leader
    pause "$LEADER"
    wait_until 20 another_leads "${REST[0]}" "$LEADER"
    load_goes_on
    go_on "$LEADER"
    wait_until 30 healthy "${MEMBERS[@]}"
  done
  load_ends
}

test_pause_of_a_follower() {
  cluster a b c
  load_begins
  find_leader
  pause "${REST[0]}"
  load_goes_on 600
  go_on "${REST[0]}"
  load_ends
}

# Clients reach the old leader all the time: what it takes without the others must not count.
test_partition_of_the_leader() {
  cluster a b c
  load_begins
  find_leader
  cut_in "$LEADER" "${REST[@]}"
  cut_out "$LEADER" "${REST[@]}"
  wait_until 20 another_leads "${REST[0]}" "$LEADER"
  load_goes_on 600
  mend "$LEADER"
  load_ends
}

test_partition_one_way_the_leader_hears_nobody() {
  cluster a b c
  load_begins
  find_leader
  cut_in "$LEADER" "${REST[@]}"
  wait_until 30 another_leads "${REST[0]}" "$LEADER"
  load_goes_on
  mend "$LEADER"
  load_ends
}

test_partition_one_way_nobody_hears_the_leader() {
  cluster a b c
  load_begins
  find_leader
  cut_out "$LEADER" "${REST[@]}"
  wait_until 30 another_leads "${REST[0]}" "$LEADER"
  load_goes_on
  mend "$LEADER"
  load_ends
}

test_full_disk_of_a_follower_and_of_the_leader() {
  SMALL_DISK=400M cluster a b c
  load_begins --padding 2000
  local full
  find_leader
  full=${REST[0]}
  fill_disk "$full"
  wait_until 30 disk_is_full "$full" 1
  load_goes_on
  free_disk "$full"
  wait_until 20 disk_is_full "$full" 0
  find_leader
  fill_disk "$LEADER"
  wait_until 30 disk_is_full "$LEADER" 1
  load_goes_on 300 '"read"'
  free_disk "$LEADER"
  load_ends
}

# Clients that ask another member when one does not answer do not notice.
test_rolling_restart_fails_no_request() {
  cluster a b c
  load_begins
  local name
  for name in a b c; do
    lab_run "$name" systemctl restart kvd
    wait_until 30 healthy "${MEMBERS[@]}"
    load_goes_on
  done
  load_ends
  expect_eq "$(summary failed)" 0 "requests that no member answered"
  # What a member took it answered: only an idle connection may end under a request that is just on its way.
  expect_eq "$(grep -c '"why": "[0-9]' "$HISTORY" || true)" 0 "requests that were answered with an error"
}

# The leader and another one at once, then a majority of three is cut off from the rest of the five.
test_five_members_outlive_two() {
  cluster a b c d e
  load_begins
  local name
  find_leader
  kill_9 "$LEADER"
  kill_9 "${REST[0]}"
  wait_until 20 another_leads "${REST[1]}" "$LEADER"
  load_goes_on
  wait_until 30 healthy "${MEMBERS[@]}"
  find_leader
  for name in "$LEADER" "${REST[0]}"; do
    cut_in "$name" "${REST[@]:1}"
    cut_out "$name" "${REST[@]:1}"
  done
  wait_until 20 another_leads "${REST[1]}" "$LEADER"
  load_goes_on
  mend "$LEADER"
  mend "${REST[0]}"
  load_ends
}

run_tests "$@"
