#!/usr/bin/env bash
# etcdctl 3.4.23 in v2 mode, every command, against kvd and against the real etcd side by side: the same output, errors
# and exit codes. But for `backup`: it reads an etcd's data directory and asks no server. `user`, `role` and `auth` are in
# kvd_etcdctl_auth_test.sh, `member add` and what follows in kvd_members_test.sh.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"
. "$(dirname "$0")/../lib/etcdctl.sh"

test_set_get_update() {
  start_both
  works set /a/b hello
  works get /a/b
  works -o extended get /a/b
  works -o json get /a/b
  works get --quorum /a/b
  works get --sort /a/b
  works set /a/b again --ttl 500
  works -o extended get /a/b
  works set /a/b third --swap-with-value again
  fails 4 set /a/b fourth --swap-with-value again
  fails 4 set /a/b fourth --swap-with-index 1
  works set /a/b fourth --swap-with-index 6
  works update /a/b fifth
  works -o json update /a/b sixth --ttl 500
  fails 4 update /none x
  fails 4 get /none
  fails 1 get /a
  fails 4 get /a/b/c
  fails 1 get
  fails 1 set /a
  works set '/odd <&> "ä"' 'wert <&> "ä" %zz +'
  works get '/odd <&> "ä"'
  works -o json get '/odd <&> "ä"'
  works --debug get /a/b
}

test_make_keys_and_directories() {
  start_both
  works mk /k 1
  fails 4 mk /k 1
  works mk /q 1 --in-order
  works mk /q 2 --in-order
  works -o json mk /q 3 --in-order
  works mkdir /d
  fails 4 mkdir /d
  works -o json mkdir /d/e --ttl 500
  works setdir /d/f
  fails 4 setdir /k/x
  works setdir /d/g --ttl 500
  works updatedir /d --ttl 500
  fails 4 updatedir /none --ttl 500
  fails 4 set /d x
}

test_list() {
  start_both
  works ls
  works set /d/x 1
  works set /d/e/y 2
  works mkdir /d/empty
  works set /_hidden 1
  works ls
  works ls --sort /d
  works ls --sort --recursive
  works ls --sort -r -p /
  works ls --quorum --sort /d
  works ls /d/x
  works ls /_hidden
  fails 4 ls /none
  works -o json ls --sort /d
}

test_remove() {
  start_both
  works set /k 1
  works rm /k
  fails 4 rm /k
  works set /k 1
  fails 4 rm /k --with-value 2
  fails 4 rm /k --with-index 1
  works rm /k --with-value 1
  works set /k 2
  works rm /k --with-index 8
  works set /d/e/f 1
  fails 4 rm /d
  fails 4 rm /d --dir
  fails 4 rmdir /d
  works rm /d --recursive
  works mkdir /d
  works rmdir /d
  works mkdir /d
  works rm /d --dir
  works set /k 3
  works rmdir /k
  works -o json set /k 4
  works -o json rm /k
  fails 4 rm / --recursive
}

# in_background ARGUMENT…: the same command with both; what they print is compared by finish_background.
in_background() {
  ctl "$ETCD_URL" "$@" >"$TMP/theirs" 2>&1 &
  WAITING=($!)
  ctl "$KVD_URL" "$@" >"$TMP/ours" 2>&1 &
  WAITING+=($!)
  wait_until 10 watched_by 1 "$ETCD_URL"
  wait_until 10 watched_by 1 "$KVD_URL"
}
finish_background() {
  wait "${WAITING[@]}"
  expect_eq "$(neutral "$KVD_URL" <"$TMP/ours")" "$(neutral "$ETCD_URL" <"$TMP/theirs")" "what was printed"
}

test_watch() {
  start_both
  in_background watch /w
  works set /w/other 1 # not watched, but then /w is a directory
  works rm /w --recursive
  works set /w 1
  finish_background
  in_background watch /w --recursive
  works set /w 2
  finish_background
  works watch /w --after-index 6
  works -o json watch / --recursive --after-index 4
  fails 1 watch
}

test_watch_forever() {
  start_both
  in_background watch / --recursive --forever
  works set /a 1
  works set /_hidden 1
  works set /d/b 2
  works update /a 3
  works rm /a
  works set /t x --ttl 1
  wait_until 10 grep -q 'expire' "$TMP/ours"
  wait_until 10 grep -q 'expire' "$TMP/theirs"
  works rm /d --recursive
  works set /last 1
  wait_until 10 grep -q last "$TMP/ours"
  wait_until 10 grep -q last "$TMP/theirs"
  # Once each: kill -INT would be asked for by a person.
  kill "${WAITING[@]}"
  wait "${WAITING[@]}" || true
  expect_eq "$(cat "$TMP/ours")" "$(cat "$TMP/theirs")" "what was printed"
}

test_exec_watch() {
  start_both
  printf '#!/bin/sh\necho "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_MODIFIED_INDEX"\n' >"$TMP/script"
  chmod +x "$TMP/script"
  works set /w before
  in_background exec-watch --recursive --after-index 3 "$TMP/script" /w
  works set /w now
  fails 4 set /w/x below
  wait_until 10 grep -q now "$TMP/ours"
  wait_until 10 grep -q now "$TMP/theirs"
  kill "${WAITING[@]}"
  wait "${WAITING[@]}" || true
  expect_eq "$(cat "$TMP/ours")" "$(cat "$TMP/theirs")" "what was printed"
}

test_cluster_health_and_members() {
  start_both
  works cluster-health
  works member list
  works member
  expect_match "$OUTPUT" 'member'
}

# With the cluster's own addresses, as etcdctl asks by default.
test_endpoints_are_learnt_from_the_cluster() {
  start_both
  expect_eq "$("$ETCD34/etcdctl" --endpoints "$KVD_URL" set /a 1)" 1
  expect_eq "$("$ETCD34/etcdctl" --endpoints "http://127.0.0.1:$(free_port),$KVD_URL" get /a)" 1
}

run_tests "$@"
