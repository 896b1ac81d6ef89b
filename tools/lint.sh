#!/usr/bin/env bash
# The checks of the sources that need no running program. Each is a function check_… that prints what is wrong, as
# "file:line: what", and counts as one test. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/tools/sources.sh"
cd "$ROOT"

CHECKS=(format words includes size shell rooms headers tidy)
# What a room may include of the others: base/ only base/, every room the store's client, clusterctl all.
ROOMS=(base kv runtime sched discovery updater bootstrap clusterctl)

usage() {
  cat <<'END'
usage: ./dev lint [--list] [CHECK…]

Checks the sources; all CHECKs, or the named ones:
  format     clang-format would change nothing
  words      no marks of unfinished work
  includes   the rooms include only what they may (DESIGN: the rules of the house)
  size       no source file has more than 400 lines
  shell      shellcheck
  rooms      every room has a README.md
  headers    every header compiles alone
  tidy       clang-tidy with the list in .clang-tidy

  --list     prints the checks

headers and tidy remember in the cache folder what passed, so only changed files and those that include them are looked
at again.
END
}

check_format() {
  local -a files
  mapfile -t files < <(cxx_sources)
  clang-format --dry-run -Werror "${files[@]}" 2>&1 | grep -A2 'error:' || true
}

check_words() {
  # Written so that these lines do not find themselves.
  local marks='\b(TO''DO|FIX''ME|XX''X|HA''CK)\b' words='\bst''ub|(?-i:not impl''emented)|unimpl''emented|for n''ow\b'
  {
    cxx_sources
    shell_sources
    tree_files | grep -E '\.(service|socket|target|conf|py|cmake|yaml)$|CMakeLists.txt$'
  } | sort -u | xargs -d '\n' grep -nHP "$marks|(?i:$words)" |
    grep -vE 'EFI stub|stub-resolv|behind its stub' || true
}

# The first path component of every quoted include, against what the file's room may include.
check_includes() {
  cxx_sources | grep / | xargs -d '\n' grep -nHoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' |
    awk -F: -v rooms="${ROOMS[*]}" '
      BEGIN { n = split(rooms, list, " "); for (i = 1; i <= n; i++) is_room[list[i]] = 1 }
      {
        file = $1; match($0, /"[^"]*"/); included = substr($0, RSTART + 1, RLENGTH - 2)
        split(file, part, "/"); room = part[1]; split(included, part, "/"); theirs = part[1]
        if (!is_room[room]) next
        if (index(included, "/") == 0 || !is_room[theirs]) why = "include our headers from the top of the tree"
        else if (room == "clusterctl" || theirs == room && !(file ~ /^kv\/client\//)) why = ""
        else if (theirs == "base") why = ""
        else if (room == "base") why = "base/ includes only base/"
        else if (included ~ /^kv\/client\//) why = ""
        else if (file ~ /^kv\/client\//) why = "kv/client/ includes only base/ and kv/client/"
        else why = room "/ includes only itself, base/ and kv/client/"
        if (why != "") printf "%s:%s: includes \"%s\": %s\n", file, $2, included, why
      }' || true
}

check_size() {
  { cxx_sources; shell_sources; } | sort -u | while IFS= read -r file; do
    lines=$(wc -l <"$file")
    ((lines <= 400)) || echo "$file:400: has $lines lines; 400 are allowed: make it two"
  done
}

check_shell() {
  shell_sources | xargs -d '\n' shellcheck --severity=info --format=gcc || true
}

check_rooms() {
  local room
  for room in $(tree_files | grep / | cut -d/ -f1 | grep -E '^[a-z]+$' | sort -u); do
    [[ $room == cmake || $room == docs || -f $room/README.md ]] || echo "$room: has no README.md"
  done
}

# The two that need the flags of the build: nothing is compiled for that, only configured.
compile_check() {
  local status=0 output
  if [[ ! -e out/dev/build.ninja || CMakeLists.txt -nt out/dev/compile_commands.json ]] || ! names_all_sources; then
    output=$(cmake --preset dev 2>&1) || { echo "CMakeLists.txt: cmake fails: $output" && return; }
  fi
  output=$(python3 tools/compile_checks.py "$1" out/dev "$CACHE/lint") || status=$?
  ((status == 0)) || { echo "$output" | grep -vE '^\[[0-9]+/[0-9]+\] |warnings? (and [0-9]+ errors? )?generated'; }
}
names_all_sources() {
  local file
  for file in $(cxx_sources | grep '\.cc$'); do
    grep -qF "/$file\"" out/dev/compile_commands.json || return 1
  done
}
check_headers() { compile_check headers; }
check_tidy() { compile_check tidy; }

main() {
  local check found begin status passed=0 failed=0
  # Not local: the trap runs when the function has ended.
  output=$(mktemp)
  trap 'rm -f "$output"' EXIT
  local -a checks=()
  while (($# > 0)); do
    case $1 in
      --list) printf 'lint: %s\n' "${CHECKS[@]}" && exit 0 ;;
      --help | -h) usage && exit 0 ;;
      -*) refuse "option of lint" "$1" --list --help ;;
      *) [[ " ${CHECKS[*]} " == *" $1 "* ]] || refuse check "$1" "${CHECKS[@]}"; checks+=("$1") ;;
    esac
    shift
  done
  ((${#checks[@]} > 0)) || checks=("${CHECKS[@]}")
  [[ $(cxx_sources) ]] || die "there are no sources in $ROOT"
  for check in "${checks[@]}"; do
    begin=$SECONDS
    # Where a check itself breaks down, that is a failure too. In the background, since a signal's trap waits for what
    # is in the foreground.
    status=0
    "check_$check" >"$output" 2>&1 &
    wait "$!" || status=$?
    found=$(cat "$output")
    ((status == 0)) || found+="${found:+$'\n'}the check ended with exit code $status"
    if [[ $found ]]; then
      ((failed += 1))
      echo "FAIL lint: $check ($((SECONDS - begin)) s)"
      sed 's/^/  /' <<<"$found"
    else
      ((passed += 1))
      echo "PASS lint: $check ($((SECONDS - begin)) s)"
    fi
  done
  echo "$passed passed, $failed failed, 0 skipped"
  ((failed == 0))
}

main "$@"
