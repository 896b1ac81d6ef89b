# etcdctl 3.4.23 with the v2 API, run with the same arguments against the real etcd and against kvd. Sourced after
# test.sh and etcd.sh.
# shellcheck shell=bash

export ETCDCTL_API=2

start_both() {
  need_etcd
  start_etcd one
  start_kvd_in_memory one --name one
}

# ctl URL ARGUMENT…: etcdctl against one of them. USER_PASS, if set, is who asks.
ctl() { "$ETCD34/etcdctl" --no-sync --endpoints "$1" ${USER_PASS:+--username "$USER_PASS"} "${@:2}"; }

# neutral URL: what must differ gets the same name: the address, ids, and times of expiry.
neutral() {
  sed -E "s#$1#URL#g; s#peerURLs=[^ ]*#peerURLs=P#; s/^[0-9a-f]{15,16}:/ID:/; s/member [0-9a-f]{15,16}/member ID/
    s/\"expiration\":\"[^\"]*\"/\"expiration\":T/g; s/^TTL: [0-9]+/TTL: L/; s/\"ttl\":[0-9]+/\"ttl\":L/g"
}

# both ARGUMENT…: standard output, errors and exit code are the same. Sets OUTPUT and CODE, those of kvd.
both() {
  local theirs their_code=0
  CODE=0
  theirs=$(ctl "$ETCD_URL" "$@" 2>&1 </dev/null) || their_code=$?
  OUTPUT=$(ctl "$KVD_URL" "$@" 2>&1 </dev/null) || CODE=$?
  expect_eq "$(neutral "$KVD_URL" <<<"$OUTPUT")" "$(neutral "$ETCD_URL" <<<"$theirs")" "etcdctl $*"
  expect_eq "$CODE" "$their_code" "exit code of etcdctl $*"
}

# works ARGUMENT…: the same, and it is no failure. fails CODE ARGUMENT…: the same, and it fails so.
works() {
  both "$@"
  expect_eq "$CODE" 0 "exit code of etcdctl $*: $OUTPUT"
}
fails() {
  both "${@:2}"
  expect_eq "$CODE" "$1" "exit code of etcdctl ${*:2}"
}
