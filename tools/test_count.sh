# Counting tests, for tools/test.sh: from doctest's summary, and from the lines of tests/lib/test.sh. What does not add
# up is a failure: a program that crashed, printed no summary, or has no test. Sourced after tools/common.sh; failures
# and skips are kept by name.
# shellcheck shell=bash

passed=0 failed=0 skipped=0
failures=() skips=()
# The texts that the tests' names were asked to contain; none: all tests.
patterns=()

pass() { ((passed += ${1:-1})) || true; }
failure() {
  failures+=("$1")
  ((failed += 1)) || true
  warn "FAIL $1"
}
skipped_test() {
  skips+=("$1")
  ((skipped += 1)) || true
}

# summary: the names of what failed and was skipped, and the last line. Returns false when one failed.
summary() {
  local name
  say
  for name in "${skips[@]}"; do say "skipped: $name"; done
  for name in "${failures[@]}"; do say "failed: $name"; done
  say "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

# count_doctest NAME LOG STATUS: the numbers are those of doctest's summary. No summary (a crash), none run, or an exit
# code that does not fit are failures by themselves.
count_doctest() {
  local name=$1 log=$2 status=$3 line run ok bad filtered case_name
  line=$(grep -a '^\[doctest\] test cases:' "$log" | tail -n 1 | sed 's/\x1b\[[0-9;]*m//g' || true)
  if [[ ! $line =~ test\ cases:\ *([0-9]+)\ *\|\ *([0-9]+)\ passed\ *\|\ *([0-9]+)\ failed\ *\|\ *([0-9]+)\ skipped ]]; then
    failure "$name: crashed or printed no summary (exit code $status, $log)"
    return
  fi
  run=${BASH_REMATCH[1]} ok=${BASH_REMATCH[2]} bad=${BASH_REMATCH[3]} filtered=${BASH_REMATCH[4]}
  pass "$ok"
  # The names that doctest prints are those of the cases with a failed check.
  while read -r case_name; do
    ((bad > 0)) || break
    failure "$name: $case_name"
    ((bad -= 1)) || true
  done < <(sed -n 's/^TEST CASE:  *//p' "$log" | sort -u)
  while ((bad > 0)); do failure "$name: a test case (see $log)" && ((bad -= 1)) || true; done
  if ((${#patterns[@]} == 0)); then
    ((run > 0)) || failure "$name: has no test"
    # doctest::skip() in the source, since nothing was asked for by name.
    while ((filtered > 0)); do skipped_test "$name: a test case marked to be skipped" && ((filtered -= 1)) || true; done
  fi
  if ((status != 0)) && [[ ${BASH_REMATCH[3]} == 0 ]]; then
    failure "$name: exit code $status though no test failed: a sanitizer's finding, or a crash at the end ($log)"
  fi
}

# count_lines NAME LOG STATUS: PASS, FAIL and SKIP lines, checked against the summary that must be the last line.
count_lines() {
  local name=$1 log=$2 status=$3 line
  local p=0 f=0 s=0
  while IFS= read -r line; do
    case $line in
      'PASS '*) ((p += 1)) ;;
      'FAIL '*) ((f += 1)) && failures+=("$(sed 's/^FAIL //; s/ ([0-9.]* s)//' <<<"$line")") ;;
      'SKIP '*) ((s += 1)) && skips+=("$(sed 's/^SKIP //; s/ ([0-9.]* s)//' <<<"$line")") ;;
    esac
  done < <(grep -aE '^(PASS|FAIL|SKIP) ' "$log" || true)
  ((passed += p, failed += f, skipped += s)) || true
  if [[ $(tail -n 1 "$log") != "$p passed, $f failed, $s skipped" ]]; then
    failure "$name: ended without its summary, exit code $status ($log)"
  elif ((p + f + s == 0)); then
    failure "$name: has no test"
  elif ((status != 0 && f == 0)); then
    failure "$name: exit code $status though no test failed ($log)"
  fi
}
