#!/usr/bin/env bash
# Runs the simulator (tests/sim) for as long as wanted. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev sim [--minutes N | --seeds N] [--seed N] [--seconds N] [--trace]

Runs simulated clusters of the store, one seed after the other, and prints each seed that finds something.

  --minutes N   seeds for so long (default: 1, where --seeds is not given)
  --seeds N     so many seeds
  --seed N      the first seed; without it a fresh one
  --seconds N   simulated seconds of each run (default 30)
  --trace       tell what happens, for one seed

Exit code: 0 nothing found, 1 something found, 2 wrong usage.
END
}

main() {
  local seed='' length='' word
  for word; do
    case $word in
      --help | -h) usage && exit 0 ;;
      --seed) seed=yes ;;
      --minutes | --seeds | --trace) length=yes ;;
    esac
  done
  [[ -e out/release/build.ninja ]] || run_logged "configuring release" "$LOGS/configure-release.log" cmake --preset release
  run_logged "building the simulator" "$LOGS/build-sim.log" ninja -C out/release kv_sim
  [[ $seed ]] || set -- "$@" --seed "$((RANDOM * 32768 + RANDOM))"
  [[ $length ]] || set -- "$@" --minutes 1
  exec out/release/kv_sim "$@"
}

main "$@"
