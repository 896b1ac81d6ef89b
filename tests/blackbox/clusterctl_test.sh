#!/usr/bin/env bash
# clusterctl: every program of the binary is reachable, explains itself and refuses what it does not know; man pages and
# completion come from the same tables; status tells the truth on a plain machine.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

# Sets NAMES; a list that is too short would make the tests below say too little.
list_names() {
  NAMES=$("$CLUSTERCTL" --list)
  [[ $(wc -l <<<"$NAMES") -ge 20 ]] || fail "only these names: $NAMES"
}

test_list_names_every_program_once() {
  list_names
  expect_eq "$(sort <<<"$NAMES" | uniq -d)" '' 'names listed twice'
  local name
  for name in clusterctl kvd kvctl etcd etcdctl container oci-runtime runc schedd schedctl fleetd fleetctl discoveryd \
    discoveryctl skydns confd updaterd locksmithd updaterctl locksmithctl bootstrap coreos-cloudinit; do
    grep -qx "$name" <<<"$NAMES" || fail "no $name in clusterctl --list"
  done
}

test_help_and_version_of_each() {
  local name
  list_names
  for name in $NAMES; do
    expect_match "$("$CLUSTERCTL" "$name" --help)" "^$name"
    [[ -n $("$CLUSTERCTL" "$name" --version) ]] || fail "$name --version prints nothing"
  done
}

test_argv0_picks_the_program() {
  local name
  list_names
  mkdir "$TMP/bin"
  for name in $NAMES; do
    ln -s "$CLUSTERCTL" "$TMP/bin/$name"
    expect_eq "$("$TMP/bin/$name" --help)" "$("$CLUSTERCTL" "$name" --help)" "help of $name"
  done
}

test_unknown_options_are_refused_by_each() {
  local name text
  list_names
  for name in $NAMES; do
    text=$(expect_fail 2 "$CLUSTERCTL" "$name" --no-such-option 2>&1)
    expect_match "$text" "no-such-option"
  done
  expect_match "$(expect_fail 2 "$CLUSTERCTL" --lst 2>&1)" "unknown option '--lst' \(did you mean '--list'\?\)"
  expect_match "$(expect_fail 2 "$CLUSTERCTL" statsu 2>&1)" "status"
  expect_fail 2 "$CLUSTERCTL" 2>"$TMP/err"
}

test_the_binary_is_static() {
  expect_match "$(ldd "$CLUSTERCTL" 2>&1 || true)" 'not a dynamic executable|statically linked'
}

test_man_pages_of_each() {
  "$CLUSTERCTL" generate man "$TMP/man" >"$TMP/out"
  local name page
  list_names
  for name in $NAMES; do
    page=$(echo "$TMP"/man/man[18]/"$name".[18])
    [[ -s $page ]] || fail "no man page of $name"
  done
  expect_match "$(head -1 "$TMP/man/man1/clusterctl.1")" '^\.TH '
  expect_match "$(cat "$TMP/man/man8/discoveryd.8")" 'listen'
  local target
  sed -n 's/^\.so //p' "$TMP"/man/man?/* | sort -u >"$TMP/targets"
  [[ -s $TMP/targets ]] || fail 'no page of an alias includes another one'
  while read -r target; do
    [[ -s $TMP/man/$target ]] || fail "an alias points at $target, which is not there"
  done <"$TMP/targets"
  expect_fail 2 "$CLUSTERCTL" generate man 2>"$TMP/err"
  expect_fail 2 "$CLUSTERCTL" generate rubbish 2>"$TMP/err"
}

# complete_words WORD…: what bash would offer for the last word.
complete_words() {
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  COMP_LINE="$*"
  COMP_POINT=${#COMP_LINE}
  COMPREPLY=()
  local function
  function=$(complete -p "$1" | sed -n 's/.*-F \([^ ]*\).*/\1/p')
  "$function" "$1" "${!#}" "${COMP_WORDS[$((COMP_CWORD - 1))]}" || true
  printf '%s\n' "${COMPREPLY[@]}"
}

test_completion() {
  "$CLUSTERCTL" generate completion >"$TMP/completion"
  # shellcheck disable=SC1091
  . "$TMP/completion"
  complete_words discoveryctl st | grep -qx 'status *' || fail "no 'status' for discoveryctl: $(complete_words discoveryctl st)"
  complete_words discoveryd --lis | grep -qx -- '--listen[= ]*' || fail "no '--listen' for discoveryd"
}

test_status_on_a_plain_machine() {
  local text
  text=$(expect_fail 1 "$CLUSTERCTL" status --endpoints http://127.0.0.1:1 --timeout 1)
  expect_match "$text" 'This machine is NOT well:'
  expect_match "$text" 'the store is not healthy: '
  text=$(expect_fail 1 "$CLUSTERCTL" status --endpoints http://127.0.0.1:1 --timeout 1 --json)
  expect_eq "$(jq -r .healthy <<<"$text")" false
  [[ $(jq '.problems | length' <<<"$text") -ge 2 ]] || fail "too few problems: $text"
}

test_status_sees_the_store() {
  local text
  start_kvd
  text=$("$CLUSTERCTL" status --endpoints "$URL" --json || true)
  expect_eq "$(jq -r '.store.healthy' <<<"$text")" true
  expect_eq "$(jq -r '.store.latency_ms > 0' <<<"$text")" true
  expect_eq "$(jq -r '[.problems[] | select(startswith("the store"))] | length' <<<"$text")" 0
  # The second endpoint is tried when the first is dead.
  text=$("$CLUSTERCTL" status --endpoints "http://127.0.0.1:1,$URL" --json || true)
  expect_eq "$(jq -r '.store.healthy' <<<"$text")" true
}

run_tests "$@"
