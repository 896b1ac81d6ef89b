#!/usr/bin/env bash
# Removes what was built. Runs on the host.
set -euo pipefail
. "$(dirname "$0")/common.sh"

usage() {
  cat <<'END'
usage: ./dev clean [--sdk]

Removes out/ and what mkosi left in the checkout.

  --sdk   the cache folder too: the SDK, the compiler's and the image builder's caches
END
}

# The lock file stays: this command holds it.
remove() {
  local path
  for path; do
    [[ -e $path ]] || continue
    say "removing $path ($(du -sm --one-file-system "$path" | cut -f1) MB)"
    rm -rf --one-file-system "$path"
  done
}

main() {
  local sdk=
  while (($# > 0)); do
    case $1 in
      --sdk) sdk=yes ;;
      --help | -h) usage && exit 0 ;;
      *) refuse "option of clean" "$1" --sdk --help ;;
    esac
    shift
  done
  local file pid
  while read -r file; do
    pid=$(cat "$file")
    ! grep -qsz qemu "/proc/$pid/cmdline" || die "a machine runs from out/ (process $pid): ./dev down first"
  done < <(find "$ROOT/out" -name '*.pid')
  shopt -s nullglob
  remove "$ROOT"/out/* "$ROOT"/mkosi.{sandbox,output,cache,builddir,workspace}
  if [[ $sdk ]]; then
    remove "$CACHE"/{sdk-*,ccache,mkosi,lint,run}
  fi
}

main "$@"
