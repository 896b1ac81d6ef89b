# The same request to the real etcd and to kvd: the same status, headers and body. Sourced after test.sh, etcd.sh and
# etcdctl.sh (start_both).
# shellcheck shell=bash

# ask URL METHOD PATH [BODY [HEADER…]]: prints the status, the headers that count (the cluster's id as "ID") and the body.
ask() {
  local url=$1 method=$2 path=$3 header
  local -a options=(-s --path-as-is -X "$method")
  if [[ $method == HEAD ]]; then
    options=(-s --path-as-is -I)
  elif (($# > 3)); then
    options+=(--data-raw "$4" -H 'Content-Type:')
  fi
  for header in "${@:5}"; do options+=(-H "$header"); done
  curl "${options[@]}" -D "$TMP/head" -o "$TMP/body" "$url$path" || fail "curl $* ended with $?"
  [[ $method != HEAD ]] || : >"$TMP/body"
  tr -d '\r' <"$TMP/head" | awk 'NR == 1 { print $2; next } { $1 = tolower($1); print }' |
    grep -E '^([0-9]{3}$|(content-type|allow|location|x-etcd-index|x-content-type-options|access-control-.*): )|^x-etcd-cluster-id:' |
    sed -E 's/^(x-etcd-cluster-id): .*/\1: ID/' | sort
  cat "$TMP/body"
}

# same METHOD PATH [BODY [HEADER…]]: both answer alike. Sets ANSWER, kvd's.
same() {
  local theirs
  theirs=$(ask "$ETCD_URL" "$@" | sed "s#$ETCD_URL#URL#g")
  ANSWER=$(ask "$KVD_URL" "$@" | sed "s#$KVD_URL#URL#g")
  expect_eq "$ANSWER" "$theirs" "answer to $*"
}

# basic USER PASSWORD: the header.
basic() { printf 'Authorization: Basic %s' "$(printf '%s:%s' "$1" "$2" | base64 -w0)"; }
