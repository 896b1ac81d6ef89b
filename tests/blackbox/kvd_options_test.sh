#!/usr/bin/env bash
# kvd in etcd's clothes: its flags and variables, its log lines, its version, its ways to find the members of a cluster.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

# Starts kvd by the name etcd in $TMP and waits until it answers; sets PID, URL and PEER.
start_etcd() {
  URL=http://127.0.0.1:$(free_port)
  PEER=http://127.0.0.1:$(free_port)
  cd "$TMP"
  start_daemon "${NAME:-etcd}" applet etcd --listen-client-urls "$URL" --advertise-client-urls "$URL" \
    --listen-peer-urls "$PEER" --initial-advertise-peer-urls "$PEER" "$@"
  wait_until 10 curl -sf "$URL/health"
}

# etcd_id URLS TOKEN: etcd's id of a member: the first 8 bytes of the SHA-1 of its URLs and the token.
etcd_id() {
  printf '%s' "$1$2" | sha1sum | cut -c1-16 | sed 's/^0*//'
}

members() {
  curl -s "$URL/v2/members" | jq -r '.members[] | "\(.id) \(.name) \(.peerURLs | join(",")) \(.clientURLs | join(","))"'
}

test_flags_in_all_forms() {
  start_etcd -name one -heartbeat-interval=50 --election-timeout 500 --initial-cluster-token=t --enable-v2
  expect_eq "$(members)" "$(etcd_id "$PEER" t) one $PEER $URL"
  [[ -d $TMP/one.etcd ]] || fail "the data is not in one.etcd"
}

test_variables_and_which_wins() {
  ETCD_NAME=from-variable ETCD_INITIAL_CLUSTER_TOKEN=v ETCD_NO_SUCH_THING=1 start_etcd --initial-cluster-token f
  expect_eq "$(members)" "$(etcd_id "$PEER" f) from-variable $PEER $URL"
  grep -q '^warning: unrecognized environment variable ETCD_NO_SUCH_THING$' "$TMP/etcd.log"
  grep -q '^warning: ETCD_INITIAL_CLUSTER_TOKEN is not used: --initial-cluster-token is given$' "$TMP/etcd.log"
}

test_lines_that_scripts_wait_for() {
  start_etcd --name one
  local cluster
  cluster=$(http_header X-Etcd-Cluster-Id "$URL/v2/keys/")
  expect_eq "$(grep -cx 'ready to serve client requests' "$TMP/etcd.log")" 1
  expect_eq "$(grep -cx "published {Name:one ClientURLs:\[$URL\]} to cluster $cluster" "$TMP/etcd.log")" 1
  expect_eq "$(grep -cx 'enabled capabilities for version 3.4' "$TMP/etcd.log")" 1
}

test_version_as_scripts_read_it() {
  local text
  text=$(applet etcd --version)
  expect_match "$(sed -n 1p <<<"$text")" '^etcd Version: 3\.4\.23\+clusteros\.[0-9.]+$'
  expect_match "$(sed -n 2p <<<"$text")" '^Git SHA: '
  expect_match "$(sed -n 3p <<<"$text")" '^Go Version: none'
  expect_match "$(sed -n 4p <<<"$text")" '^Go OS/Arch: linux/(amd64|arm64)$'
  expect_match "$(applet kvd --version)" '^kvd [0-9.]+$'
}

test_what_means_nothing_is_named_and_what_would_be_untrue_refused() {
  start_etcd --max-wals 3 --logger zap --log-outputs stderr
  expect_eq "$(grep -c 'has no effect' "$TMP/etcd.log")" 2
  grep -q "^warning: option '--max-wals' has no effect: " "$TMP/etcd.log"
  expect_eq "$(expect_fail 2 applet etcd --wal-dir "$TMP/wal" 2>&1)" \
    "etcd: option '--wal-dir=$TMP/wal' is refused: the log is kept in --data-dir"
  expect_match "$(expect_fail 2 applet etcd --initial-clusters x 2>&1)" "unknown option '--initial-clusters' \(did you mean '--initial-cluster'"
  expect_match "$(expect_fail 2 applet etcd serve 2>&1)" "unexpected argument 'serve'"
}

test_help_man_page_and_completion_know_the_options() {
  local flag help completion
  help=$(applet etcd --help)
  completion=$(applet clusterctl generate completion)
  applet clusterctl generate man "$TMP/man"
  for flag in name data-dir initial-cluster discovery-srv peer-trusted-ca-file max-wals wal-dir; do
    expect_match "$help" "--${flag}[= ]"
    expect_match "$completion" " --$flag=?[ \"]"
    grep -qF -- "--$flag" <(sed 's/\\-/-/g' "$TMP/man/man8/kvd.8")
  done
  expect_match "$help" 'ETCD_INITIAL_CLUSTER_TOKEN'
}

test_wrong_clusters_are_refused_in_one_line() {
  local text
  text=$(expect_fail 2 applet etcd --data-dir "$TMP/d" --name a --initial-advertise-peer-urls http://127.0.0.1:7001 \
    --initial-cluster b=http://127.0.0.1:7001 2>&1)
  expect_eq "$text" "etcd: couldn't find local name \"a\" in the initial cluster configuration"
  text=$(expect_fail 2 applet etcd --data-dir "$TMP/d" --name a --initial-advertise-peer-urls http://127.0.0.1:7001 \
    --initial-cluster a=http://127.0.0.1:7002 2>&1)
  expect_eq "$text" "etcd: --initial-cluster has a=http://127.0.0.1:7002 but missing from --initial-advertise-peer-urls=http://127.0.0.1:7001"
  text=$(expect_fail 2 applet etcd --data-dir "$TMP/d" --discovery http://127.0.0.1:1/t --discovery-srv x.example 2>&1)
  expect_match "$text" '^etcd: multiple discovery or bootstrap flags are set'
}

test_configuration_file() {
  URL=http://127.0.0.1:$(free_port)
  cat >"$TMP/etcd.yaml" <<END
name: filed
data-dir: $TMP/data
listen-client-urls: $URL
advertise-client-urls: $URL
log-outputs: [stderr]
nonsense: 1
END
  start_daemon etcd applet etcd --config-file "$TMP/etcd.yaml" --name typed
  wait_until 10 curl -sf "$URL/health"
  expect_match "$(members)" " filed "
  grep -q "etcd.yaml:6:1: 'nonsense' means nothing" "$TMP/etcd.log"
  grep -q "option '--name' has no effect beside --config-file" "$TMP/etcd.log"
  echo 'name: "x' >"$TMP/etcd.yaml"
  expect_match "$(expect_fail 2 applet etcd --config-file "$TMP/etcd.yaml" 2>&1)" "^etcd: $TMP/etcd.yaml:[0-9]+:[0-9]+: "
}

test_ids_stay_when_the_data_is_there() {
  start_etcd --name one
  local before
  before=$(members)
  stop_daemon "$PID"
  start_daemon etcd applet etcd --name one --listen-client-urls "$URL" --advertise-client-urls "$URL" \
    --listen-peer-urls "$PEER" --initial-cluster-token other
  wait_until 10 curl -sf "$URL/health"
  expect_eq "$(members)" "$before"
}

test_discovery_url() {
  NAME=service start_etcd --name service
  local registry=$URL/v2/keys/_etcd/registry/token
  curl -sf "$registry/_config/size" -XPUT -d value=1 >/dev/null
  NAME=first start_etcd --name first --discovery "$registry"
  expect_eq "$(members)" "$(etcd_id "$PEER" "$registry") first $PEER $URL"
  expect_eq "$(curl -s "$registry/$(etcd_id "$PEER" "$registry")" | jq -r .node.value)" "first=$PEER"
  local text
  text=$(expect_fail 1 applet etcd --name second --initial-advertise-peer-urls http://127.0.0.1:1 --discovery "$registry" 2>&1)
  expect_match "$text" '^etcd: discovery http://127.0.0.1:[0-9]+: cluster is full$'
  text=$(expect_fail 1 applet etcd --name second --discovery "${registry}x" 2>&1)
  expect_match "$text" 'size key not found$'
}

test_three_members_meet_at_a_discovery_url() {
  NAME=service start_etcd --name service
  local registry=$URL/v2/keys/_etcd/registry/token name port text
  local -A url
  curl -sf "$registry/_config/size" -XPUT -d value=3 >/dev/null
  for name in a b c; do
    port=$(free_port)
    url[$name]=http://127.0.0.1:$(free_port)
    start_daemon "$name" applet etcd --name "$name" --data-dir "$TMP/$name" --discovery "$registry" \
      --listen-client-urls "${url[$name]}" --advertise-client-urls "${url[$name]}" --listen-peer-urls "http://127.0.0.1:$port"
    # One after the other, so that all but the last have to wait.
    wait_until 10 bash -c "curl -s '$registry' | jq -e '[.node.nodes[].value] | contains([\"$name=http://127.0.0.1:$port\"])'"
  done
  for name in a b c; do
    wait_until 20 curl -sf "${url[$name]}/health"
    expect_eq "$(grep -c '^starting member [0-9a-f]* in new cluster [0-9a-f]* of 3$' "$TMP/$name.log")" 1
  done
  expect_eq "$(grep -ho 'in new cluster .*' "$TMP"/[abc].log | sort -u | wc -l)" 1 "clusters"
  curl -sf "${url[a]}/v2/keys/met" -XPUT -d value=yes >/dev/null
  expect_eq "$(curl -s "${url[c]}/v2/keys/met?quorum=true" | jq -r .node.value)" yes
  expect_eq "$(curl -s "${url[b]}/v2/members" | jq -r '[.members[].name] | sort | join(" ")')" "a b c"
  text=$(expect_fail 1 applet etcd --name d --data-dir "$TMP/d" --initial-advertise-peer-urls http://127.0.0.1:1 \
    --discovery "$registry" 2>&1)
  expect_match "$text" 'cluster is full$'
}

test_srv_records() {
  unshare --mount true 2>/dev/null || skip "no mount namespaces here"
  local dns
  dns=$(free_port)
  URL=http://127.0.0.1:$(free_port)
  PEER=http://one.example.test:$(free_port)
  start_daemon dns python3 "$ROOT/tests/lib/dns_server.py" "$dns" "one.example.test A 127.0.0.1" \
    "_etcd-server._tcp.example.test SRV 0 0 ${PEER##*:} one.example.test"
  wait_until 10 dig @127.0.0.1 -p "$dns" +time=1 +tries=1 one.example.test
  echo "nameserver [127.0.0.1]:$dns" >"$TMP/resolv.conf"
  touch "$TMP/hosts"
  # shellcheck disable=SC2016 # for the shell inside
  local inside='mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"'
  start_daemon etcd unshare --mount --propagation private bash -c "$inside" bash "$TMP" "$CLUSTERCTL" etcd --data-dir "$TMP/data" \
    --name one --listen-client-urls "$URL" --advertise-client-urls "$URL" --listen-peer-urls "http://127.0.0.1:${PEER##*:}" \
    --initial-advertise-peer-urls "$PEER" --discovery-srv example.test
  wait_until 10 curl -sf "$URL/health"
  expect_eq "$(members)" "$(etcd_id "$PEER" etcd-cluster) one $PEER $URL"
  local text
  text=$(expect_fail 1 unshare --mount --propagation private bash -c "$inside" bash "$TMP" "$CLUSTERCTL" etcd --data-dir "$TMP/other" \
    --initial-advertise-peer-urls "$PEER" --discovery-srv none.test 2>&1)
  expect_match "$text" 'no SRV records _etcd-server-ssl._tcp and _etcd-server._tcp$'
}

test_metrics_on_their_own_address() {
  local metrics
  metrics=http://127.0.0.1:$(free_port)
  start_etcd --listen-metrics-urls "$metrics"
  expect_match "$(curl -s "$metrics/metrics")" 'etcd_server_has_leader 1'
  expect_eq "$(curl -s "$metrics/health")" '{"health":"true"}'
  expect_eq "$(http_status "$metrics/v2/keys/")" 404
}

test_only_requests_for_our_host_when_asked() {
  start_etcd --host-whitelist 127.0.0.1,store.example
  curl -sf "$URL/v2/keys/" -H 'Host: Store.example:80' >/dev/null
  expect_eq "$(http_status "$URL/v2/keys/" -H 'Host: evil.example')" 421
  expect_match "$(curl -s "$URL/v2/keys/" -H 'Host: evil.example')" "'evil.example' is not in --host-whitelist"
}

test_size_of_a_request_is_bounded() {
  start_etcd --max-request-bytes 2000
  expect_eq "$(head -c 3000 /dev/zero | tr '\0' x | http_status "$URL/v2/keys/a" -XPUT --data-urlencode value@-)" 413
}

run_tests "$@"
