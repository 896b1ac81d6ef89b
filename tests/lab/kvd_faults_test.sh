#!/usr/bin/env bash
# Three and five members of the store, each on a node with a real systemd, under load while something goes wrong. After
# each fault: no acknowledged write is lost, the calls of all clients are linearizable (kv_history), all members hold
# the same, and the load goes on.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"
TEST_TIMEOUT=120

DATA=/var/lib/clusteros/kv
NAMES=()
HISTORY=${TMP:-}/history

url() { echo "http://$(lab_address "$1"):2379"; }

# cluster NAME…: nodes with a member each. The kernel's memory is kvd's disk where SMALL_DISK has a size.
cluster() {
  [[ -x $ROOT/out/release/kv_history ]] || fail "out/release/kv_history was not built"
  local name list=''
  NAMES=("$@")
  lab_network
  for name; do
    lab_install "$name"
    list+=${list:+,}$name=http://$(lab_address "$name"):2380
  done
  for name; do
    configure "$name" "$list"
    lab_start "$name"
  done
  # A member is ready when there is a leader, so none is waited for before all are asked to start.
  for name; do lab_run "$name" systemctl start --no-block kvd; done
  wait_until 30 healthy "${NAMES[@]}"
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

healthy() {
  local name
  for name; do [[ $(lab_outside curl -s -m 2 "$(url "$name")/health") == '{"health":"true"}' ]] || return 1; done
}

# The member that leads, as the member NAME sees it.
leader() { lab_outside curl -s -m 2 "$(url "$1")/v2/members/leader" | jq -r '.name // empty'; }

leads_not() {
  local now
  now=$(leader "$2") && [[ $now && $now != "$1" ]]
}

# others NAME…: all members but these.
others() {
  local name
  for name in "${NAMES[@]}"; do [[ " $* " == *" $name "* ]] || echo "$name"; done
}

same_state() {
  local name text first=''
  for name in "${NAMES[@]}"; do
    text=$(lab_outside curl -sf -m 5 "$(url "$name")/v2/keys/?recursive=true&sorted=true") || return 1
    [[ -z $first || $text == "$first" ]] || return 1
    first=$text
  done
}

# --- the load ----------------------------------------------------------------------------------------------------

# load_begins [OPTION…]: clients of all members; the options are kv_history.py's.
load_begins() {
  local name
  local -a urls=()
  for name in "${NAMES[@]}"; do urls+=("$(url "$name")"); done
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
  wait_until 30 healthy "${NAMES[@]}"
  load_goes_on
  kill -TERM "$LOAD"
  wait "$LOAD" || fail "the load ended with $?"
  SUMMARY=$(tail -n 1 "$TMP/load.log")
  echo "$SUMMARY"
  verdict=$("$ROOT/out/release/kv_history" "$HISTORY") || fail "$(tail -n 200 <<<"$verdict")"
  echo "$verdict"
  expect_match "$verdict" ': 0 not linearizable, 0 undecided$'
  wait_until 20 same_state
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
disk_is_full() { lab_outside curl -s -m 2 "$(url "$1")/metrics" | grep -q "^clusteros_kv_disk_full $2"; }

# --- tests -------------------------------------------------------------------------------------------------------

test_kill_9_of_the_leader() {
  cluster a b c
  load_begins
  local round old witness
  for round in 1 2 3; do
    old=$(leader a)
    witness=$(others "$old" | head -n 1)
    kill_9 "$old"
    wait_until 20 leads_not "$old" "$witness"
    load_goes_on
    wait_until 20 has_restarted "$old" 1
    wait_until 30 healthy "${NAMES[@]}"
  done
  load_ends
}

test_kill_9_of_a_follower() {
  cluster a b c
  load_begins
  local old
  old=$(others "$(leader a)" | head -n 1)
  kill_9 "$old"
  load_goes_on
  wait_until 20 has_restarted "$old" 1
  load_ends
}

# A leader that wakes up behind the others must not answer with what it knew.
test_pause_of_the_leader() {
  cluster a b c
  load_begins
  local round old witness
  for round in 1 2; do
    old=$(leader a)
    witness=$(others "$old" | head -n 1)
    pause "$old"
    wait_until 20 leads_not "$old" "$witness"
    load_goes_on
    go_on "$old"
    wait_until 30 healthy "${NAMES[@]}"
  done
  load_ends
}

test_pause_of_a_follower() {
  cluster a b c
  load_begins
  local old
  old=$(others "$(leader a)" | head -n 1)
  pause "$old"
  load_goes_on 600
  go_on "$old"
  load_ends
}

# Clients reach the old leader all the time: what it takes without the others must not count.
test_partition_of_the_leader() {
  cluster a b c
  load_begins
  local old
  local -a rest
  old=$(leader a)
  mapfile -t rest < <(others "$old")
  cut_in "$old" "${rest[@]}"
  cut_out "$old" "${rest[@]}"
  wait_until 20 leads_not "$old" "${rest[0]}"
  load_goes_on 600
  mend "$old"
  load_ends
}

test_partition_one_way_the_leader_hears_nobody() {
  cluster a b c
  load_begins
  local old
  local -a rest
  old=$(leader a)
  mapfile -t rest < <(others "$old")
  cut_in "$old" "${rest[@]}"
  wait_until 30 leads_not "$old" "${rest[0]}"
  load_goes_on
  mend "$old"
  load_ends
}

test_partition_one_way_nobody_hears_the_leader() {
  cluster a b c
  load_begins
  local old
  local -a rest
  old=$(leader a)
  mapfile -t rest < <(others "$old")
  cut_out "$old" "${rest[@]}"
  wait_until 30 leads_not "$old" "${rest[0]}"
  load_goes_on
  mend "$old"
  load_ends
}

test_full_disk_of_a_follower_and_of_the_leader() {
  SMALL_DISK=24M cluster a b c
  load_begins --padding 4000
  local full
  full=$(others "$(leader a)" | head -n 1)
  fill_disk "$full"
  wait_until 30 disk_is_full "$full" 1
  load_goes_on
  free_disk "$full"
  wait_until 20 disk_is_full "$full" 0
  full=$(leader a)
  fill_disk "$full"
  wait_until 30 disk_is_full "$full" 1
  load_goes_on 300 '"read"'
  free_disk "$full"
  load_ends
}

# Clients that ask another member when one does not answer do not notice.
test_rolling_restart_fails_no_request() {
  cluster a b c
  load_begins
  local name
  for name in a b c; do
    lab_run "$name" systemctl restart kvd
    wait_until 30 healthy "${NAMES[@]}"
    load_goes_on
  done
  load_ends
  expect_eq "$(summary failed)" 0 "requests that no member answered"
}

# The leader and another one at once, then a majority of three is cut off from the rest of the five.
test_five_members_outlive_two() {
  cluster a b c d e
  load_begins
  local old
  local -a rest
  old=$(leader a)
  mapfile -t rest < <(others "$old")
  kill_9 "$old"
  kill_9 "${rest[0]}"
  wait_until 20 leads_not "$old" "${rest[1]}"
  load_goes_on
  wait_until 30 healthy "${NAMES[@]}"
  old=$(leader a)
  mapfile -t rest < <(others "$old")
  for name in "$old" "${rest[0]}"; do
    cut_in "$name" "${rest[@]:1}"
    cut_out "$name" "${rest[@]:1}"
  done
  wait_until 20 leads_not "$old" "${rest[1]}"
  load_goes_on
  mend "$old"
  mend "${rest[0]}"
  load_ends
}

run_tests "$@"
