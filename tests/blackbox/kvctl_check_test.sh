#!/usr/bin/env bash
# kvctl check: the data of a member that does not run, whole and damaged in each of its files.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

# Makes $TMP/data with some keys and a log of several segments; kvd is ended by the signal.
make_data() { # SIGNAL
  local i
  start_kvd
  head -c 100000 /dev/zero | tr '\0' x >"$TMP/value"
  for ((i = 0; i < 20; ++i)); do
    curl -sf "$KEYS/large/$i" -XPUT --data-urlencode "value@$TMP/value" >/dev/null
    curl -sf "$KEYS/small/$i" -XPUT -d value=1 >/dev/null
  done
  stop_daemon "$PID" "$1"
  LOG=$(find "$TMP/data/wal" -name '*.wal' | sort)
  (($(wc -l <<<"$LOG") >= 3)) || fail "the log has too few segments: $LOG"
}

check() { applet kvctl check --data-dir "$TMP/data"; }

# The checksums and times of all files.
state_of_files() { (cd "$TMP/data" && find . -type f -printf '%p %T@ ' -exec sha256sum {} \;); }

test_whole_data_after_a_stop_and_after_a_kill() {
  local signal before
  for signal in TERM KILL; do
    make_data "$signal"
    before=$(state_of_files)
    expect_match "$(check)" "^$TMP/data: member [0-9a-f]+ of cluster [0-9a-f]+, term [0-9]+, entries 1 to [0-9]+ in wal; .*nothing is wrong\$"
    expect_eq "$(state_of_files)" "$before" "the files after the check"
    rm -r "$TMP/data"
  done
}

test_read_only_directory() {
  unshare --mount true 2>/dev/null || skip "no mount namespaces here"
  make_data KILL
  # shellcheck disable=SC2016 # for the shell inside
  expect_match "$(unshare --mount --propagation private bash -c '
    mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>/dev/null &&
      "$2" kvctl check --data-dir "$1"' check "$TMP/data" "$CLUSTERCTL")" 'nothing is wrong'
}

test_a_running_member_is_left_alone() {
  start_kvd
  expect_eq "$(expect_fail 1 check 2>&1)" "kvctl: lock $TMP/data: process $PID uses it already"
}

test_flipped_bits() {
  make_data TERM
  local first
  first=$(head -1 <<<"$LOG")
  flip_byte "$first" 200
  expect_match "$(expect_fail 1 check)" "^wal/${first##*/} at [0-9]+: a damaged frame, the next whole one is at [0-9]+\$"
  flip_byte "$first" 200
  flip_byte "$first" 17
  expect_match "$(expect_fail 1 check)" "^wal/${first##*/}: its header is damaged\$"
  flip_byte "$first" 17
  local at
  at=$(grep -abo xxxxxxxxxx "$TMP/data/store.db" | sed -n '1s/:.*//p')
  flip_byte "$TMP/data/store.db" $((at + 5))
  expect_match "$(expect_fail 1 check)" '^store.db: the (node "/1/large/[0-9]+"|event [0-9]+) is damaged$'
  # A start refuses it as well.
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/data" --listen-client-urls "http://127.0.0.1:$(free_port)" 2>&1)" \
    'store.db: the .* is damaged; there is no other member to get the data from'
  flip_byte "$TMP/data/store.db" $((at + 5))
  flip_byte "$TMP/data/store.db" 3
  expect_match "$(expect_fail 1 check)" '^store.db: .*not a database'
  flip_byte "$TMP/data/store.db" 3
  expect_match "$(check)" 'nothing is wrong'
}

test_flipped_bits_in_the_databases_log() {
  start_kvd
  curl -sf "$KEYS/a" -XPUT -d value=1 >/dev/null
  # Several checkpoints, which SQLite keeps in its log while the database is open.
  local size=0 rounds
  for ((rounds = 0; rounds < 4; ++rounds)); do
    curl -sf "$KEYS/b" -XPUT -d value="$rounds" >/dev/null
    wait_until 10 bash -c "(( \$(stat -c %s '$TMP/data/store.db-wal') > $size ))"
    size=$(stat -c %s "$TMP/data/store.db-wal")
  done
  stop_daemon "$PID" KILL
  expect_match "$(check)" 'nothing is wrong'
  flip_byte "$TMP/data/store.db-wal" 80
  expect_match "$(expect_fail 1 check)" 'store.db-wal at 32: a damaged frame'
}

test_missing_and_truncated_segments() {
  make_data TERM
  local first last
  first=$(head -1 <<<"$LOG")
  last=$(tail -1 <<<"$LOG")
  cp -r "$TMP/data" "$TMP/whole"
  truncate -s 4000 "$first"
  expect_match "$(expect_fail 1 check | head -1)" "^wal/${first##*/}: 4000 bytes, its header says [0-9]+\$"
  rm -r "$TMP/data"
  cp -r "$TMP/whole" "$TMP/data"
  rm "$(sed -n 2p <<<"$LOG")"
  expect_eq "$(expect_fail 1 check)" "wal/$(sed -n 3p <<<"$LOG" | sed 's,.*/,,'): segments 2 to 2 are missing"
  rm -r "$TMP/data"
  cp -r "$TMP/whole" "$TMP/data"
  rm "$last"
  expect_match "$(expect_fail 1 check)" '^wal ends at entry [0-9]+, before entry [0-9]+ of store.db'
  rm -r "$TMP/data/wal"
  expect_eq "$(expect_fail 1 check)" 'wal: it is missing'
  mkdir "$TMP/data/wal"
  expect_eq "$(expect_fail 1 check)" 'wal: it has no segment'
  rm -r "$TMP/data"
  cp -r "$TMP/whole" "$TMP/data"
  : >"$TMP/data/store.db"
  expect_match "$(check)" 'nothing in store.db yet; nothing is wrong'
}

test_no_data_and_wrong_usage() {
  mkdir "$TMP/data"
  expect_eq "$(expect_fail 1 check 2>&1)" "kvctl: check $TMP/data: it holds no member's data (neither wal/ nor store.db)"
  expect_eq "$(ls -A "$TMP/data")" ''
  rmdir "$TMP/data"
  expect_match "$(expect_fail 1 check 2>&1)" 'No such file or directory'
  echo text >"$TMP/data"
  expect_match "$(expect_fail 1 check 2>&1)" 'Not a directory'
  expect_match "$(expect_fail 2 applet kvctl check 2>&1)" '--data-dir is needed'
  expect_match "$(expect_fail 2 applet kvctl check "$TMP/data" 2>&1)" 'kvctl: '
  expect_match "$(applet kvctl check --help)" '--data-dir=DIR'
}

run_tests "$@"
