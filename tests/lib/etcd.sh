# The real etcd 3.4.23 beside kvd, for tests that compare the two. Sourced after test.sh; brings
# kvd.sh with it.
# shellcheck shell=bash
. "${BASH_SOURCE[0]%/*}/kvd.sh"

# need_etcd: sets ETCD34, the folder with etcd and etcdctl. Skips the test where they cannot be fetched.
need_etcd() {
  local text
  text=$("$ROOT/tools/oracle.sh" ensure 2>&1) || skip "etcd 3.4.23 cannot be fetched here: $(tail -n 1 <<<"$text")"
  ETCD34=$("$ROOT/tools/oracle.sh" path)
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
