#!/usr/bin/env bash
# oci-runtime: what callers pass to exec, create and run, and that it is acted on.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# A container that waits.
waiting_container() {
  bundle
  command_is 'exec sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
}

test_exec_options_arrive() {
  waiting_container
  expect_eq "$(oci exec --user 5:6 --additional-gids 7 -g 8,9 --cwd /tmp --env A=b --env C=d c sh -c 'id -u; id -g; id -G; pwd; echo $A $C' | xargs)" \
    "5 6 6 7 8 9 /tmp b d"
  expect_eq "$(oci exec c grep CapBnd /proc/self/status)" "$(oci exec -c CAP_KILL c grep CapBnd /proc/self/status)"
  # CAP_SYS_PTRACE is bit 19; none is inheritable or ambient (CVE-2022-29162).
  expect_eq "$(oci exec --cap CAP_SYS_PTRACE c sh -c 'grep -E "Cap(Inh|Amb)" /proc/self/status; echo $((0x$(sed -n "s/CapEff:.//p" /proc/self/status) >> 19 & 1))' | xargs)" \
    "CapInh: 0000000000000000 CapAmb: 0000000000000000 1"
  expect_match "$(expect_fail 2 oci exec --cap CAP_NOSUCH c true 2>&1)" 'no such capability'
  expect_match "$(expect_fail 2 oci exec --env A c true 2>&1)" 'expected NAME=VALUE'
  expect_match "$(expect_fail 2 oci exec -g x c true 2>&1)" 'expected numbers'
  expect_match "$(expect_fail 2 oci exec c 2>&1)" 'needs a command'
  [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]] ||
    expect_match "$(expect_fail 1 oci exec --apparmor x c true 2>&1)" 'AppArmor is not enabled'
  [[ -e /sys/fs/selinux/enforce ]] ||
    expect_match "$(expect_fail 1 oci exec --process-label x c true 2>&1)" 'SELinux is not enabled'
  expect_match "$(expect_fail 127 oci exec c nosuch 2>&1)" 'execute nosuch: No such file or directory'
  expect_match "$(expect_fail 126 oci exec c /etc 2>&1)" 'Permission denied'
}

test_exec_of_a_process_from_json() {
  waiting_container
  echo '{"args": ["sh", "-c", "id -u; pwd; echo $A; ulimit -Sn; cat /proc/self/oom_score_adj"], "env": ["PATH=/bin", "A=b"], "cwd": "/tmp", "user": {"uid": 3, "gid": 4},
    "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 99, "hard": 99}], "oomScoreAdj": 77}' >"$TMP/process.json"
  expect_eq "$(oci exec --process "$TMP/process.json" c | xargs)" "3 /tmp b 99 77"
}

test_exec_detached_leaves_a_process_and_its_id() {
  waiting_container
  oci exec --detach --pid-file "$TMP/pid" c sh -c 'echo $PPID >/parent; exec sleep 1000' </dev/null >/dev/null 2>&1
  expect_eq "$(tr '\0' ' ' <"/proc/$(cat "$TMP/pid")/cmdline")" "sleep 1000 "
  expect_eq "$(oci ps -f json c | jq length)" 2
}

test_exec_into_a_cgroup_below() {
  waiting_container
  local cgroup
  cgroup=/sys/fs/cgroup/clusteros/$(basename "$TMP")
  mkdir "$cgroup/below"
  oci exec --detach --pid-file "$TMP/pid" --cgroup below c sleep 1000 </dev/null >/dev/null 2>&1
  expect_eq "$(cat "$cgroup/below/cgroup.procs")" "$(cat "$TMP/pid")"
  expect_match "$(expect_fail 1 oci exec --cgroup ../x c true 2>&1)" "without '..'"
}

test_exec_into_a_paused_container() {
  waiting_container
  oci pause c
  expect_match "$(expect_fail 1 oci exec c true 2>&1)" 'paused'
  oci exec --ignore-paused c touch /made &
  local exec=$!
  oci resume c
  wait "$exec"
  [[ -e $TMP/bundle/rootfs/made ]]
}

test_a_pidfd_is_sent() {
  bundle
  command_is 'exec sleep 1000'
  cat >"$TMP/receive.py" <<'END'
import array, os, re, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(1)
connection, _ = listener.accept()
_, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
number = array.array("i", ancillary[0][2])[0]
print(re.search(r"^Pid:\s*(\d+)", open(f"/proc/self/fdinfo/{number}").read(), re.M)[1])
END
  python3 "$TMP/receive.py" "$TMP/socket1" >"$TMP/received1" &
  wait_until 5 test -S "$TMP/socket1"
  oci create -b "$TMP/bundle" --pid-file "$TMP/pid1" --pidfd-socket "$TMP/socket1" c </dev/null >/dev/null 2>&1
  wait $!
  expect_eq "$(cat "$TMP/received1")" "$(cat "$TMP/pid1")"
  oci start c
  python3 "$TMP/receive.py" "$TMP/socket2" >"$TMP/received2" &
  wait_until 5 test -S "$TMP/socket2"
  oci exec -d --pid-file "$TMP/pid2" --pidfd-socket "$TMP/socket2" c sleep 1000 </dev/null >/dev/null 2>&1
  wait $!
  expect_eq "$(cat "$TMP/received2")" "$(cat "$TMP/pid2")"
}

test_options_of_create_and_run() {
  bundle
  mv "$TMP/bundle/config.json" "$TMP/other.json"
  jq '.process.args = ["sh", "-c", "echo ran"]' "$TMP/other.json" >"$TMP/bundle/other.json"
  expect_eq "$(cd "$TMP" && oci run --config bundle/other.json -b bundle --no-subreaper --keep c)" ran
  expect_eq "$(oci state c | jq -r '.status, .rootfs, .bundle, .owner, .pid' | xargs)" "stopped $TMP/bundle/rootfs $TMP/bundle root 0"
  oci delete c
  expect_match "$(expect_fail 2 oci run --no-pivot -b "$TMP/bundle" c 2>&1)" '--no-pivot'
  expect_match "$(expect_fail 1 oci --rootless=true list 2>&1)" 'rootless.*not supported'
  oci --rootless=auto --log-level debug --debug --cgroup-manager cgroupfs list >/dev/null
  expect_eq "$(cd "$TMP" && "$CLUSTERCTL" runc --root state list -q)" ""
}

# Another user than root sees only the keyrings that it has got.
test_no_new_keyring_keeps_the_caller_s() {
  bundle
  edit '.linux.maskedPaths = [] | .process.user = {"uid": 5, "gid": 5}'
  command_is 'grep -c callers-own /proc/keys || true'
  cat >"$TMP/join.py" <<'END'
import ctypes, os, sys
KEYCTL, JOIN_SESSION_KEYRING = 250, 1
assert ctypes.CDLL(None).syscall(KEYCTL, JOIN_SESSION_KEYRING, b"callers-own") > 0
os.execv(sys.argv[1], sys.argv[1:])
END
  local run=(python3 "$TMP/join.py" "$CLUSTERCTL" oci-runtime --root "$TMP/state" run -b "$TMP/bundle")
  expect_eq "$("${run[@]}" c)" 0
  expect_eq "$("${run[@]}" --no-new-keyring c)" 1
}

test_kill_and_delete_follow_runc_s_rules() {
  bundle
  command_is 'sleep 1000 & exec sleep 2000'
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 1 oci kill c NOSUCH 2>&1)" 'signal NOSUCH'
  oci start c
  oci kill --all c KILL
  wait_until 5 stopped c
  expect_eq "$(oci ps -f json c)" '[]'
  oci kill --all c KILL
  expect_match "$(expect_fail 1 oci kill c KILL 2>&1)" 'container not running'
  oci delete c
  expect_match "$(expect_fail 1 oci delete c 2>&1)" 'does not exist'
  expect_match "$(expect_fail 1 oci state c 2>&1)" 'does not exist'
  oci delete --force c
}

run_tests "$@"
