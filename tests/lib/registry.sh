# A registry of the test's own (docker-registry), images for it (umoci, skopeo), a proxy that breaks things, and what
# `container fetch` made of them. Sourced after test.sh.
# shellcheck shell=bash

# start_registry [auth|tls]: sets REGISTRY to its address. With "auth" it wants user "jo", password "sesame"; with "tls" it
# speaks https with $TMP/tls.pem, a certificate for registry.test.
start_registry() {
  local port auth='' tls='' hash
  port=$(free_port)
  REGISTRY=127.0.0.1:$port
  if [[ ${1:-} == auth ]]; then
    hash=$(perl -e 'print crypt("sesame", "\$2y\$05\$abcdefghijklmnopqrstuu")')
    echo "jo:$hash" >"$TMP/htpasswd"
    auth="auth: {htpasswd: {realm: test, path: $TMP/htpasswd}}"
  fi
  if [[ ${1:-} == tls ]]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=registry.test \
      -addext subjectAltName=DNS:registry.test -keyout "$TMP/tls.key" -out "$TMP/tls.pem" 2>/dev/null
    tls=", tls: {certificate: $TMP/tls.pem, key: $TMP/tls.key}"
  fi
  cat >"$TMP/registry.yml" <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $TMP/registry}}
http: {addr: "$REGISTRY"$tls}
$auth
END
  start_daemon registry docker-registry serve "$TMP/registry.yml"
  wait_until 10 curl -sk -o "$TMP/ping" "http${tls:+s}://$REGISTRY/v2/"
}

# make_image NAME [MEBIBYTES]: an image with two layers in the OCI layout $TMP/layout: busybox with its links, and a file
# of random bytes.
make_image() {
  mkdir -p "$TMP/tree/bin" "$TMP/tree/etc" "$TMP/data"
  cp /bin/busybox "$TMP/tree/bin/busybox"
  ln -sf busybox "$TMP/tree/bin/sh"
  chmod 4755 "$TMP/tree/bin/busybox"
  echo "made for $1" >"$TMP/tree/etc/issue"
  head -c "$((${2:-1} * 1048576))" /dev/urandom >"$TMP/data/random"
  [[ -d $TMP/layout ]] || umoci init --layout "$TMP/layout"
  umoci new --image "$TMP/layout:$1"
  umoci insert --image "$TMP/layout:$1" "$TMP/tree" /
  umoci insert --image "$TMP/layout:$1" "$TMP/data" /data
  umoci config --image "$TMP/layout:$1" --config.entrypoint /bin/sh --config.env A=b --config.user 7:8 \
    --architecture "${3:-amd64}"
}

# push NAME [SKOPEO OPTION…]: to $REGISTRY/test/NAME:latest.
push() {
  local name=$1
  shift
  skopeo copy --insecure-policy --dest-tls-verify=false "$@" "oci:$TMP/layout:$name" "docker://$REGISTRY/test/$name:latest"
}

# A proxy between container and registry (registry_proxy.py) that does what the registry itself will not.
# start_proxy NAME KEY=VALUE…: sets PROXY to its address.
start_proxy() {
  local name=$1 port
  shift
  port=$(free_port)
  PROXY=127.0.0.1:$port
  start_daemon "$name" python3 "$(dirname "${BASH_SOURCE[0]}")/registry_proxy.py" "$port" "$REGISTRY" "$TMP/$name.requests" "$@"
  wait_until 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port"
}

container() {
  applet container --root "$TMP/store" "$@"
}

auth_file() {
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$1" "$(printf '%s' "$2" | base64)" >"$TMP/auth.json"
}

# The unpacked layers of an image, lowest first.
layers_of() {
  container images --json | jq -r --arg r "$1" '.[] | select(.image == $r) | .layers[]' |
    sed "s|^sha256:|$TMP/store/layers/|"
}

expect_nothing_stored() {
  expect_eq "$(container images --json)" "[]" "images"
  expect_eq "$(ls "$TMP/store/blobs/sha256" "$TMP/store/layers" 2>/dev/null | grep -Ec '^[0-9a-f]{64}$' || true)" "${1:-0}" \
    "blobs and layers"
  expect_eq "$(find "$TMP/store/tmp" -name 'unpack-*' 2>/dev/null | wc -l)" 0 "half-unpacked layers"
}
