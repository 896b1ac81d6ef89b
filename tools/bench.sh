#!/usr/bin/env bash
# Runs bench/*.sh, each of which prints one table, and keeps the tables in docs/figures.md on demand. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev bench [--list] [--update] [NAME…]

Measures, with the binary and the image of out/ (./dev image makes both), and prints a table each.

  --list     prints the names
  --update   writes the tables, with machine and date, into docs/figures.md
  NAME       only these (bench/NAME.sh)
END
}

names() { for file in bench/*.sh; do [[ ! -x $file ]] || basename "$file" .sh; done; }

machine() {
  printf '%s, %s cores, %s GB, %s, Linux %s\n' \
    "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
    "$(awk '/MemTotal/ { printf "%.0f", $2 / 1e6 }' /proc/meminfo)" "$(date -u +%Y-%m-%d)" "$(uname -r | cut -d. -f1,2)"
}

# update NAME TEXT: the part between <!-- NAME --> and <!-- /NAME --> of docs/figures.md; new at its end.
update() {
  local file=docs/figures.md
  [[ -e $file ]] || printf '# Figures\n\nMeasured by `./dev bench --update`; each part says where and when.\n' >"$file"
  grep -qF "<!-- $1 -->" "$file" || printf '\n<!-- %s -->\n<!-- /%s -->\n' "$1" "$1" >>"$file"
  { printf '\n'; cat "$2"; printf '\nMeasured on: %s\n\n' "$(machine)"; } >out/figures.part
  sed -i -e "/<!-- $1 -->/,/<!-- \/$1 -->/{//!d}" -e "/<!-- $1 -->/r out/figures.part" "$file"
  rm out/figures.part
}

main() {
  local update='' name failed=0
  local -a wanted=() all
  mapfile -t all < <(names)
  while (($# > 0)); do
    case $1 in
      --list) names && exit 0 ;;
      --update) update=yes ;;
      --help | -h) usage && exit 0 ;;
      -*) refuse "option of bench" "$1" --list --update --help ;;
      *) [[ " ${all[*]} " == *" $1 "* ]] || refuse benchmark "$1" "${all[@]}"; wanted+=("$1") ;;
    esac
    shift
  done
  ((${#wanted[@]} > 0)) || wanted=("${all[@]}")
  ((${#wanted[@]} > 0)) || die "there is no bench/*.sh"
  mkdir -p out/bench
  for name in "${wanted[@]}"; do
    if "bench/$name.sh" </dev/null >"out/bench/$name.md" 2>"out/bench/$name.log"; then
      cat "out/bench/$name.md"
      say
      [[ ! $update ]] || update "$name" "out/bench/$name.md"
    else
      failed=1
      warn "bench/$name.sh failed: $(tail -n 3 "out/bench/$name.log")"
    fi
  done
  return "$failed"
}

main "$@"
