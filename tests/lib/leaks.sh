# Nothing of a container stays behind: a list of what there is before, and what is new after (leaks.py). For a file with a
# machine of its own (own_machine.sh), where nobody else makes and ends anything. Sourced after test.sh.
#
#   leaks_before DIRECTORY…     the directories of state and data
#   leaks_after DIRECTORY…      fails with what is new; the kernel has 5 s for what it takes away by itself
# shellcheck shell=bash

leaks_before() { python3 "$ROOT/tests/lib/leaks.py" list "$@" >"$TMP/leaks"; }

leaks_after() {
  local new
  new=$(python3 "$ROOT/tests/lib/leaks.py" after "$TMP/leaks" 5 "$@") || fail "$new"
}
