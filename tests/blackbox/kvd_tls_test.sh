#!/usr/bin/env bash
# kvd over TLS: who is let in and who is not, certificates that change while it runs, and the clients: curl, etcdctl, kvctl.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

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
start_kvd_with_tls() {
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
  start_kvd_with_tls
  expect_match "$(tls "$URL/v2/keys/a" -XPUT -d value=b)" '"modifiedIndex":4'
  expect_match "$(tls "$URL/v2/keys/a" "$URL/v2/keys/a?quorum=true")" '"value":"b".*"value":"b"'
  expect_eq "$(tls "$URL/v2/machines")" "$URL"
  head -c 1000000 /dev/urandom | base64 -w0 >"$TMP/large"
  tls -f "$URL/v2/keys/large" -XPUT --data-urlencode "value@$TMP/large" -o /dev/null
  expect_eq "$(tls "$URL/v2/keys/large" | jq -r .node.value | sha256sum)" "$({ cat "$TMP/large" && echo; } | sha256sum)"
}

test_who_does_not_trust_or_does_not_encrypt_gets_nothing() {
  start_kvd_with_tls
  authority other
  expect_fail 60 curl -s --cacert "$TMP/other.pem" "$URL/health"
  expect_fail 60 curl -s "$URL/health"
  expect_fail 52 curl -s "${URL/https/http}/health"
  expect_fail 35 tls --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 "$URL/health"
  expect_eq "$(tls "$URL/health")" '{"health":"true"}'
}

test_mutual_where_asked() {
  authority other
  start_kvd_with_tls --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
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
  start_kvd_with_tls --client-cert-auth --trusted-ca-file "$TMP/ca.pem" --client-crl-file "$TMP/crl.pem" \
    --client-cert-allowed-hostname client.test
  expect_eq "$(tls --cert "$TMP/good.pem" --key "$TMP/good.key" "$URL/health")" '{"health":"true"}'
  turned_away --cert "$TMP/revoked.pem" --key "$TMP/revoked.key" "$URL/health"
  turned_away --cert "$TMP/other.pem" --key "$TMP/other.key" "$URL/health"
}

test_certificates_change_while_it_runs() {
  start_kvd_with_tls
  local before
  before=$(shown)
  curl -sN --cacert "$TMP/ca.pem" "$URL/v2/keys/a?wait=true&stream=true" >"$TMP/stream" &
  local watcher=$!
  wait_until 10 watched_by 1 "$URL" --cacert "$TMP/ca.pem"

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
  wait_until 10 watched_by 0 "$URL" --cacert "$TMP/ca.pem"
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
  start_kvd_with_tls --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
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

test_the_name_in_the_certificate_is_the_user() {
  start_kvd_with_tls --client-cert-auth --trusted-ca-file "$TMP/ca.pem"
  local who
  for who in root app nobody; do certificate "$who" ca "$who"; done
  as() { # USER CURL-ARGUMENT…: the status
    tls --cert "$TMP/$1.pem" --key "$TMP/$1.key" -o "$TMP/answer" -w '%{http_code}' "${@:2}"
  }
  expect_eq "$(as root "$URL/v2/auth/users/root" -XPUT -d '{"user":"root","password":"x"}')" 201
  expect_eq "$(as root "$URL/v2/auth/roles/app" -XPUT -d '{"role":"app","permissions":{"kv":{"read":["/app/*"],"write":["/app/*"]}}}')" 201
  as root "$URL/v2/auth/users/app" -XPUT -d '{"user":"app","password":"y","roles":["app"]}' >/dev/null
  expect_eq "$(as nobody "$URL/v2/auth/enable" -XPUT)" 200
  expect_eq "$(as app "$URL/v2/auth/users")" 401
  expect_eq "$(as root "$URL/v2/auth/users")" 200
  # Whoever is no user is a guest, who may still do everything with keys.
  expect_eq "$(as nobody "$URL/v2/keys/other" -XPUT -d value=1)" 201
  expect_eq "$(as root "$URL/v2/auth/roles/guest" -XPUT -d '{"role":"guest","revoke":{"kv":{"read":["/*"],"write":["/*"]}}}')" 200
  expect_eq "$(as nobody "$URL/v2/keys/other")" 401
  expect_eq "$(as app "$URL/v2/keys/app/x" -XPUT -d value=1)" 201
  expect_eq "$(as app "$URL/v2/keys/other")" 401
  # A name and a password are stronger than the certificate.
  expect_eq "$(as nobody -u app:y "$URL/v2/keys/app/x")" 200
  expect_eq "$(as app -u app:wrong "$URL/v2/keys/app/x")" 401
}

# files_of NAME: the options with a member's certificate.
files_of() { echo "--peer-cert-file $TMP/$1.pem --peer-key-file $TMP/$1.key --peer-trusted-ca-file $TMP/peers.pem"; }

test_members_over_mutual_tls() {
  local name PEER_SCHEME=https
  authority peers
  MEMBERS=(a b c)
  choose_addresses "${MEMBERS[@]}"
  for name in a b; do
    certificate "$name" peers member IP:127.0.0.1
    # shellcheck disable=SC2046 # words
    start_member "$name" $(files_of "$name") --peer-client-cert-auth --peer-cert-allowed-cn member
  done
  wait_until 20 healthy a b
  curl -sf "$(keys a)/x" -XPUT -d value=1 >/dev/null
  expect_eq "$(curl -s "$(keys b)/x?quorum=true" | jq -r .node.value)" 1

  # The third one has a certificate of the right authority with another name: it is not let in.
  certificate c peers stranger IP:127.0.0.1
  # shellcheck disable=SC2046 # words
  start_member c $(files_of c)
  wait_until 20 grep -q "common name is 'stranger', not 'member'" "$TMP/a.log" "$TMP/b.log"
  ! curl -sf -m 1 "$(keys c)/x" >/dev/null 2>&1 || fail "the stranger has the data"

  # With the right one, while it runs, it is.
  certificate c peers member IP:127.0.0.1
  wait_until 30 healthy c
  expect_eq "$(curl -s "$(keys c)/x?quorum=true" | jq -r .node.value)" 1
}

run_tests "$@"
