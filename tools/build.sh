#!/usr/bin/env bash
# Builds the binary that users run: out/clusterctl, static and stripped. With --preset another build of CMakePresets.json,
# in out/<preset>. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev build [--preset NAME] [--target NAME]…

Builds out/clusterctl (static, stripped). Object files are kept in out/<preset> and in the compiler's cache.

  --preset NAME   another build, in out/NAME: dev, asan, tsan, fuzz, coverage (CMakePresets.json); the default is release
  --target NAME   only this target (clusterctl, kv_test, …); may be repeated
END
}

presets() { jq -r '.configurePresets[] | select(.hidden | not) | .name' CMakePresets.json; }

# configure PRESET: only when there is nothing to build with yet; from then on ninja does it by itself.
configure() {
  [[ -e out/$1/build.ninja ]] || run_logged "configuring $1" "$LOGS/configure-$1.log" cmake --preset "$1"
}

# finish: what ./dev promises about the result is looked up, not believed.
finish() {
  strip -o out/clusterctl.new out/release/clusterctl
  # ldd's exit code 1 is the good news.
  if ldd out/clusterctl.new >"$LOGS/ldd.log" 2>&1 || ! grep -q 'not a dynamic executable' "$LOGS/ldd.log"; then
    die "the binary is not static: $(tr '\n' ' ' <"$LOGS/ldd.log")"
  fi
  [[ $(file -b out/clusterctl.new) == *"statically linked"*stripped* ]] || die "not static and stripped: $(file -b out/clusterctl.new)"
  # Not replaced when it is the same, so that the image need not be made again.
  if cmp -s out/clusterctl.new out/clusterctl; then rm out/clusterctl.new; else mv out/clusterctl.new out/clusterctl; fi
  say "out/clusterctl: $(stat -c %s out/clusterctl | awk '{ printf "%.1f MB", $1 / 1e6 }'), static, $(out/clusterctl --version | head -n 1)"
}

main() {
  local preset=release target
  local -a targets=()
  while (($# > 0)); do
    case $1 in
      --preset) preset=$(option_value "$@"); shift ;;
      --preset=*) preset=${1#*=} ;;
      --target) target=$(option_value "$@"); targets+=("$target"); shift ;;
      --target=*) targets+=("${1#*=}") ;;
      --help | -h) usage && exit 0 ;;
      *) refuse "option of build" "$1" --preset --target --help ;;
    esac
    shift
  done
  local -a known
  mapfile -t known < <(presets)
  [[ " ${known[*]} " == *" $preset "* ]] || refuse preset "$preset" "${known[@]}"
  configure "$preset"
  [[ $preset != release || ${#targets[@]} -gt 0 ]] || targets=(clusterctl)
  run_logged "building $preset" "$LOGS/build-$preset.log" ninja -C "out/$preset" "${targets[@]}"
  [[ $preset != release ]] || [[ ${targets[*]} != *clusterctl* ]] || finish
}

main "$@"
