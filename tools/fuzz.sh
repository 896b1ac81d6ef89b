#!/usr/bin/env bash
# Runs the fuzz targets (tests/fuzz) for as long as wanted. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev fuzz [--seconds N] [--jobs N] [TARGET…]

Feeds parsers of outside bytes with what libFuzzer makes of tests/fuzz/corpus, under ASan and UBSan. Targets:
http, v2, command, wal, peer, snapshot, options (the store's), config, user, run_options, state, seccomp (the runtime's);
without a name all of them.

  --seconds N   for each target (default 60)
  --jobs N      targets at the same time (default: the number of cores)

What a run found to be of use is kept in out/fuzz/corpus for the next one. An input that crashes, hangs or takes too much memory is
written to out/fuzz/found; give its path as the argument of out/fuzz/TARGET_fuzz to see it again.

Exit code: 0 nothing found, 1 something found, 2 wrong usage.
END
}

TARGETS=(attach http v2 command wal peer snapshot options config user run_options state seccomp)

# fuzz TARGET SECONDS
fuzz() {
  local target=$1 corpus=out/fuzz/corpus/$1 status=0
  mkdir -p "$corpus" out/fuzz/found
  "out/fuzz/${target}_fuzz" -max_total_time="$2" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="out/fuzz/found/$target-" "$corpus" "tests/fuzz/corpus/$target" >"$LOGS/fuzz-$target.log" 2>&1 || status=$?
  if ((status != 0)); then
    warn "FAIL $target: $(grep -aE '^(==[0-9]+==)? ?(ERROR|SUMMARY)|this must be true|runtime error' "$LOGS/fuzz-$target.log" | head -n 3)"
    warn "  $(grep -a 'Test unit written to' "$LOGS/fuzz-$target.log" || tail -n 5 "$LOGS/fuzz-$target.log")"
    return 1
  fi
  say "$target: $(grep -aoP 'stat::number_of_executed_units: *\K.*' "$LOGS/fuzz-$target.log") inputs," \
    "coverage $(grep -aoP ' cov: \K[0-9]+' "$LOGS/fuzz-$target.log" | tail -n 1), nothing found"
}

main() {
  local seconds=60 jobs target failed=0
  local -a targets=()
  jobs=$(nproc)
  while (($# > 0)); do
    case $1 in
      --seconds) seconds=$(option_value "$@"); shift ;;
      --seconds=*) seconds=${1#*=} ;;
      --jobs) jobs=$(option_value "$@"); shift ;;
      --jobs=*) jobs=${1#*=} ;;
      --help | -h) usage && exit 0 ;;
      -*) refuse "option of fuzz" "$1" --seconds --jobs --help ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  [[ $seconds =~ ^[1-9][0-9]*$ ]] || { warn "fuzz.sh: --seconds '$seconds': a number from 1 is allowed" && exit 2; }
  [[ $jobs =~ ^[1-9][0-9]?$ ]] || { warn "fuzz.sh: --jobs '$jobs': a number from 1 to 99 is allowed" && exit 2; }
  for target in "${targets[@]}"; do
    [[ " ${TARGETS[*]} selftest " == *" $target "* ]] || refuse target "$target" "${TARGETS[@]}"
  done
  ((${#targets[@]} > 0)) || targets=("${TARGETS[@]}")
  mkdir -p "$LOGS"
  [[ -e out/fuzz/build.ninja ]] || run_logged "configuring fuzz" "$LOGS/configure-fuzz.log" cmake --preset fuzz
  run_logged "building the fuzz targets" "$LOGS/build-fuzz.log" ninja -C out/fuzz "${targets[@]/%/_fuzz}"
  local running=0
  for target in "${targets[@]}"; do
    if ((running == jobs)); then
      wait -n || failed=1
      ((running -= 1)) || true
    fi
    fuzz "$target" "$seconds" &
    ((running += 1))
  done
  for (( ; running > 0; running--)); do wait -n || failed=1; done
  return "$failed"
}

main "$@"
