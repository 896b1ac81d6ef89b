#!/usr/bin/env bash
# oci-runtime: terminals of containers and of further processes; readiness, sockets and files that go in.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# terminal ROWSxCOLUMNS STEP… -- COMMAND…: runs a command of oci-runtime on a terminal.
terminal() { python3 "$ROOT/tests/lib/terminal.py" drive "$@"; }
OCI=("$CLUSTERCTL" oci-runtime --root "${TMP:-}/state")

running() { [[ $(oci state "$1" | jq -r .status) == running ]]; }

receive() {
  python3 "$ROOT/tests/lib/terminal.py" receive "$TMP/console" <"${1:-/dev/null}" >"$TMP/terminal" 2>&1 &
  wait_until 5 test -S "$TMP/console"
}

test_the_console_socket_gets_the_terminal() {
  bundle
  edit '.process.terminal = true | .process.consoleSize = {"height": 33, "width": 77} | .process.user = {"uid": 5, "gid": 6}'
  command_is 'tty; stty size; [ -c /dev/console ]; ls -l $(tty) | cut -d" " -f1; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && [ -O $(tty) ] && echo mine; grep -c " /dev/console " /proc/self/mountinfo; read line </dev/tty; echo got $line'
  mkfifo "$TMP/keys"
  exec 7<>"$TMP/keys"
  receive "$TMP/keys"
  oci create -b "$TMP/bundle" --console-socket "$TMP/console" c </dev/null >"$TMP/out" 2>&1
  oci start c
  wait_until 5 grep -q '^1' "$TMP/terminal"  # what is typed is echoed at once, so not before it is asked for
  echo hello >&7
  wait_until 5 stopped c
  wait_until 5 grep -q 'got hello' "$TMP/terminal"
  expect_eq "$(tr -d '\r' <"$TMP/terminal")" $'/dev/pts/0\n/dev/pts/0\n33 77\ncrw--w----\nmine\n1\nhello\ngot hello'
  expect_eq "$(cat "$TMP/out")" ""
  oci delete c
}

test_a_terminal_needs_a_receiver_and_a_receiver_a_terminal() {
  bundle
  expect_match "$(expect_fail 1 oci create -b "$TMP/bundle" --console-socket "$TMP/x" c 2>&1)" 'needs process.terminal'
  edit '.process.terminal = true'
  expect_match "$(expect_fail 1 oci create -b "$TMP/bundle" c 2>&1)" 'needs --console-socket'
  expect_match "$(expect_fail 1 oci run -d -b "$TMP/bundle" c 2>&1)" 'needs --console-socket'
  expect_match "$(expect_fail 1 oci create -b "$TMP/bundle" --console-socket "$TMP/nosuch" c 2>&1)" "connect to $TMP/nosuch"
  expect_eq "$(oci list -q)" ""
}

test_run_uses_the_caller_s_terminal() {
  bundle
  edit '.process.terminal = true'
  command_is 'stty size; echo ready; trap "stty size; echo resized" WINCH; while ! read line; do :; done; echo "line $line"; read rest; exit 3'
  local out
  out=$(expect_fail 3 terminal 24x80 'expect ready' raw 'resize 40x100' 'expect resized' 'send hello\r' 'expect line hello' 'send \x04' -- \
    "${OCI[@]}" run -b "$TMP/bundle" c)
  expect_match "$out" $'^24 80\n'
  expect_match "$out" $'40 100\nresized'
}

# Control-C is the container's; a signal from outside ends the program, and the terminal is as it was.
# As an init does it, which opens its console for each line.
test_a_console_that_nobody_has_open_can_be_opened_again() {
  bundle
  edit '.process.terminal = true'
  command_is 'echo first; exec <&- >&- 2>&-; usleep 300000; echo again >/dev/console'
  expect_eq "$(oci run -b "$TMP/bundle" c </dev/null | tr -d '\r')" $'first\nagain'
}

test_the_terminal_is_restored_also_after_a_signal() {
  bundle
  edit '.process.terminal = true'
  command_is 'trap "echo interrupted" INT; trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done'
  expect_match "$(expect_fail 9 terminal 24x80 'expect ready' raw 'send \x03' 'expect interrupted' 'signal 15' -- \
    "${OCI[@]}" run -b "$TMP/bundle" c)" interrupted
  command_is 'echo ready; exec sleep 100'
  terminal 24x80 'expect ready' -- "${OCI[@]}" run -b "$TMP/bundle" c >"$TMP/out" 2>&1 &
  wait_until 10 running c
  oci kill c KILL
  local code=0
  wait $! || code=$?
  expect_eq "$code" 137
}

test_input_that_is_no_terminal_is_typed_and_ends() {
  bundle
  edit '.process.terminal = true'
  command_is 'cat >/dev/null; echo done'
  expect_match "$(echo text | oci run -b "$TMP/bundle" c | tr -d '\r')" $'text\ndone'
}

test_exec_with_a_terminal() {
  bundle
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 4 terminal 25x81 'expect ready' raw 'send x\r' -- \
    "${OCI[@]}" exec -t c sh -c 'tty; stty size; echo ready; read x; exit 4')" $'/dev/pts/0\n25 81\nready'
  receive
  oci exec -d -t --console-socket "$TMP/console" --pid-file "$TMP/pid" c sh -c 'tty; echo $$ >/pid; exec sleep 1000' >"$TMP/out" 2>&1
  wait_until 5 test -s "$TMP/bundle/rootfs/pid"
  wait_until 5 grep -q '^/dev/pts/' "$TMP/terminal"
  expect_eq "$(sed -n 's/^NSpid:.*\t//p' "/proc/$(cat "$TMP/pid")/status")" "$(cat "$TMP/bundle/rootfs/pid")"
  oci delete -f c
}

# CVE-2025-52565: an image with other things where the terminal comes from, or goes to.
test_a_terminal_of_the_image_s_making_is_refused() {
  bundle
  edit '.process.terminal = true | .mounts |= map(select(.destination != "/dev/pts"))'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c </dev/null 2>&1)" '/dev/pts/ptmx: the container has no devpts'
  mkdir "$TMP/pts"
  touch "$TMP/pts/ptmx"
  edit ".mounts += [{\"destination\": \"/dev/pts\", \"type\": \"bind\", \"source\": \"$TMP/pts\", \"options\": [\"bind\"]}]"
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c </dev/null 2>&1)" '/dev/pts/ptmx: not on a devpts'
  echo secret >"$TMP/victim"
  mkdir "$TMP/dev"
  ln -s "$TMP/victim" "$TMP/dev/console"
  oci spec -b "$TMP" && mv "$TMP/config.json" "$TMP/bundle/config.json"
  edit ".root.readonly = false | .process.terminal = true | .mounts |= map(if .destination == \"/dev\" then {destination, type: \"bind\", source: \"$TMP/dev\", options: [\"bind\"]} else . end)"
  mkdir "$TMP/dev/"{pts,shm,mqueue}
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c </dev/null 2>&1)" '/dev/console.*symbolic link'
  expect_eq "$(cat "$TMP/victim")" secret
}

# A manager's socket: socat writes what comes.
manager() {
  socat -u "UNIX-RECV:$TMP/manager" STDOUT >"$TMP/said" &
  wait_until 5 test -S "$TMP/manager"
}

test_readiness_is_passed_on_with_the_pid_of_the_host() {
  bundle
  manager
  command_is 'echo $NOTIFY_SOCKET; while [ ! -e /go ]; do sleep 0.05; done; exec sleep 1000'
  NOTIFY_SOCKET=$TMP/manager oci create -b "$TMP/bundle" --pid-file "$TMP/pid" c </dev/null >"$TMP/out" 2>&1
  NOTIFY_SOCKET=$TMP/manager oci start c 2>"$TMP/start.log" &
  local start=$!
  wait_until 5 grep -q /run/notify/notify "$TMP/out"
  [[ -e /proc/$start ]] || fail "start did not wait until the application is ready"
  inside() { printf '%b' "$1" | socat -u STDIN "UNIX-SENDTO:/proc/$(cat "$TMP/pid")/root/run/notify/notify"; }
  inside 'STATUS=starting'
  inside 'MAINPID=1\nX_SECRET=1\nREADY=1'
  wait "$start"
  wait_until 5 grep -q READY=1 "$TMP/said"
  expect_eq "$(sed 's/BARRIER=1//' "$TMP/said" | xargs)" "STATUS=starting READY=1 MAINPID=$(cat "$TMP/pid")"
  oci delete -f c
}

test_without_a_manager_there_is_no_notify_socket() {
  bundle
  command_is 'echo "${NOTIFY_SOCKET:-none}"; ls -d /run/notify 2>&1'
  expect_eq "$(oci run -b "$TMP/bundle" c || true)" $'none\nls: /run/notify: No such file or directory'
}

test_preserved_files_and_listening_sockets() {
  bundle
  echo three >"$TMP/three"
  echo four >"$TMP/four"
  echo five >"$TMP/five"
  command_is 'cat <&3; cat <&4; cat <&5; env | grep LISTEN_ | sort | xargs; ls /proc/self/fd | xargs'
  expect_eq "$(LISTEN_FDS=2 LISTEN_PID=999 LISTEN_FDNAMES=a:b oci run --preserve-fds 1 -b "$TMP/bundle" c 3<"$TMP/three" 4<"$TMP/four" 5<"$TMP/five" 6<"$TMP/five" </dev/null | cat)" \
    $'three\nfour\nfive\nLISTEN_FDNAMES=a:b LISTEN_FDS=2 LISTEN_PID=1\n0 1 2 3 4 5 6'
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_eq "$(oci exec --preserve-fds 1 c cat /proc/self/fd/3 3<"$TMP/three")" three
  expect_match "$(expect_fail 1 oci exec --preserve-fds 1 c true 3<&- 2>&1)" 'descriptor 3'
  oci delete -f c
  expect_match "$(expect_fail 1 oci run --preserve-fds 9 -b "$TMP/bundle" c 3<"$TMP/three" 4<&- 2>&1)" 'descriptor 4'
}

run_tests "$@"
