# kvd for tests: one member, a cluster of them, and what is asked of them. Sourced after test.sh.
#
# One member has its data in $TMP/data and its output in $TMP/kvd.log; a member NAME of a cluster has them in
# $TMP/NAME/data and $TMP/NAME.log. All listen on loopback, on ports that stay theirs when they are started again.
#
# Verbs: start_kvd, start_store, start_kvd_in_memory, start_cluster, start_member, http_status, http_header, watched_by,
# url, keys, healthy, leader, another_leads, id_of, same_keys.
# shellcheck shell=bash

# Of one member; the process is $PID, as after every start_daemon.
PORT='' URL='' KEYS=''
# Of a cluster, by the member's name: URLs for clients and for members, processes. MEMBERS is who makes it up.
declare -A CLIENT_URL=() PEER_URL=() MEMBER_PID=()
MEMBERS=()

# --- one member --------------------------------------------------------------------------------------------------

# choose_address: sets PORT, URL and KEYS where there is no PORT yet.
choose_address() {
  : "${PORT:=$(free_port)}"
  URL=http://127.0.0.1:$PORT
  # shellcheck disable=SC2034 # for the test
  KEYS=$URL/v2/keys
}

# start_kvd [OPTION…]: starts it and waits until it answers; sets PID, PORT, URL and KEYS.
start_kvd() {
  choose_address
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" "$@"
  wait_until 20 curl -sf "$URL/health"
}

# start_store [OPTION…]: the same for programs that need a store: $CLUSTEROS_ENDPOINTS tells them where it is, and
# STORE_PID is its process.
start_store() {
  start_kvd "$@"
  # shellcheck disable=SC2034 # for the test
  STORE_PID=$PID
  export CLUSTEROS_ENDPOINTS=$URL
}

# start_in_memory NAME COMMAND…: as start_daemon, with $TMP/NAME as a file system in memory, where an fsync costs nothing.
# It is the process's own and goes with it.
start_in_memory() {
  local name=$1
  shift
  mkdir -p "$TMP/$name"
  # shellcheck disable=SC2016 # for the shell inside
  start_daemon "$name" unshare --mount --propagation private bash -c \
    'mount -t tmpfs tmpfs "$1" || true; shift; exec "$@"' memory "$TMP/$name" "$@"
}

# start_kvd_in_memory [NAME [OPTION…]]: another one, beside those above; sets PID and KVD_URL.
start_kvd_in_memory() {
  local name=${1:-kvd}
  KVD_URL=http://127.0.0.1:$(free_port)
  start_in_memory "$name" "$CLUSTERCTL" kvd --data-dir "$TMP/$name/data" --listen-client-urls "$KVD_URL" "${@:2}"
  wait_until 20 curl -sf "$KVD_URL/health"
}

# --- a cluster ---------------------------------------------------------------------------------------------------

# choose_addresses NAME…: sets CLIENT_URL and PEER_URL of who has none yet. With PEER_SCHEME=https members talk over TLS.
choose_addresses() {
  local name
  for name; do
    [[ ! ${CLIENT_URL[$name]:-} ]] || continue
    CLIENT_URL[$name]=http://127.0.0.1:$(free_port)
    PEER_URL[$name]=${PEER_SCHEME:-http}://127.0.0.1:$(free_port)
  done
}

# start_member NAME [OPTION…]: starts one of MEMBERS; the options go to kvd. Sets MEMBER_PID[NAME]. With
# STARTER=start_in_memory its data are in memory.
start_member() {
  local name=$1 list='' other
  shift
  for other in "${MEMBERS[@]}"; do list+=${list:+,}$other=${PEER_URL[$other]}; done
  "${STARTER:-start_daemon}" "$name" "$CLUSTERCTL" kvd --name "$name" --data-dir "$TMP/$name/data" \
    --listen-client-urls "${CLIENT_URL[$name]}" --advertise-client-urls "${CLIENT_URL[$name]}" \
    --listen-peer-urls "${PEER_URL[$name]}" --initial-advertise-peer-urls "${PEER_URL[$name]}" --initial-cluster "$list" "$@"
  MEMBER_PID[$name]=$PID
}

# start_cluster NAME…: starts a cluster of these and waits until all answer.
start_cluster() {
  local name
  MEMBERS=("$@")
  choose_addresses "$@"
  for name; do start_member "$name"; done
  wait_until 30 healthy "$@"
}

url() { echo "${CLIENT_URL[$1]}"; }
keys() { echo "${CLIENT_URL[$1]}/v2/keys"; }

# healthy NAME…: they answer fresh reads.
healthy() {
  local name
  for name; do [[ $(curl -s -m 2 "$(url "$name")/health") == '{"health":"true"}' ]] || return 1; done
}

# leader NAME: prints the name of the member that leads, as NAME sees it; nothing where there is none.
leader() { curl -s -m 2 "$(url "$1")/v2/members/leader" | jq -r '.name // empty'; }

# another_leads NAME OLD: as NAME sees it, somebody leads who is not OLD.
another_leads() {
  local now
  now=$(leader "$1") && [[ $now && $now != "$2" ]]
}

# id_of NAME MEMBER: prints the id of the member, as NAME sees it.
id_of() { curl -s "$(url "$1")/v2/members" | jq -r --arg name "$2" '.members[] | select(.name == $name).id'; }

# same_keys NAME…: all hold the same nodes.
same_keys() {
  local name text first=''
  for name; do
    text=$(curl -sf -m 5 "$(keys "$name")/?recursive=true&sorted=true") || return 1
    [[ ! $first || $text == "$first" ]] || return 1
    first=$text
  done
}

# --- questions, to any server ------------------------------------------------------------------------------------

# http_status CURL-ARGUMENT…: prints the status code alone.
http_status() { curl -s -o /dev/null -w '%{http_code}' "$@"; }

# http_header NAME CURL-ARGUMENT…: prints this header's value.
http_header() { curl -s -o /dev/null -D - "${@:2}" | tr -d '\r' | sed -n "s/^$1: //ip"; }

# watched_by COUNT URL [CURL-ARGUMENT…]: so many watches are waiting there.
watched_by() { [[ $(curl -s "$2/v2/stats/store" "${@:3}" | jq .watchers) == "$1" ]]; }
