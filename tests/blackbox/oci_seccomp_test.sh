#!/usr/bin/env bash
# oci-runtime: what linux.seccomp can say beyond allowing and denying: calls that somebody outside answers, calls for a
# tracer, and the kernel's flags.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# agent: somebody who answers at $TMP/agent, has what was sent in $TMP/states and what was asked in $TMP/calls.
agent() {
  start_daemon agent python3 "$ROOT/tests/lib/seccomp_agent.py" "$TMP/agent" "$TMP/states" "$TMP/calls"
  wait_until 10 test -S "$TMP/agent"
}

# notified CALL...: the container's filter reports these.
notified() {
  edit ".linux.seccomp = {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerPath\": \"$TMP/agent\",
    \"listenerMetadata\": \"the test's\", \"syscalls\": [{\"names\": $(jq -nc '$ARGS.positional' --args "$@"),
    \"action\": \"SCMP_ACT_NOTIFY\"}]}"
}

# All that a runtime does between the filter and the program, and what its sending needs: nobody else may be waited for.
EVERYTHING=(sendmsg recvmsg read write close futex sched_yield execve exit exit_group munmap mmap brk rt_sigaction
  rt_sigprocmask setgroups setresuid setresgid prctl capset chdir getcwd openat close_range fchown fstat clone clone3)

test_a_listener_answers_the_calls_of_a_container() {
  local state
  agent
  bundle
  notified mkdir mkdirat
  edit '.annotations = {"a": "b"}'
  command_is 'mkdir /x; ls -d /x; mkdir /y; ls -l /proc/self/fd | grep -c seccomp; echo end'
  text=$(oci run --pid-file "$TMP/pid" -b "$TMP/bundle" c 2>&1 </dev/null)
  expect_match "$text" "can't create directory '/x': Protocol error"
  expect_match "$text" "can't create directory '/y': Protocol error"
  expect_match "$text" "/x: No such file"
  expect_match "$text" $'\n0\nend$'
  expect_eq "$(wc -l <"$TMP/calls")" 2
  state=$(cat "$TMP/states")
  expect_eq "$(jq -c '[.fds, .metadata, .pid, .state.id, .state.pid, .state.status, .state.bundle, .state.annotations]' <<<"$state")" \
    "[[\"seccompFd\"],\"the test's\",$(cat "$TMP/pid"),\"c\",$(cat "$TMP/pid"),\"created\",\"$TMP/bundle\",{\"a\":\"b\"}]"
  expect_eq "$(jq -r '.ociVersion, .state.ociVersion' <<<"$state" | sort -u)" "$(oci features | jq -r .ociVersionMax)"
}

test_a_start_does_not_wait_for_itself_when_its_own_calls_are_reported() {
  agent
  bundle
  notified "${EVERYTHING[@]}"
  command_is 'echo end'
  expect_eq "$(timeout 20 "$CLUSTERCTL" oci-runtime --root "$TMP/state" run -b "$TMP/bundle" c 2>&1 </dev/null)" end
  # Also where the filter comes before the user is another: most of the set-up is reported then.
  edit '.process.noNewPrivileges = false | .process.user = {"uid": 5, "gid": 6}'
  expect_eq "$(timeout 20 "$CLUSTERCTL" oci-runtime --root "$TMP/state" run -b "$TMP/bundle" c 2>&1 </dev/null)" end
  expect_eq "$(wc -l <"$TMP/states")" 2
  command_is 'exec sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_eq "$(timeout 20 "$CLUSTERCTL" oci-runtime --root "$TMP/state" exec c echo end 2>&1 </dev/null)" end
}

test_exec_has_the_listener_too() {
  agent
  bundle
  notified mkdir mkdirat
  command_is 'exec sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 1 oci exec c mkdir /z 2>&1)" 'Protocol error'
  expect_eq "$(tail -n 1 "$TMP/states" | jq -c '[.metadata, .state.status, .pid == .state.pid]')" "[\"the test's\",\"running\",false]"
  expect_eq "$(tail -n 1 "$TMP/states" | jq .state.pid)" "$(oci state c | jq .pid)"
}

# Its backlog is full and it accepts nobody: the kernel would have us wait for ever.
test_a_listener_that_accepts_nobody_ends_the_start() {
  bundle
  notified mkdir mkdirat
  command_is 'true'
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  python3 -c '
import socket, sys, time
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(0)
waiting = []
while True:
    client = socket.socket(socket.AF_UNIX)
    client.setblocking(False)
    try:
        client.connect(sys.argv[1])
    except BlockingIOError:
        break
    waiting.append(client)
print("full", flush=True)
time.sleep(1000)' "$TMP/agent" >"$TMP/agent.out" &
  wait_until 10 grep -q full "$TMP/agent.out"
  expect_match "$(expect_fail 1 timeout 40 "$CLUSTERCTL" oci-runtime --root "$TMP/state" start c 2>&1)" \
    "seccomp listener: connect to $TMP/agent: nobody has accepted within 10 s$"
  oci delete -f c
}

test_a_listener_that_is_not_there_ends_the_start() {
  bundle
  notified mkdir
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 1 oci start c 2>&1)" "seccomp listener: connect to $TMP/agent: No such file or directory"
  wait_until 5 stopped c
  oci delete c
  edit 'del(.linux.seccomp.listenerPath, .linux.seccomp.listenerMetadata)'
  expect_match "$(expect_fail 1 oci create -b "$TMP/bundle" c 2>&1)" 'listenerPath: SCMP_ACT_NOTIFY needs it'
}

test_a_call_for_a_tracer_is_absent_without_one() {
  bundle
  edit '.linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_TRACE", "errnoRet": 9}]}'
  command_is 'mkdir /x'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1 </dev/null)" 'Function not .mplemented'
}

test_flags_reach_the_kernel() {
  local flag flags
  bundle
  command_is 'grep -E "Seccomp|Speculation_Store" /proc/self/status; echo end'
  for flag in LOG SPEC_ALLOW TSYNC WAIT_KILLABLE_RECV; do
    edit ".linux.seccomp = {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_$flag\"]}"
    strace -f -e trace=seccomp -o "$TMP/trace" "$CLUSTERCTL" oci-runtime --root "$TMP/state" run -b "$TMP/bundle" c \
      >"$TMP/out" 2>&1 </dev/null || fail "$flag: $(cat "$TMP/out")"
    expect_match "$(cat "$TMP/out")" $'\nend$'
    flags=$(grep 'SECCOMP_SET_MODE_FILTER' "$TMP/trace" | grep -v NULL)
    # Without a listener there is nothing to wait for, and the kernel refuses the flag.
    case $flag in
      WAIT_KILLABLE_RECV) expect_match "$flags" 'FILTER, 0, ' ;;
      *) expect_match "$flags" "SECCOMP_FILTER_FLAG_$flag, " ;;
    esac
    expect_eq "$(oci features | jq --arg flag "SECCOMP_FILTER_FLAG_$flag" '.linux.seccomp | (.knownFlags, .supportedFlags) | index($flag) != null' | uniq)" true
  done
  edit '.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_TSYNC_ESRCH"]'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'SECCOMP_FILTER_FLAG_TSYNC_ESRCH: unsupported'
}

test_all_flags_go_with_a_listener() {
  agent
  bundle
  notified mkdir mkdirat
  edit '.linux.seccomp.flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]'
  command_is 'mkdir /x'
  strace -f -e trace=seccomp -o "$TMP/trace" "$CLUSTERCTL" oci-runtime --root "$TMP/state" run -b "$TMP/bundle" c \
    >"$TMP/out" 2>&1 </dev/null || true
  expect_match "$(cat "$TMP/out")" 'Protocol error'
  expect_match "$(grep -v NULL "$TMP/trace")" 'SECCOMP_FILTER_FLAG_LOG.*NEW_LISTENER.*WAIT_KILLABLE|0x2a'
}

run_tests "$@"
