#!/usr/bin/env bash
# Puts the C and C++ sources into the house's format (.clang-format). Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/tools/sources.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev fmt [FILE…]

Rewrites the C and C++ sources of the tree, or the FILEs, as .clang-format says, and names those that changed.
END
}

main() {
  local file
  local -a files=() changed=()
  while (($# > 0)); do
    case $1 in
      --help | -h) usage && exit 0 ;;
      -*) refuse "option of fmt" "$1" --help ;;
      *) [[ -f $1 ]] && files+=("$1") || die "no such file: $1" ;;
    esac
    shift
  done
  ((${#files[@]} > 0)) || mapfile -t files < <(cxx_sources)
  for file in "${files[@]}"; do
    clang-format "$file" >out/fmt.tmp || die "clang-format cannot read $file"
    cmp -s "$file" out/fmt.tmp && continue
    # Written in place: the file stays its owner's.
    cat out/fmt.tmp >"$file"
    changed+=("$file")
  done
  rm -f out/fmt.tmp
  say "${#files[@]} files looked at, ${#changed[@]} changed${changed[*]:+: ${changed[*]}}"
}

main "$@"
