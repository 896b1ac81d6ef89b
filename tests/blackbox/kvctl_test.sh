#!/usr/bin/env bash
# kvctl and Debian's etcdctl (v2) against kvd: both print the same for the same state, with the same exit codes.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

# start: a store, and where both programs find it.
start() {
  start_store
  export ETCDCTL_API=2 ETCDCTL_ENDPOINTS=$URL
}

kvctl() { applet kvctl "$@"; }

need_etcdctl() {
  command -v etcdctl >/dev/null || skip "etcdctl is not installed"
}

# Runs the same arguments with both programs on the same state: output, errors and exit code are equal. For reads.
same() {
  local ours theirs our_code=0 their_code=0
  ours=$(kvctl "$@" 2>&1) || our_code=$?
  theirs=$(etcdctl "$@" 2>&1) || their_code=$?
  expect_eq "$ours" "$theirs" "kvctl $*"
  expect_eq "$our_code" "$their_code" "exit code of kvctl $*"
}

# The same for writes: ours on /ours, theirs on /theirs, where "@" stands for that directory. Indices are made equal.
alike() {
  local ours theirs our_code=0 their_code=0
  ours=$(kvctl "${@//@//ours}" 2>&1) || our_code=$?
  theirs=$(etcdctl "${@//@//theirs}" 2>&1) || their_code=$?
  expect_eq "$(neutral "$ours")" "$(neutral "$theirs")" "kvctl $*"
  expect_eq "$our_code" "$their_code" "exit code of kvctl $*"
}
neutral() {
  sed -E 's#/(ours|theirs)#@#g; s/ndex: [0-9]+/ndex: N/; s/ndex":[0-9]+/ndex":N/g; s/\[[0-9]+\]$/[N]/; s/"expiration":"[^"]*"/"expiration":T/g; s/\[([0-9]+) != [0-9]+\]/[\1 != N]/; s/0{10,}[0-9]+/ORDERED/' <<<"$1"
}

test_set_and_get() {
  start
  expect_eq "$(kvctl set /a/b hello)" hello
  expect_eq "$(kvctl get /a/b)" hello
  expect_eq "$(echo 'from a pipe' | kvctl set /piped)" 'from a pipe'
  expect_eq "$(kvctl ls /)" '/a
/piped'
  expect_eq "$(kvctl rm /a/b)" 'PrevNode.Value: hello'
}

test_errors_and_exit_codes() {
  start
  expect_eq "$(expect_fail 4 kvctl get /x 2>&1)" 'Error:  100: Key not found (/x) [3]'
  expect_match "$(expect_fail 4 kvctl --endpoints "http://127.0.0.1:$(free_port)" get /x 2>&1)" \
    '^Error:  client: etcd cluster is unavailable or misconfigured; .*Connection refused'
  expect_match "$(expect_fail 2 kvctl --endpoint "$URL" get /x 2>&1)" "unknown option '--endpoint'.*--endpoints"
  expect_match "$(expect_fail 2 kvctl gte /x 2>&1)" "unknown command 'gte'"
  expect_match "$(expect_fail 2 kvctl -o xml get /x 2>&1)" 'simple'
  expect_match "$(expect_fail 1 kvctl --endpoints ftp://x get /x 2>&1)" 'the scheme must be http'
  expect_match "$(expect_fail 1 kvctl --endpoints unix:///x get /x 2>&1)" 'only http:// and https://'
}

test_second_endpoint_is_tried() {
  start
  expect_eq "$(kvctl --endpoints "http://127.0.0.1:$(free_port),$URL" set /x 1)" 1
}

test_reads_are_etcdctls() {
  need_etcdctl
  start
  kvctl set /d/one 1 >/dev/null
  kvctl set /d/e/two '<2> "quoted" ä' >/dev/null
  kvctl mkdir /d/empty
  kvctl set /lease 1 --ttl 1000 >/dev/null
  same get /d/one
  same get /d
  same get /none
  same get /d/one/x
  same -o json get /d/e/two
  same -o extended get /d/one
  same ls --sort
  same ls --sort -r -p /
  same ls --sort --recursive /d
  same ls /d/one
  same ls /none
  same -o json ls --sort /d
  same member list
  same cluster-health
}

test_writes_are_etcdctls() {
  need_etcdctl
  start
  alike set @/a 1
  alike set @/a 2
  alike set @/a 3 --swap-with-value 2
  alike set @/a 4 --swap-with-value 2
  alike set @/a 4 --swap-with-index 1
  alike mk @/a 1
  alike mk @/b 1
  alike mk @/queue 1 --in-order
  alike -o json mk @/queue 2 --in-order
  alike update @/b 2
  alike update @/none 2
  alike mkdir @/dir
  alike mkdir @/dir
  alike setdir @/dir2
  alike updatedir @/dir --ttl 100
  alike -o extended set @/t 1 --ttl 50
  alike -o json set @/t 2
  alike rm @/dir
  alike rmdir @/dir
  alike rm @/queue --recursive
  alike -o extended rm @/t
  alike rm @/b --with-value 9
  alike rm @/b --with-value 2
  alike rm @/none
  alike rmdir @/a
}

test_watch_prints_as_etcdctl() {
  need_etcdctl
  start
  kvctl watch /w --recursive --forever >"$TMP/ours" &
  etcdctl watch /w --recursive --forever >"$TMP/theirs" &
  wait_until 10 watched_by 2 "$URL"
  kvctl set /w/a 1 >/dev/null
  wait_until 10 grep -q '^1$' "$TMP/ours"
  wait_until 10 grep -q '^1$' "$TMP/theirs"
  kvctl update /w/a 2 >/dev/null
  kvctl rm /w/a >/dev/null
  wait_until 10 grep -q 'PrevNode.Value: 2' "$TMP/ours"
  wait_until 10 grep -q 'PrevNode.Value: 2' "$TMP/theirs"
  expect_eq "$(cat "$TMP/ours")" "$(cat "$TMP/theirs")"
}

test_watch_from_an_index() {
  start
  kvctl set /w 1 >/dev/null
  kvctl set /w 2 >/dev/null
  expect_eq "$(kvctl watch /w --after-index 4)" 2
  expect_match "$(expect_fail 2 kvctl watch /w --after-index x 2>&1)" after-index
}

test_etcdctl_exec_watch() {
  need_etcdctl
  start
  printf '#!/bin/sh\necho "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE" >>%s\n' "$TMP/seen" >"$TMP/script"
  chmod +x "$TMP/script"
  etcdctl exec-watch "$TMP/script" /w & # the key comes last, whatever its help says
  wait_until 10 watched_by 1 "$URL"
  kvctl set /w now >/dev/null
  wait_until 10 grep -q . "$TMP/seen"
  expect_match "$(cat "$TMP/seen")" '"?set"? "?/w"? "?now"?'
}

test_cluster_health_of_a_dead_store() {
  start
  stop_daemon "$PID"
  expect_match "$(expect_fail 4 kvctl cluster-health 2>&1)" 'cluster may be unhealthy: failed to list members'
}

test_help_lists_commands() {
  local text
  text=$(applet kvctl --help)
  for command in get set mk mkdir rm rmdir ls update setdir updatedir watch member cluster-health; do
    expect_match "$text" "$command"
  done
}

run_tests "$@"
