# The real etcd 3.4.23 beside kvd, for tests that compare the two. Sourced after test.sh.
# shellcheck shell=bash

# need_etcd: sets ETCD34, the folder with etcd and etcdctl. Skips the test where they cannot be fetched.
need_etcd() {
  local text
  text=$("$ROOT/tools/oracle.sh" ensure 2>&1) || skip "etcd 3.4.23 cannot be fetched here: $(tail -n 1 <<<"$text")"
  ETCD34=$("$ROOT/tools/oracle.sh" path)
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

# start_etcd [NAME]: with the v2 API; sets PID and ETCD_URL.
start_etcd() {
  local name=${1:-etcd} peer
  ETCD_URL=http://127.0.0.1:$(free_port)
  peer=http://127.0.0.1:$(free_port)
  start_in_memory "$name" "$ETCD34/etcd" --enable-v2 --data-dir "$TMP/$name/data" --name "$name" --log-level error \
    --listen-client-urls "$ETCD_URL" --advertise-client-urls "$ETCD_URL" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "$name=$peer"
  wait_until 20 curl -sf "$ETCD_URL/health"
}

# start_kvd_in_memory [NAME [OPTION…]]: sets PID and KVD_URL.
start_kvd_in_memory() {
  local name=${1:-kvd}
  KVD_URL=http://127.0.0.1:$(free_port)
  start_in_memory "$name" "$CLUSTERCTL" kvd --data-dir "$TMP/$name/data" --listen-client-urls "$KVD_URL" "${@:2}"
  wait_until 20 curl -sf "$KVD_URL/health"
}

# start_kvd_members COUNT: a cluster of kvds in memory; sets KVD_URLS, comma-separated.
start_kvd_members() {
  local i cluster='' url
  local -a clients=() peers=()
  for ((i = 0; i < $1; i++)); do
    clients+=("http://127.0.0.1:$(free_port)")
    peers+=("http://127.0.0.1:$(free_port)")
    cluster+=${cluster:+,}kvd$i=${peers[i]}
  done
  for ((i = 0; i < $1; i++)); do
    start_in_memory "kvd$i" "$CLUSTERCTL" kvd --name "kvd$i" --data-dir "$TMP/kvd$i/data" \
      --listen-client-urls "${clients[i]}" --advertise-client-urls "${clients[i]}" --listen-peer-urls "${peers[i]}" \
      --initial-advertise-peer-urls "${peers[i]}" --initial-cluster "$cluster"
  done
  for url in "${clients[@]}"; do wait_until 20 curl -sf "$url/health"; done
  KVD_URLS=$(IFS=, && echo "${clients[*]}")
}
