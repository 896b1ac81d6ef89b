#!/usr/bin/env bash
# kvd over TLS: who is let in and who is not, certificates that change while it runs, and the clients: curl, etcdctl, kvctl.
. "$(dirname "$0")/../lib/test.sh"

# authority NAME: $TMP/NAME.pem and its key.
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -keyout "$TMP/$1.key" -out "$TMP/$1.pem" 2>/dev/null
}

# certificate NAME AUTHORITY CN [ALTERNATIVE-NAME…]: $TMP/NAME.pem and $TMP/NAME.key.
certificate() {
  local name=$1 authority=$2 subject=$3
  shift 3
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$subject" -keyout "$TMP/$name.key.new" \
    -out "$TMP/$name.csr" 2>/dev/null
  printf 'subjectAltName=%s\n' "$(IFS=, && echo "${*:-DNS:none.test}")" >"$TMP/$name.ext"
  openssl x509 -req -in "$TMP/$name.csr" -CA "$TMP/$authority.pem" -CAkey "$TMP/$authority.key" -days 2 \
    -extfile "$TMP/$name.ext" -out "$TMP/$name.pem.new" 2>/dev/null
  mv "$TMP/$name.key.new" "$TMP/$name.key"
  mv "$TMP/$name.pem.new" "$TMP/$name.pem"
}

# Starts kvd on https:// with the certificate "server" of the authority "ca"; sets PID and URL.
start_kvd() {
  [[ -e $TMP/ca.pem ]] || authority ca
  [[ -e $TMP/server.pem ]] || certificate server ca server IP:127.0.0.1 DNS:localhost
  URL=https://127.0.0.1:$(free_port)
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" --cert-file "$TMP/server.pem" \
    --key-file "$TMP/server.key" "$@"
  wait_until 10 grep -q 'ready to serve client requests' "$TMP/kvd.log"
}

tls() { curl -s --cacert "$TMP/ca.pem" "$@"; }

# turned_away CURL-ARGUMENT…: the connection is cut, before or after the client has sent its request.
turned_away() {
  local code=0
  tls "$@" || code=$?
  expect_match "$code" '^(35|52|55|56)$'
}

# The fingerprint of the certificate that the server shows now.
shown() {
  openssl s_client -connect "${URL#https://}" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}

test_requests_over_tls() {
  start_kvd
  expect_match "$(tls "$URL/v2/keys/a" -XPUT -d value=b)" '"modifiedIndex":4'
  expect_match "$(tls "$URL/v2/keys/a" "$URL/v2/keys/a?quorum=true")" '"value":"b".*"value":"b"'
  expect_eq "$(tls "$URL/v2/machines")" "$URL"
  head -c 1000000 /dev/urandom | base64 -w0 >"$TMP/large"
  tls -f "$URL/v2/keys/large" -XPUT --data-urlencode "value@$TMP/large" -o /dev/null
  expect_eq "$(tls "$URL/v2/keys/large" | jq -r .node.value | sha256sum)" "$({ cat "$TMP/large" && echo; } | sha256sum)"
}

test_who_does_not_trust_or_does_not_encrypt_gets_nothing() {
  start_kvd
  authority other
  expect_fail 60 curl -s --cacert "$TMP/other.pem" "$URL/health"
  expect_fail 60 curl -s "$URL/health"
  expect_fail 52 curl -s "${URL/https/http}/health"
  expect_fail 35 tls --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$URL/health"
  expect_eq "$(tls "$URL/health")" '{"health":"true"}'
}

test_mutual_where_asked() {
  authority other
  start_kvd --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
  certificate good ca good
  certificate bad other bad
  turned_away "$URL/health"
  turned_away --cert "$TMP/bad.pem" --key "$TMP/bad.key" "$URL/health"
  expect_eq "$(tls --cert "$TMP/good.pem" --key "$TMP/good.key" "$URL/health")" '{"health":"true"}'
  grep -q 'rejected connection from 127.0.0.1:' "$TMP/kvd.log"
}

test_revoked_and_other_names_are_refused() {
  authority ca
  certificate good ca good DNS:client.test
  certificate revoked ca revoked DNS:client.test
  certificate other ca other DNS:other.test
  cat >"$TMP/ca.conf" <<END
[ca]
default_ca = d
[d]
database = $TMP/index
default_md = sha256
default_crl_days = 2
END
  touch "$TMP/index"
  openssl ca -config "$TMP/ca.conf" -keyfile "$TMP/ca.key" -cert "$TMP/ca.pem" -revoke "$TMP/revoked.pem" 2>/dev/null
  openssl ca -config "$TMP/ca.conf" -keyfile "$TMP/ca.key" -cert "$TMP/ca.pem" -gencrl -out "$TMP/crl.pem" 2>/dev/null
  start_kvd --client-cert-auth --trusted-ca-file "$TMP/ca.pem" --client-crl-file "$TMP/crl.pem" \
    --client-cert-allowed-hostname client.test
  expect_eq "$(tls --cert "$TMP/good.pem" --key "$TMP/good.key" "$URL/health")" '{"health":"true"}'
  turned_away --cert "$TMP/revoked.pem" --key "$TMP/revoked.key" "$URL/health"
  turned_away --cert "$TMP/other.pem" --key "$TMP/other.key" "$URL/health"
}

test_certificates_change_while_it_runs() {
  start_kvd
  local before
  before=$(shown)
  curl -sN --cacert "$TMP/ca.pem" "$URL/v2/keys/a?wait=true&stream=true" >"$TMP/stream" &
  local watcher=$!
  wait_until 10 bash -c "curl -s --cacert $TMP/ca.pem $URL/v2/stats/store | grep -q '\"watchers\":1'"

  echo broken >"$TMP/server.pem"
  wait_until 10 bash -c "curl -s --cacert $TMP/ca.pem $URL/health >/dev/null && grep -q 'changed files are not used' $TMP/kvd.log"
  expect_eq "$(shown)" "$before"
  expect_eq "$(grep -c 'changed files are not used' "$TMP/kvd.log")" 1

  authority ca
  certificate server ca server IP:127.0.0.1
  wait_until 10 curl -sf --cacert "$TMP/ca.pem" "$URL/health"
  [[ $(shown) != "$before" ]] || fail "the old certificate is still shown"

  # Who came before stays.
  tls -f "$URL/v2/keys/a" -XPUT -d value=1 >/dev/null
  wait_until 10 grep -q '"value":"1"' "$TMP/stream"
  kill "$watcher"
  wait_until 10 bash -c "curl -s --cacert $TMP/ca.pem $URL/v2/stats/store | grep -q '\"watchers\":0'"
}

test_files_that_do_not_work_stop_the_start() {
  authority ca
  certificate server ca server IP:127.0.0.1
  local url
  url=https://127.0.0.1:$(free_port)
  expect_match "$(expect_fail 2 applet kvd --data-dir "$TMP/d" --listen-client-urls "$url" 2>&1)" 'needs --cert-file and --key-file'
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/d" --listen-client-urls "$url" --cert-file "$TMP/none.pem" \
    --key-file "$TMP/server.key" 2>&1)" 'none.pem: No such file or directory'
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/d" --listen-client-urls "$url" --cert-file "$TMP/server.pem" \
    --key-file "$TMP/ca.key" 2>&1)" 'load key .*ca.key: key values mismatch'
  openssl ec -in "$TMP/server.key" -aes128 -passout pass:x -out "$TMP/locked.key" 2>/dev/null
  expect_match "$(expect_fail 1 applet kvd --data-dir "$TMP/d" --listen-client-urls "$url" --cert-file "$TMP/server.pem" \
    --key-file "$TMP/locked.key" 2>&1)" 'load key .*locked.key'
}

test_a_certificate_of_its_own() {
  URL=https://127.0.0.1:$(free_port)
  start_daemon kvd applet kvd --data-dir "$TMP/data" --listen-client-urls "$URL" --auto-tls
  wait_until 10 curl -skf "$URL/health"
  expect_eq "$(curl -s --cacert "$TMP/data/fixtures/client/cert.pem" "$URL/health")" '{"health":"true"}'
  expect_eq "$(stat -c %a "$TMP/data/fixtures/client/key.pem")" 600
  expect_eq "$(applet kvctl --endpoints "$URL" --insecure-skip-tls-verify set /a b)" b
}

test_etcdctl_and_kvctl_over_tls() {
  start_kvd --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
  certificate client ca client
  local -a files=(--ca-file "$TMP/ca.pem" --cert-file "$TMP/client.pem" --key-file "$TMP/client.key")
  expect_eq "$(ETCDCTL_API=2 etcdctl --endpoints "$URL" "${files[@]}" set /a 1)" 1
  expect_eq "$(applet kvctl --endpoints "$URL" "${files[@]}" get /a)" 1
  expect_eq "$(applet kvctl --endpoints "$URL" --cacert "$TMP/ca.pem" --cert "$TMP/client.pem" --key "$TMP/client.key" set /a 2)" 2
  expect_eq "$(CLUSTEROS_CA_FILE=$TMP/ca.pem CLUSTEROS_CERT_FILE=$TMP/client.pem CLUSTEROS_KEY_FILE=$TMP/client.key \
    applet kvctl --endpoints "$URL" get /a)" 2
  expect_match "$(applet kvctl --endpoints "$URL" "${files[@]}" cluster-health)" 'cluster is healthy'
  expect_fail 4 applet kvctl --endpoints "$URL" --ca-file "$TMP/ca.pem" get /a
  expect_match "$(expect_fail 1 applet kvctl --endpoints "$URL" --cert-file "$TMP/client.pem" get /a 2>&1)" 'a certificate needs its key'
}

# as NAME CURL-ARGUMENT…: with this client certificate.
as() { tls --cert "$TMP/$1.pem" --key "$TMP/$1.key" "${@:2}"; }

test_the_name_of_a_certificate_is_a_user() {
  authority ca
  certificate app ca app
  certificate stranger ca stranger
  start_kvd --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
  as app -f "$URL/v2/auth/users/root" -XPUT -d '{"user":"root","password":"rp"}' >/dev/null
  as app -f "$URL/v2/auth/roles/app" -XPUT -d '{"role":"app","permissions":{"kv":{"read":[],"write":["/app/*"]}}}' >/dev/null
  as app -f "$URL/v2/auth/users/app" -XPUT -d '{"user":"app","password":"pw","roles":["app"]}' >/dev/null
  as app -f "$URL/v2/auth/enable" -XPUT
  expect_match "$(as app "$URL/v2/keys/app/x" -XPUT -d value=1)" '"action":"set"'
  expect_match "$(as app "$URL/v2/keys/app/x")" '"errorCode":110'
  expect_match "$(as stranger "$URL/v2/keys/app/x" -XPUT -d value=1)" '"errorCode":110'
  # A password wins over the certificate.
  expect_match "$(as stranger -u app:pw "$URL/v2/keys/app/x" -XPUT -d value=1)" '"action":"set"'
  expect_match "$(as app -u root:wrong "$URL/v2/keys/app/x" -XPUT -d value=1)" '"errorCode":110'
  expect_match "$(as app "$URL/v2/auth/users")" 'Insufficient credentials'
  expect_match "$(as stranger -u root:rp "$URL/v2/auth/users")" '"user":"app"'
}

run_tests "$@"
