#!/usr/bin/env bash
# discoveryd: dig gets what was written to the store, over UDP and TCP, also after the store is gone; nothing that a
# client sends can end the server.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

# start_server OPTION…: discoveryd on $DNS, ready when it has read the store.
start_server() {
  DNS=$(free_port)
  start_daemon discoveryd "$CLUSTERCTL" discoveryd --listen "127.0.0.1:$DNS" "$@"
  SERVER_PID=$PID
  wait_until 20 server_is_well
}

server_is_well() { applet discoveryctl status --server "127.0.0.1:$DNS" >"$TMP/status" 2>&1; }
ask() { dig +time=3 +tries=1 -p "$DNS" @127.0.0.1 "$@"; }
short() { ask +short "$@" | sort; }
status_of() { ask "$@" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
flags_of() { ask "$@" | sed -n 's/^;; flags: \([a-z ]*\);.*/\1/p'; }
answers() { [[ $(short "$1" "$2") == "$3" ]]; }
put() { applet discoveryctl put "$@" >"$TMP/put"; }
# put_json KEY JSON: as any etcd client would.
put_json() { curl -sf -o "$TMP/put" -X PUT "$CLUSTEROS_ENDPOINTS/v2/keys/skydns/local/skydns$1" --data-urlencode "value=$2"; }

test_every_type_over_udp_and_tcp() {
  start_store
  put_json /web/1 '{"host":"10.0.0.1","port":80,"text":"hello world"}'
  put_json /web/2 '{"host":"2001:db8::2","port":8080,"priority":20}'
  start_server
  local how
  for how in +notcp +tcp; do
    expect_eq "$(short "$how" web.skydns.local A)" 10.0.0.1
    expect_eq "$(short "$how" web.skydns.local AAAA)" 2001:db8::2
    expect_eq "$(short "$how" web.skydns.local SRV)" $'10 100 80 1.web.skydns.local.\n20 100 8080 2.web.skydns.local.'
    expect_eq "$(short "$how" web.skydns.local TXT)" '"hello world"'
  done
  expect_match "$(ask +noall +additional web.skydns.local SRV)" '1\.web\.skydns\.local\..*A[[:space:]]+10\.0\.0\.1'
  expect_match "$(flags_of web.skydns.local A)" '^qr aa rd'
  expect_eq "$(short WEB.SkyDNS.local A)" 10.0.0.1
}

test_news_arrive_by_the_watch() {
  start_store
  start_server
  expect_eq "$(status_of web.skydns.local A)" NXDOMAIN
  put 1.web 10.0.0.1 80
  wait_until 10 answers web.skydns.local A 10.0.0.1
  put 1.web 10.0.0.9 80
  wait_until 10 answers web.skydns.local A 10.0.0.9
  applet discoveryctl rm 1.web
  wait_until 10 answers web.skydns.local A ''
  expect_match "$(expect_fail 1 applet discoveryctl rm 1.web 2>&1)" 'no such record'
}

test_lease_ends() {
  start_store
  start_server
  put 1.web 10.0.0.1 80 --lease 2
  put 2.web 10.0.0.2 80
  wait_until 10 answers web.skydns.local A $'10.0.0.1\n10.0.0.2'
  wait_until 15 answers web.skydns.local A 10.0.0.2
}

test_ttl() {
  start_store
  put a 10.0.0.1
  put b 10.0.0.2 --ttl 30
  put c 10.0.0.3 --ttl 500 --lease 100
  start_server --ttl 120 --min-ttl 7
  ttl() { ask +noall +answer "$1.skydns.local" A | awk '{ print $2 }'; }
  expect_eq "$(ttl a)" 120
  expect_eq "$(ttl b)" 30
  [[ $(ttl c) -le 100 && $(ttl c) -gt 50 ]] || fail "the lease's 100 s became $(ttl c)"
  expect_match "$(ask +noall +authority nope.skydns.local A)" '^skydns\.local\.[[:space:]]+7[[:space:]]+IN[[:space:]]+SOA.* 7$'
}

test_the_store_may_die() {
  start_store
  put 1.web 10.0.0.1 80
  start_server
  kill -9 "$STORE_PID"
  wait "$STORE_PID" || true
  expect_eq "$(short web.skydns.local A)" 10.0.0.1
  lost() { ! server_is_well && grep -q '^Store  *lost' "$TMP/status"; }
  wait_until 20 lost
  expect_eq "$(short +tcp web.skydns.local A)" 10.0.0.1
  start_store
  put 2.web 10.0.0.2 80
  wait_until 20 answers web.skydns.local A $'10.0.0.1\n10.0.0.2'
}

test_refusals() {
  start_store
  put 1.web 10.0.0.1 80
  start_server
  expect_eq "$(status_of web.skydns.local ANY +notcp)" REFUSED
  expect_eq "$(status_of example.com A)" REFUSED
  expect_eq "$(status_of nope.skydns.local A)" NXDOMAIN
  expect_eq "$(status_of web.skydns.local MX)" NOERROR
  expect_match "$(ask +noall +authority web.skydns.local MX)" 'SOA'
  expect_eq "$(status_of web.skydns.local A +edns=1 +noednsneg)" BADVERS
}

test_before_the_store_comes_everything_is_refused() {
  export CLUSTEROS_ENDPOINTS=http://127.0.0.1:1
  DNS=$(free_port)
  start_daemon discoveryd "$CLUSTERCTL" discoveryd --listen "127.0.0.1:$DNS"
  refused() { [[ $(status_of web.skydns.local A) == REFUSED ]]; }
  wait_until 10 refused
}

test_large_answers() {
  start_store
  local i
  for i in $(seq 60); do put_json "/web/$i" "{\"host\":\"10.0.1.$i\"}"; done
  start_server
  expect_match "$(flags_of +noedns +ignore web.skydns.local A)" ' tc '
  expect_match "$(flags_of +bufsize=512 +ignore web.skydns.local A)" ' tc '
  expect_eq "$(short +noedns web.skydns.local A | wc -l)" 60 'records after falling back to TCP'
  expect_eq "$(short +bufsize=4096 +ignore web.skydns.local A | wc -l)" 60 'records in a large datagram'
}

test_names_that_lead_to_names() {
  start_store
  put node 10.0.0.9
  put web node.skydns.local 80
  put loop loop.skydns.local
  start_server
  expect_eq "$(short web.skydns.local A)" $'10.0.0.9\nnode.skydns.local.'
  expect_eq "$(short web.skydns.local SRV)" '10 100 80 node.skydns.local.'
  expect_eq "$(short loop.skydns.local A)" ''
}

test_broken_records_do_no_harm() {
  start_store
  put 1.web 10.0.0.1 80
  put_json /web/2 'no json'
  put_json /web/3 '{"host":"10.0.0.3","port":99999}'
  start_server
  expect_eq "$(short web.skydns.local A)" 10.0.0.1
  put_json /web/4 '{"host":[]}'
  put 5.web 10.0.0.5
  wait_until 10 answers web.skydns.local A $'10.0.0.1\n10.0.0.5'
  expect_match "$(cat "$TMP/discoveryd.log")" '"port" is 99999, allowed is 0 to 65535'
  expect_match "$(expect_fail 1 applet discoveryctl list 2>&1)" '/skydns/local/skydns/web/4'
}

test_garbage() {
  start_store
  put 1.web 10.0.0.1 80
  start_server
  local i
  for i in $(seq 300); do
    head -c $((i % 90)) /dev/urandom >"/dev/udp/127.0.0.1/$DNS" || true
  done
  printf '\0\1\1\0\0\1\0\0\0\0\0\0\300\14\0\1\0\1' >"/dev/udp/127.0.0.1/$DNS" # a name that points at itself
  head -c 100000 /dev/urandom >"/dev/tcp/127.0.0.1/$DNS" || true
  printf '\377\377x' >"/dev/tcp/127.0.0.1/$DNS"
  expect_eq "$(short web.skydns.local A)" 10.0.0.1
  kill -0 "$SERVER_PID"
}

test_tcp_clients_that_say_nothing_keep_nobody_out() {
  start_store
  put 1.web 10.0.0.1 80
  start_server
  local i descriptors=()
  for i in $(seq 300); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$DNS" && descriptors+=("$fd")
  done
  expect_eq "$(short +notcp web.skydns.local A)" 10.0.0.1
  for i in "${descriptors[@]}"; do exec {i}>&-; done
  tcp_answers() { [[ $(short +tcp web.skydns.local A) == 10.0.0.1 ]]; }
  wait_until 20 tcp_answers
}

test_pipelined_queries() {
  start_store
  put 1.web 10.0.0.1 80
  start_server
  local query='\0\36\0\7\1\0\0\1\0\0\0\0\0\0\3web\6skydns\5local\0\0\1\0\1'
  query=${query/'\36'/'\42'} # 34 bytes: 12 of header, 22 of question
  exec {fd}<>"/dev/tcp/127.0.0.1/$DNS"
  # shellcheck disable=SC2059
  printf "$query$query$query" >&"$fd"
  # Each answer: 2 bytes of length, 34, and 16 of the record.
  expect_eq "$(timeout 10 head -c 156 <&"$fd" | od -An -tx1 -v | tr -d ' \n' | grep -o 0a000001 | wc -l)" 3
}

test_skydns_option_names() {
  start_store
  put 1.web 10.0.0.1 80 --domain my.cluster
  DNS=$(free_port)
  start_daemon skydns "$CLUSTERCTL" skydns -addr "127.0.0.1:$DNS" -domain my.cluster. -machines "$CLUSTEROS_ENDPOINTS"
  wait_until 20 answers web.my.cluster A 10.0.0.1
}

test_commands() {
  start_store
  put 1.web 10.0.0.1 80 --weight 5 --text hi
  put_json /db '{"host":"10.0.0.2"}'
  expect_match "$(applet discoveryctl list)" '1\.web\.skydns\.local\. +10\.0\.0\.1 +80 +- +5 +- +- +hi'
  expect_eq "$(applet discoveryctl list --json | jq -r '.[].name' | sort | paste -sd' ')" '1.web.skydns.local. db.skydns.local.'
  expect_eq "$(applet discoveryctl list web --json | jq -r '.[].host')" 10.0.0.1
  expect_match "$(expect_fail 2 applet discoveryctl put web 'not a host' 2>&1)" "host 'not a host' is neither"
  expect_match "$(expect_fail 2 applet discoveryctl put web 10.0.0.1 0 2>&1)" "port '0'"
  expect_match "$(expect_fail 2 applet discoveryctl put a..b 10.0.0.1 2>&1)" "'a\.\.b' is no domain name"
  applet discoveryctl rm web --recursive
  expect_eq "$(applet discoveryctl list --json | jq length)" 1
}

test_usage() {
  expect_match "$(expect_fail 2 applet discoveryd --lisen x 2>&1)" "unknown option '--lisen' \(did you mean '--listen'\?\)"
  expect_match "$(expect_fail 2 applet discoveryd --listen nowhere 2>&1)" "cannot listen on 'nowhere'"
  expect_match "$(expect_fail 2 applet discoveryd --domain a..b 2>&1)" "'a\.\.b' is no domain name"
  expect_match "$(expect_fail 1 applet discoveryd --listen 192.0.2.1:53 2>&1)" 'discoveryd: listen on 192\.0\.2\.1:53: '
  expect_match "$(expect_fail 1 applet discoveryctl status --server 127.0.0.1:1 2>&1)" 'discoveryctl: ask 127\.0\.0\.1:1: '
  applet discoveryd --help >"$TMP/help"
}

run_tests "$@"
