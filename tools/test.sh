#!/usr/bin/env bash
# Everything that CI runs, in steps. Each step prints its tests' lines and is counted; the last line of the output is
# "N passed, N failed, N skipped". Runs in the SDK, in a pid namespace of its own: what a test leaves running ends here.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/tools/test_count.sh"
cd "$ROOT"

TIERS=(build lint unit asan tsan sim power fuzz blackbox lab vm)
ROOMS=(base kv runtime sched discovery updater bootstrap clusterctl)

usage() {
  cat <<'END'
usage: ./dev test [--only TIER]… [--list] [--jobs N] [--verbose] [PATTERN…]

Builds all that the tests need and runs them:
  build      the binary, the unit tests and the disk image can be built (what a tier needs is built in any case)
  lint       the checks of the sources (./dev lint --help)
  unit       *_test.cc, the release build: the code that users run
  asan       the same under AddressSanitizer and UndefinedBehaviorSanitizer
  tsan       those of base/ and kv/, which have threads, under ThreadSanitizer
  sim        tests/sim: simulated clusters of the store
  power      tests/power: power cuts of real members
  fuzz       tests/fuzz: each target for a short while
  blackbox   tests/blackbox and tests/lib: real clients against the binary
  lab        tests/lab: light nodes with a real systemd
  vm         tests/vm: the disk image in QEMU

  --only TIER   only this tier; may be repeated
  --list        prints the tests
  --jobs N      black-box files that run at the same time (default: the number of cores)
  --verbose     shows what the tests print as it comes
  PATTERN       only tests with this text in their name, "tier/file: name" as --list prints it; and no lint

The log of each step is in out/log/. Exit code: 0 all passed or skipped, 1 one failed, 2 wrong usage.
END
}

wants_tier() { [[ " ${only[*]} " == *" $1 "* ]]; }

# matches NAME: true when the test is asked for.
matches() {
  local pattern
  ((${#patterns[@]} > 0)) || return 0
  for pattern in "${patterns[@]}"; do [[ $1 != *"$pattern"* ]] || return 0; done
  return 1
}

heading() {
  say
  say "=== $1"
}

# --- builds ------------------------------------------------------------------------------------------------------

# build_step NAME COMMAND…: a build counts as a test only where it fails or was asked for; returns false when it failed.
build_step() {
  local name=$1
  shift
  if "$@"; then
    ! wants_tier build || pass
  else
    failure "build: $name"
    return 1
  fi
}

# The rooms whose tests run in a tier: threads are in these two alone. Where each pattern names a room ("kv/"), those only.
rooms_of() {
  local -a all=("${ROOMS[@]}") named=()
  local room pattern
  [[ $1 != tsan ]] || all=(base kv)
  for pattern in "${patterns[@]}"; do
    for room in "${all[@]}"; do
      [[ "$1/$room/" != *"$pattern" ]] || { named+=("$room") && continue 2; }
    done
    echo "${all[@]}"
    return
  done
  if ((${#named[@]} > 0)); then echo "${named[@]}"; else echo "${all[@]}"; fi
}

# build_tests PRESET: all test programs of it. -k 0: what can be built is, so that the other rooms' tests run.
build_tests() {
  [[ -e out/$1/build.ninja ]] || run_logged "configuring $1" "$LOGS/configure-$1.log" cmake --preset "$1" || return 1
  local -a targets
  mapfile -t targets < <(for room in $(rooms_of "$1"); do ls "$room"/*_test.cc >/dev/null 2>&1 && echo "${room}_test"; done)
  ((${#targets[@]} > 0)) || { warn "no test program is defined" && return 1; }
  run_logged "building the unit tests ($1)" "$LOGS/build-$1.log" ninja -C "out/$1" -k 0 "${targets[@]}" && return
  # A program of an earlier build must not be what is tested.
  local target
  for target in "${targets[@]}"; do
    ninja -C "out/$1" -n "$target" | grep -q 'no work to do' || rm -f "out/$1/$target"
  done
  return 1
}

# --- unit tests --------------------------------------------------------------------------------------------------

unit_tier() {
  local tier=$1 preset=$2 program log status begin
  heading "$tier: unit tests, $preset build"
  build_step "unit tests ($preset)" build_tests "$preset" || true
  for room in $(rooms_of "$tier"); do
    ls "$room"/*_test.cc >/dev/null 2>&1 || continue
    program=out/$preset/${room}_test
    log=$LOGS/$tier-$room.log
    local -a arguments=()
    if ((${#patterns[@]} > 0)); then
      local pattern
      for pattern in "${patterns[@]}"; do
        [[ "$tier/$room/" == *"$pattern"* ]] || arguments+=("--test-case=*${pattern#*: }*")
      done
      # Several filters are one, with commas, in doctest.
      ((${#arguments[@]} < ${#patterns[@]})) && arguments=()
      [[ ! -x $program || $("$program" --count "${arguments[@]}" | tail -n 1) != *": 0" ]] || continue
    fi
    [[ -x $program ]] || { failure "$tier/$room: $program was not built" && continue; }
    begin=$SECONDS status=0
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
      timeout --kill-after=10 "${UNIT_TIMEOUT:-300}" "$program" --no-colors "${arguments[@]}" </dev/null >"$log" 2>&1 || status=$?
    ((status != 124)) || echo "timeout: ended after ${UNIT_TIMEOUT:-300} s" >>"$log"
    count_doctest "$tier/$room" "$log" "$status"
    say "$(grep -a '^\[doctest\] test cases:' "$log" | sed "s|^\[doctest\] test cases:|$tier/$room:|" || true) ($((SECONDS - begin)) s)"
    ((status == 0)) || tail -n 60 "$log" | sed 's/^/  | /' >&2
  done
}

build_simulator() {
  local preset
  for preset in release asan tsan; do
    [[ -e out/$preset/build.ninja ]] || run_logged "configuring $preset" "$LOGS/configure-$preset.log" cmake --preset "$preset" || return 1
    run_logged "building the simulator ($preset)" "$LOGS/build-sim-$preset.log" ninja -C "out/$preset" kv_sim sim_test || return 1
  done
}

# What judges the histories of simulated and real members: the optimised build.
build_history_checker() {
  [[ -e out/release/build.ninja ]] || run_logged "configuring release" "$LOGS/configure-release.log" cmake --preset release || return 1
  run_logged "building the checker of histories" "$LOGS/build-history.log" ninja -C out/release kv_history
}

# What the black-box tests of the runtime kill and provoke it with.
build_runtime_programs() {
  [[ -e out/release/build.ninja ]] || run_logged "configuring release" "$LOGS/configure-release.log" cmake --preset release || return 1
  run_logged "building the programs of the runtime's tests" "$LOGS/build-runtime-programs.log" ninja -C out/release kill_at threat_probe
}

build_power() {
  [[ -e out/release/build.ninja ]] || run_logged "configuring release" "$LOGS/configure-release.log" cmake --preset release || return 1
  run_logged "building the power cuts" "$LOGS/build-power.log" ninja -C out/release kv_power
}

build_fuzz() {
  [[ -e out/fuzz/build.ninja ]] || run_logged "configuring fuzz" "$LOGS/configure-fuzz.log" cmake --preset fuzz || return 1
  run_logged "building the fuzz targets" "$LOGS/build-fuzz.log" ninja -C out/fuzz fuzz
}

# --- shell tests -------------------------------------------------------------------------------------------------

# The names of the file's tests that are asked for, without the file's own: "put_then_get".
names_in() { bash "$1" --list | while IFS= read -r name; do ! matches "$name" || echo "${name#*: }"; done; }

# start_file FILE LOG: in the background; sets pid. Black-box files have a network of their own each (power cuts too), so that their
# ports, bridges and packet filters cannot meet, and none is left on the host.
start_file() {
  local file=$1 log=$2
  local -a command=(bash "$file") names=()
  [[ ! $verbose ]] || command+=(--verbose)
  if ((${#patterns[@]} > 0)); then
    mapfile -t names < <(names_in "$file")
    command+=("${names[@]}")
  fi
  [[ $file != tests/blackbox/* && $file != tests/power/* ]] || command=(unshare --net bash -c 'ip link set lo up && exec "$@"' net "${command[@]}")
  : >"$log"  # who follows it may be faster
  CLUSTERCTL=$ROOT/out/clusterctl "${command[@]}" </dev/null >"$log" 2>&1 &
  pid=$!
}

# finish_file: waits for the next file to end, and counts it.
finish_file() {
  local ended status=0
  wait -n -p ended "${!log_of[@]}" || status=$?
  [[ $live ]] || cat "${log_of[$ended]}"
  count_lines "$tier/$(basename "${log_of[$ended]}" .log)" "${log_of[$ended]}" "$status"
  unset "log_of[$ended]"
}

# shell_tier TIER JOBS FILE…: runs the files, JOBS at a time. Alone, a file's lines are shown as they come.
shell_tier() {
  local tier=$1 jobs=$2 live='' file pid follower
  local -a files=()
  local -A log_of=()
  shift 2
  for file; do
    if ((${#patterns[@]} == 0)) || [[ $(names_in "$file") ]]; then files+=("$file"); fi
  done
  if ((${#files[@]} == 0)); then
    ((${#patterns[@]} > 0)) || failure "$tier: there is no test file"
    return
  fi
  heading "$tier: ${#files[@]} test files"
  ((jobs > 1)) || live=yes
  mkdir -p "$LOGS/$tier"
  for file in "${files[@]}"; do
    ((${#log_of[@]} < jobs)) || finish_file
    start_file "$file" "$LOGS/$tier/$(basename "$file" _test.sh).log"
    log_of[$pid]=$LOGS/$tier/$(basename "$file" _test.sh).log
    if [[ $live ]]; then
      tail -n +1 -f -s 0.2 --pid="$pid" "${log_of[$pid]}" &
      follower=$!
      wait "$follower" || true
    fi
  done
  while ((${#log_of[@]} > 0)); do finish_file; done
}

# --- the story ---------------------------------------------------------------------------------------------------

list() {
  local tier file
  ! wants_tier lint || tools/lint.sh --list
  for tier in unit asan tsan; do
    wants_tier "$tier" || continue
    # shellcheck disable=SC2046 # rooms are words
    grep -hoE '^ *(TEST_CASE|TEST_CASE_FIXTURE|SCENARIO)\(.*"' -r --include='*_test.cc' $(rooms_of "$tier") -H |
      sed -E "s|^([a-z]+)/[^:]*: *[A-Z_]*\((.*, *)?\"(.*)\"|$tier/\1: \3|"
  done
  for tier in sim power fuzz blackbox lab vm; do
    wants_tier "$tier" || continue
    for file in $(tier_files "$tier"); do bash "$file" --list; done
  done | while IFS= read -r file; do ! matches "$file" || say "$file"; done
}

tier_files() {
  case $1 in
    blackbox) ls tests/lib/*_test.sh tests/lint/*_test.sh tests/blackbox/*_test.sh 2>/dev/null || true ;;
    *) ls tests/"$1"/*_test.sh 2>/dev/null || true ;;
  esac
}

lint_tier() {
  local status=0
  heading "lint"
  PROGRESS=last_line run_logged "lint" "$LOGS/lint.log" tools/lint.sh || status=$?
  grep -E '^(PASS|FAIL) ' "$LOGS/lint.log" || true
  count_lines lint "$LOGS/lint.log" "$status"
}

main() {
  local tier begin=$SECONDS list='' jobs verbose='' built=yes
  local -a only=()
  jobs=$(nproc)
  while (($# > 0)); do
    case $1 in
      --only) tier=$(option_value "$@"); only+=("$tier"); shift ;;
      --only=*) only+=("${1#*=}") ;;
      --jobs) jobs=$(option_value "$@"); shift ;;
      --jobs=*) jobs=${1#*=} ;;
      --list) list=yes ;;
      --verbose) verbose=yes jobs=1 ;;
      --help | -h) usage && exit 0 ;;
      -*) refuse "option of test" "$1" --only --list --jobs --verbose --help ;;
      *) patterns+=("$1") ;;
    esac
    shift
  done
  [[ $jobs =~ ^[1-9][0-9]?$ ]] || { warn "test.sh: --jobs '$jobs': a number from 1 to 99 is allowed" && exit 2; }
  for tier in "${only[@]}"; do [[ " ${TIERS[*]} " == *" $tier "* ]] || refuse tier "$tier" "${TIERS[@]}"; done
  ((${#only[@]} > 0)) || only=("${TIERS[@]}")
  [[ ! $list ]] || { list && exit 0; }
  mkdir -p "$LOGS"

  if wants_tier build || wants_tier blackbox || wants_tier lab || wants_tier vm; then
    heading "build: the binary"
    # A binary of yesterday must not be what is tested.
    build_step "the release binary" tools/build.sh || { built='' && rm -f out/clusterctl; }
  fi
  if wants_tier lint && ((${#patterns[@]} == 0)); then lint_tier; fi
  ! wants_tier unit || unit_tier unit release
  ! wants_tier asan || unit_tier asan asan
  ! wants_tier tsan || unit_tier tsan tsan
  if wants_tier sim; then
    build_step "the simulator" build_simulator || true
    build_step "the checker of histories" build_history_checker || rm -f out/release/kv_history
    shell_tier sim 1 tests/sim/sim_test.sh
  fi
  if wants_tier power; then
    build_step "the power cuts" build_power || true
    shell_tier power 1 tests/power/power_test.sh
  fi
  if wants_tier fuzz; then
    build_step "the fuzz targets" build_fuzz || true
    shell_tier fuzz 1 tests/fuzz/fuzz_test.sh
  fi
  for tier in blackbox lab vm; do
    wants_tier "$tier" || continue
    if [[ ! $built ]]; then
      failure "$tier: not run, since there is no binary to test"
      continue
    fi
    if [[ $tier == vm ]]; then
      heading "build: the disk image"
      build_step "the disk image" tools/image.sh || { failure "vm: not run, since there is no image" && continue; }
    fi
    # The tests themselves have no network. Without it those that compare with etcd say that they are skipped.
    [[ $tier != blackbox ]] || tools/oracle.sh ensure || true
    [[ $tier != blackbox ]] || build_step "the programs of the runtime's tests" build_runtime_programs || rm -f out/release/{kill_at,threat_probe}
    [[ $tier != lab ]] || build_step "the checker of histories" build_history_checker || rm -f out/release/kv_history
    # shellcheck disable=SC2046 # names without spaces
    shell_tier "$tier" "$([[ $tier == blackbox ]] && echo "$jobs" || echo 1)" $(tier_files "$tier")
  done
  say
  say "all of it took $(duration $((SECONDS - begin)))"
  ((passed + failed + skipped > 0)) || { warn "test.sh: no test is named like '${patterns[*]}' (--list prints the names)" && exit 2; }
  summary
}

main "$@"
