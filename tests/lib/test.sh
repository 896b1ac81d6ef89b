# The test library of the black-box, lab and VM tiers. A test file sources it, defines functions named test_…, and
# ends with `run_tests "$@"`:
#
#   . "$(dirname "$0")/../lib/test.sh"
#   test_put_then_get() { start_daemon kvd applet kvd --data-dir "$TMP/kv"; … expect_eq "$got" b; }
#   run_tests "$@"
#
# Every test is a process of its own (the file is run again for it), in its own session, under `set -euo pipefail`:
# the first command that fails ends the test. It has TEST_TIMEOUT seconds (a file may set another number after
# sourcing this one) and a fresh folder $TMP. Whatever it leaves running is ended and $TMP is removed, also after a
# failure, a timeout or Ctrl-C. So a test needs no clean-up of its own for processes and files, but does for mounts,
# network namespaces and loop devices.
#
# Verbs: fail, skip, expect_eq, expect_match, expect_fail, wait_until, applet, start_daemon, stop_daemon, free_port,
# flip_byte.
# Variables: $TMP, $PID (last started daemon), $ROOT (the checkout), $CLUSTERCTL (the binary).
# Exit status of a file's run: 0 all passed or skipped, 1 one failed, 2 wrong usage.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CLUSTERCTL=$(realpath -m "${CLUSTERCTL:-$ROOT/out/clusterctl}")
: "${TEST_TIMEOUT:=60}"
export ROOT CLUSTERCTL

# --- verbs for tests ---------------------------------------------------------------------------------------------

# fail MESSAGE: ends the test, which has failed. In a substitution among a command's words it ends that alone, and bash
# does not look at its exit code: the mark makes the test fail in the end. (wait_until tries again.)
fail() {
  lib_note "$*"
  [[ ${lib_tries_again:-} ]] || : >"$TEST_STATE/failed"
  exit 1
}

# skip REASON: ends the test, which is counted as skipped (for what this machine cannot do, never for a failure).
skip() {
  printf '%s\n' "$*" >"$TEST_STATE/skipped"
  exit 77
}

# expect_eq GOT WANT [WHAT]: both texts are the same.
expect_eq() {
  [[ $1 == "$2" ]] || fail "${3:-value}: got '$1', want '$2'"
}

# expect_match TEXT REGEX: the text matches the extended regular expression somewhere.
expect_match() {
  [[ $1 =~ $2 ]] || fail "'$1' does not match /$2/"
}

# expect_fail CODE COMMAND…: the command ends with this exit code. Its output goes where it went anyway, so
# `text=$(expect_fail 2 applet kvd --lisen 2>&1)` works.
expect_fail() {
  local want=$1 got=0
  shift
  "$@" || got=$?
  [[ $got == "$want" ]] || fail "exit code $got, want $want, of: $*"
}

# wait_until SECONDS COMMAND…: repeats the command until it succeeds; fails when it does not within the time.
wait_until() {
  local seconds=$1 deadline output
  shift
  deadline=$(($(lib_now_ms) + seconds * 1000))
  until output=$(lib_tries_again=1 && "$@" 2>&1); do
    (($(lib_now_ms) < deadline)) || fail "not within $seconds s: $*${output:+ (last said: ${output:0:300})}"
    sleep 0.05
  done
}

# applet NAME ARGUMENT…: runs an applet of the binary.
applet() {
  "$CLUSTERCTL" "$@"
}

# start_daemon NAME COMMAND…: starts a program in the background, its output in $TMP/NAME.log, and sets PID.
start_daemon() {
  local name=$1
  shift
  if [[ $1 == applet ]]; then
    shift
    set -- "$CLUSTERCTL" "$@"
  fi
  "$@" </dev/null >>"$TMP/$name.log" 2>&1 &
  # shellcheck disable=SC2034 # for the test
  PID=$!
}

# stop_daemon PID [SIGNAL]: sends TERM (or the signal) and waits for the end, 10 s at most.
stop_daemon() {
  kill "-${2:-TERM}" "$1" 2>/dev/null || return 0
  wait_until 10 lib_has_ended "$1"
  wait "$1" 2>/dev/null || true
}

# free_port: prints a port that nobody uses for TCP or UDP, each time another one. Below the range of ports that the
# kernel gives to clients, so that none takes it in between.
free_port() {
  local port
  while :; do
    port=$((10000 + SRANDOM % 22000))
    if ! grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X "$port") " /proc/net/{tcp,tcp6,udp,udp6} 2>/dev/null &&
      mkdir "$TEST_STATE/port-$port" 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# flip_byte FILE OFFSET: damages the file there, whatever the byte was; a second time mends it.
flip_byte() {
  local byte
  byte=$(od -An -tu1 -j "$2" -N1 "$1")
  [[ $byte ]] || fail "$1 has no byte $2"
  # shellcheck disable=SC2059 # the byte as an escape
  printf "\\x$(printf %02x $((byte ^ 8)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# --- the machinery -----------------------------------------------------------------------------------------------

lib_now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# True when the process is gone or is a zombie that nobody has reaped yet.
lib_has_ended() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  [[ ${stat##*) } == Z* ]]
}

# Writes a failure with the line of the test it comes from. To a file, since the test's stderr may be captured.
lib_note() {
  local i=1
  while [[ ${BASH_SOURCE[i]:-} == "${BASH_SOURCE[0]}" && ${FUNCNAME[i + 1]:-} != "" ]]; do ((i += 1)); done
  printf '%s:%s: %s\n' "${BASH_SOURCE[i]:-?}" "${BASH_LINENO[i - 1]}" "$*" >>"$TEST_STATE/failure"
}

lib_command_failed() {
  [[ $3 == "${BASH_SOURCE[0]}" && $4 == "exit 1" ]] ||
    printf '%s:%s: exit code %s of: %s\n' "$3" "$2" "$1" "${4//$'\n'/ }" >>"$TEST_STATE/failure"
}

# The body of a test's own process. Bash ignores `set -e` in all that runs as part of a condition, so `run_tests`
# called as one would run tests that cannot fail: that is found out and refused.
lib_run_one() {
  set -Eeuo pipefail
  shopt -s inherit_errexit
  (false; exit 77) &
  wait "$!" || if (($? == 77)); then fail "run_tests must stand alone, not in a condition or before || or &&"; fi
  trap 'lib_command_failed "$?" "$LINENO" "${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
  "$1"
  exit 0
}

# The tests of the file, in its order.
lib_all_tests() {
  local name
  shopt -s extdebug
  for name in $(compgen -A function test_); do declare -F "$name"; done | sort -n -k2 | cut -d' ' -f1
  shopt -u extdebug
}

# Prints the processes that the test (session $1) has started and that still run: those of its session and those with
# its mark in their environment (so a pid that was used again is never touched).
lib_leftovers() {
  local pid
  {
    ps -eo sid=,pid= | awk -v sid="$1" '$1 == sid { print $2 }'
    grep -lzxsF "TEST_STATE=$TEST_STATE" /proc/[0-9]*/environ | tr -cd '0-9\n'
  } | sort -un | while read -r pid; do
    [[ $pid == "$$" || $pid == "$BASHPID" ]] || lib_has_ended "$pid" || echo "$pid"
  done
}

# Ends what the test (session $1) left: TERM, and KILL to what is still there 5 s later.
lib_end_leftovers() {
  local -a pids
  local pid deadline
  mapfile -t pids < <(lib_leftovers "$1")
  ((${#pids[@]} > 0)) || return 0
  kill -TERM "${pids[@]}" 2>/dev/null
  deadline=$(($(lib_now_ms) + 5000))
  for pid in "${pids[@]}"; do
    until lib_has_ended "$pid" || (($(lib_now_ms) >= deadline)); do sleep 0.02; done
  done
  mapfile -t pids < <(lib_leftovers "$1")
  if ((${#pids[@]} > 0)); then
    echo "  ended with KILL, did not heed TERM: $(ps -o args= -p "$(IFS=, && echo "${pids[*]}")" | cut -c1-100 | tr '\n' ';')"
    kill -KILL "${pids[@]}" 2>/dev/null
  fi
}

lib_print_failure() {
  local log
  [[ ! -s $TEST_STATE/failure ]] || sed 's/^/  /' "$TEST_STATE/failure"
  if [[ -s $TEST_STATE/output ]]; then
    echo "  --- what the test printed (last 40 lines)"
    tail -n 40 "$TEST_STATE/output" | sed 's/^/  | /'
  fi
  for log in "$TMP"/*.log; do
    [[ -s $log ]] || continue
    echo "  --- ${log##*/} (last 40 lines)"
    tail -n 40 "$log" | sed 's/^/  | /'
  done
}

# Removes the running test's processes and files; for the end of a test and for Ctrl-C.
lib_clean_up() {
  [[ ${TEST_STATE:-} ]] || return 0
  [[ ! ${lib_session:-} ]] || lib_end_leftovers "$lib_session"
  rm -rf --one-file-system "$TMP" "$TEST_STATE"
  unset TMP TEST_STATE lib_session
}

lib_interrupted() {
  trap '' INT TERM HUP
  [[ ! ${lib_timer:-} ]] || kill "$lib_timer" 2>/dev/null
  lib_clean_up
  echo "interrupted" >&2
  exit $((128 + $1))
}

# Runs one test and prints its line. Returns 0 passed, 1 failed, 77 skipped.
lib_run_test() {
  local test=$1 name=$2 status=0 ended='' begin verdict
  TMP=$(mktemp -d "${TMPDIR:-/tmp}/test.XXXXXX")
  TEST_STATE=$(mktemp -d "${TMPDIR:-/tmp}/state.XXXXXX")
  # The mark is for the test's processes, not for those of this shell.
  export -n TMP TEST_STATE
  begin=$(lib_now_ms)
  if [[ ${lib_verbose:-} ]]; then
    TMP=$TMP TEST_STATE=$TEST_STATE setsid bash "$0" --run-one "$test" </dev/null 2>&1 &
  else
    TMP=$TMP TEST_STATE=$TEST_STATE setsid bash "$0" --run-one "$test" </dev/null >"$TEST_STATE/output" 2>&1 &
  fi
  lib_session=$!
  sleep "$TEST_TIMEOUT" &
  lib_timer=$!
  wait -n -p ended "$lib_session" "$lib_timer" || status=$?
  if [[ $ended == "$lib_timer" ]]; then
    status=1
    echo "timeout: not finished after $TEST_TIMEOUT s" >>"$TEST_STATE/failure"
  else
    kill "$lib_timer" 2>/dev/null
    wait "$lib_timer" 2>/dev/null
  fi
  lib_timer=
  verdict=FAIL
  ((status != 0)) || [[ -e $TEST_STATE/failed ]] || verdict=PASS
  ((status != 77)) || [[ ! -e $TEST_STATE/skipped ]] || verdict=SKIP
  lib_end_leftovers "$lib_session"
  printf '%s %s (%s s)' "$verdict" "$name" "$(awk -v ms=$(($(lib_now_ms) - begin)) 'BEGIN { printf "%.1f", ms / 1000 }')"
  case $verdict in
    PASS) echo ;;
    SKIP) echo ": $(head -n 1 "$TEST_STATE/skipped")" ;;
    FAIL)
      ((status == 1 || status == 0)) || printf ': exit code %s' "$status"
      echo
      lib_print_failure
      ;;
  esac
  lib_clean_up
  [[ $verdict != PASS ]] || return 0
  [[ $verdict != SKIP ]] || return 77
  return 1
}

lib_usage() {
  echo "usage: $0 [--list] [--verbose] [NAME…]"
  echo "Runs the tests of this file, or those whose name contains one of the NAMEs."
}

# run_tests "$@": the last line of a test file.
run_tests() {
  local -a wanted=() tests=()
  local test pattern list='' passed=0 failed=0 skipped=0 status suite
  if [[ ${1:-} == --run-one ]]; then
    lib_run_one "$2"
  fi
  while (($# > 0)); do
    case $1 in
      --list) list=yes ;;
      --verbose | -v) lib_verbose=yes ;;
      --help | -h) lib_usage && exit 0 ;;
      -*) echo "$0: unknown option '$1' (allowed: --list, --verbose, --help)" >&2 && exit 2 ;;
      *) wanted+=("${1#test_}") ;;
    esac
    shift
  done
  suite=$(basename "$(dirname "$(realpath "$0")")")/$(basename "$0" .sh)
  suite=${suite%_test}
  for test in $(lib_all_tests); do
    ((${#wanted[@]} > 0)) || tests+=("$test")
    for pattern in "${wanted[@]}"; do
      if [[ ${test#test_} == *"$pattern"* ]]; then
        tests+=("$test")
        break
      fi
    done
  done
  if ((${#tests[@]} == 0)); then
    echo "$0: no test is named like '${wanted[*]}' (there are: $(lib_all_tests | sed 's/^test_//' | tr '\n' ' '))" >&2
    exit 2
  fi
  if [[ $list ]]; then
    printf '%s\n' "${tests[@]#test_}" | sed "s|^|$suite: |"
    exit 0
  fi
  trap 'lib_interrupted 2' INT
  trap 'lib_interrupted 15' TERM
  trap 'lib_interrupted 1' HUP
  for test in "${tests[@]}"; do
    status=0
    lib_run_test "$test" "$suite: ${test#test_}" || status=$?
    case $status in
      0) ((passed += 1)) ;;
      77) ((skipped += 1)) ;;
      *) ((failed += 1)) ;;
    esac
  done
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0)) || exit 1
  exit 0
}
