#!/usr/bin/env bash
# container fetch, images, rmi against a real registry (docker-registry) with images made by umoci and skopeo: what
# arrives is what was pushed, what is damaged is refused, what was cut off goes on, and what is here is not fetched again.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/registry.sh"

test_fetches_what_was_pushed() {
  start_registry
  make_image app
  push app
  local digest want layer random
  digest=$(container fetch "$REGISTRY/test/app" 2>"$TMP/progress")
  want=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/test/app")
  expect_eq "$digest" "$want" digest
  expect_match "$(<"$TMP/progress")" 'layer 1/2 [0-9a-f]{12}: fetching'
  expect_match "$(<"$TMP/progress")" 'layer 2/2 [0-9a-f]{12}: done, '
  layer=$(layers_of "$REGISTRY/test/app:latest" | head -n 1)
  random=$(layers_of "$REGISTRY/test/app:latest" | tail -n 1)
  cmp /bin/busybox "$layer/bin/busybox"
  cmp "$TMP/data/random" "$random/data/random"
  expect_eq "$(stat -c '%a %u' "$layer/bin/busybox")" "4755 0" "mode and owner"
  expect_eq "$(readlink "$layer/bin/sh")" busybox link
  expect_match "$(container images)" "$REGISTRY/test/app +latest +${digest:7:12} "
  expect_eq "$(container images -q)" "$digest"
}

test_second_fetch_takes_only_the_manifest() {
  start_registry
  make_image app
  push app
  start_proxy front
  container fetch "$PROXY/test/app"
  : >"$TMP/front.requests"
  expect_match "$(container fetch "$PROXY/test/app" 2>&1)" 'up to date'
  expect_eq "$(<"$TMP/front.requests")" "GET /v2/test/app/manifests/latest none whole" requests
  # What a digest names cannot change: nobody is asked.
  local digest
  digest=$(container images -q)
  container fetch "$PROXY/test/app@$digest"
  : >"$TMP/front.requests"
  container fetch "$PROXY/test/app@$digest"
  expect_eq "$(<"$TMP/front.requests")" "" requests
}

test_layers_that_are_here_are_not_fetched_again() {
  start_registry
  make_image app
  push app
  umoci tag --image "$TMP/layout:app" more
  echo new >"$TMP/new"
  umoci insert --image "$TMP/layout:more" "$TMP/new" /new
  push more
  start_proxy front
  container fetch "$PROXY/test/app"
  : >"$TMP/front.requests"
  expect_match "$(container fetch "$PROXY/test/more" 2>&1)" 'layer 1/3 [0-9a-f]{12}: already here'
  # The configuration and the new layer.
  expect_eq "$(grep -c /blobs/ "$TMP/front.requests")" 2 "blobs fetched"
  expect_eq "$(ls "$TMP/store/layers" | wc -l)" 3 layers
}

test_zstd_layers() {
  start_registry
  make_image app
  # skopeo leaves compressed layers as they are, so through a folder without compression.
  skopeo copy --insecure-policy --dest-decompress "oci:$TMP/layout:app" "dir:$TMP/plain"
  skopeo copy --insecure-policy --dest-tls-verify=false --format oci --dest-compress-format zstd "dir:$TMP/plain" \
    "docker://$REGISTRY/test/zstd:latest"
  expect_match "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/test/zstd")" 'tar\+zstd'
  container fetch "$REGISTRY/test/zstd"
  cmp /bin/busybox "$(layers_of "$REGISTRY/test/zstd:latest" | head -n 1)/bin/busybox"
  cmp "$TMP/data/random" "$(layers_of "$REGISTRY/test/zstd:latest" | tail -n 1)/data/random"
}

test_docker_schema_2() {
  start_registry
  make_image app
  push app --format v2s2
  expect_match "$(skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/test/app")" 'docker.distribution.manifest.v2'
  container fetch "$REGISTRY/test/app"
  cmp /bin/busybox "$(layers_of "$REGISTRY/test/app:latest" | head -n 1)/bin/busybox"
}

test_whiteouts_become_overlayfs_own() {
  start_registry
  make_image app
  umoci insert --image "$TMP/layout:app" --whiteout /etc/issue
  umoci insert --image "$TMP/layout:app" --opaque "$TMP/tree/etc" /data
  push app
  container fetch "$REGISTRY/test/app"
  local -a layers
  mapfile -t layers < <(layers_of "$REGISTRY/test/app:latest")
  expect_eq "$(stat -c '%F %t:%T' "${layers[2]}/etc/issue")" "character special file 0:0"
  # fsconfig(2) takes no string of 256 bytes, so the layers get short names.
  local i lower=''
  mkdir "$TMP/merged"
  for i in "${!layers[@]}"; do
    ln -s "${layers[i]}" "$TMP/l$i"
    lower="l$i${lower:+:$lower}"
  done
  unshare --mount bash -euc 'cd "$1"; mount -t overlay overlay -o "ro,lowerdir=$2" merged; cd merged
    test ! -e etc/issue; test -x bin/busybox; test ! -e data/random; test -e data/issue' - "$TMP" "$lower"
}

# push_index ARCHITECTURE…: an index $REGISTRY/test/multi of images that were pushed as test/multi:ARCHITECTURE.
push_index() {
  local entries=() architecture raw
  for architecture in "$@"; do
    skopeo copy --insecure-policy --dest-tls-verify=false "oci:$TMP/layout:$architecture" "docker://$REGISTRY/test/multi:$architecture"
    raw=$TMP/raw.$architecture
    skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/test/multi:$architecture" >"$raw"
    entries+=("$(jq -n --arg d "sha256:$(sha256sum "$raw" | cut -d' ' -f1)" --argjson s "$(stat -c %s "$raw")" --arg a "$architecture" \
      '{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s, platform: {os: "linux", architecture: $a}}')")
  done
  printf '%s\n' "${entries[@]}" |
    jq -s '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' >"$TMP/index.json"
  curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$TMP/index.json" \
    "http://$REGISTRY/v2/test/multi/manifests/latest"
}

test_of_an_index_this_platform_is_fetched() {
  start_registry
  make_image arm64 1 arm64
  make_image amd64
  push_index arm64 amd64
  expect_eq "$(container fetch "$REGISTRY/test/multi")" "sha256:$(sha256sum "$TMP/raw.amd64" | cut -d' ' -f1)" digest
  expect_match "$(container fetch "$REGISTRY/test/multi" 2>&1)" 'up to date'
  # The index's own digest names the same image.
  container fetch "$REGISTRY/test/multi@sha256:$(sha256sum "$TMP/index.json" | cut -d' ' -f1)"
  expect_match "$(<"$(layers_of "$REGISTRY/test/multi:latest" | head -n 1)/etc/issue")" 'made for amd64'
}

test_an_image_for_another_platform_is_refused() {
  start_registry
  make_image arm64 1 arm64
  push_index arm64
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/multi" 2>&1)" 'there is no linux/amd64 image; there is: linux/arm64'
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/multi:arm64" 2>&1)" 'the image is for linux/arm64'
  expect_nothing_stored
}

test_basic_login() {
  start_registry auth
  make_image app
  push app --dest-creds jo:sesame
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/app" 2>&1)" 'asks for a login; give one with --authfile'
  auth_file "$REGISTRY" jo:wrong-password
  local text
  text=$(expect_fail 1 container fetch --authfile "$TMP/auth.json" "$REGISTRY/test/app" 2>&1)
  expect_match "$text" 'refuses access'
  [[ $text != *wrong-password* ]] || fail "the password is in the message"
  auth_file "$REGISTRY" jo:sesame
  container fetch --authfile "$TMP/auth.json" "$REGISTRY/test/app"
  cmp /bin/busybox "$(layers_of "$REGISTRY/test/app:latest" | head -n 1)/bin/busybox"
}

test_token_login_that_ends_at_a_redirect() {
  start_registry
  make_image app
  push app
  start_proxy storage
  local storage=$PROXY
  start_proxy front token=1 "redirect=$storage"
  auth_file "$PROXY" jo:sesame
  container fetch --authfile "$TMP/auth.json" "$PROXY/test/app"
  expect_match "$(<"$TMP/front.requests")" 'GET /token\?scope=repository%3Atest%2Fapp%3Apull&service=test Basic'
  expect_match "$(<"$TMP/front.requests")" 'GET /v2/test/app/blobs/[^ ]* Bearer'
  expect_match "$(<"$TMP/storage.requests")" 'GET /v2/test/app/blobs/[^ ]* none'
  expect_eq "$(grep -Ec 'Bearer|Basic' "$TMP/storage.requests" || true)" 0 "requests of the other host with our login"
  auth_file "$PROXY" jo:wrong
  expect_match "$(expect_fail 1 container --root "$TMP/other" fetch --authfile "$TMP/auth.json" "$PROXY/test/app" 2>&1)" \
    'log in for .* answers 401'
}

test_a_damaged_blob_is_refused() {
  start_registry
  make_image app
  push app
  local blob
  # The largest one is the layer of random bytes.
  blob=$(find "$TMP/registry" -path '*/blobs/*' -name data -printf '%s %p\n' | sort -n | tail -n 1 | cut -d' ' -f2)
  flip_byte "$blob" 700000
  expect_match "$(expect_fail 1 container fetch --quiet "$REGISTRY/test/app" 2>&1)" 'does not match this digest'
  # The other layer may be there already, or a part of it: the next fetch needs it.
  expect_eq "$(container images --json)" "[]" images
  expect_eq "$(find "$TMP/store/blobs" -type f | wc -l)" 0 blobs
  expect_eq "$(find "$TMP/store/tmp" -name "*$(basename "$(dirname "$blob")")*" | wc -l)" 0 "parts of the damaged blob"
  [[ $(ls "$TMP/store/layers" | wc -l) -le 1 ]] || fail "a damaged layer was kept"
}

test_a_damaged_manifest_is_refused() {
  start_registry
  make_image app
  push app
  local digest blob
  digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/test/app")
  blob=$TMP/registry/docker/registry/v2/blobs/sha256/${digest:7:2}/${digest:7}/data
  sed -i 's/"schemaVersion":2/"schemaVersion": 2/' "$blob"
  # The registry may notice by itself; served or not, nothing is stored.
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/app" 2>&1)" 'does not match its digest|the registry answers'
  expect_nothing_stored
}

test_goes_on_where_the_connection_broke() {
  start_registry
  make_image app 3
  push app
  start_proxy front cuts=2
  local text
  text=$(container fetch "$PROXY/test/app" 2>&1)
  expect_match "$text" 'trying again from byte 500000'
  expect_match "$(<"$TMP/front.requests")" 'bytes=500000-'
  cmp "$TMP/data/random" "$(layers_of "$PROXY/test/app:latest" | tail -n 1)/data/random"
}

parts_have_bytes() {
  [[ $(find "$TMP/store/tmp" -name 'blob-*.part' -size +400k | wc -l) -ge 1 ]]
}

test_goes_on_after_it_was_killed() {
  start_registry
  make_image app 3
  push app
  start_proxy hanging hang=1
  start_daemon fetch applet container --root "$TMP/store" fetch "$PROXY/test/app"
  local victim=$PID
  wait_until 20 parts_have_bytes
  stop_daemon "$victim" KILL
  expect_eq "$(container images --json)" "[]" images
  start_proxy front
  container fetch "$PROXY/test/app"
  expect_match "$(<"$TMP/front.requests")" 'bytes=[1-9][0-9]*-'
  cmp "$TMP/data/random" "$(layers_of "$PROXY/test/app:latest" | tail -n 1)/data/random"
  expect_eq "$(find "$TMP/store/tmp" -mindepth 1 | wc -l)" 0 "leftovers"
}

test_a_damaged_part_is_fetched_anew() {
  start_registry
  make_image app 3
  push app
  start_proxy hanging hang=1
  start_daemon fetch applet container --root "$TMP/store" fetch "$PROXY/test/app"
  local victim=$PID part
  wait_until 20 parts_have_bytes
  stop_daemon "$victim" KILL
  # The other layer may not have begun.
  while IFS= read -r part; do flip_byte "$part" 100; done < <(find "$TMP/store/tmp" -name 'blob-*.part' -size +1k)
  container fetch "$REGISTRY/test/app"
  cmp "$TMP/data/random" "$(layers_of "$REGISTRY/test/app:latest" | tail -n 1)/data/random"
}

test_two_fetches_of_one_image_at_once() {
  start_registry
  make_image app 4
  push app
  start_proxy front
  local -a pids=()
  local i
  for i in 1 2 3; do
    start_daemon "fetch$i" applet container --root "$TMP/store" fetch "$PROXY/test/app"
    pids+=("$PID")
  done
  for i in "${pids[@]}"; do wait "$i"; done
  # The layers came once; the configuration may have come to each.
  expect_eq "$(grep /blobs/ "$TMP/front.requests" | sort | uniq -c | awk '$1 == 1' | wc -l)" 2 "layers fetched once"
  cmp "$TMP/data/random" "$(layers_of "$PROXY/test/app:latest" | tail -n 1)/data/random"
}

# Whichever write of whichever thread meets the end first, a layer's or the database's.
test_a_full_disk_is_one_clear_line() {
  start_registry
  make_image app 12
  push app
  mkdir "$TMP/small"
  local text size
  for size in 1 2 4 5 6 7 8 9 10 11; do
    text=$(unshare --mount bash -c '
      mount -t tmpfs -o size=$4m tmpfs "$1/small"
      "$2" container --root "$1/small/store" fetch --quiet "$3/test/app" && exit 99
      "$2" container --root "$1/small/store" images --json
      find "$1/small/store/tmp" -size +1k' - "$TMP" "$CLUSTERCTL" "$REGISTRY" "$size" 2>&1)
    expect_match "$text" 'No space left on device'
    expect_eq "$(wc -l <<<"$text")" 2 "lines (the error, and the empty list), of $size MB"
    expect_match "$text" '\[\]$'
  done
}

# In a mount namespace where the names registry.test and other.test are this machine.
with_names() {
  printf '127.0.0.1 localhost registry.test other.test\n' >"$TMP/hosts"
  unshare --mount bash -euc 'mount --bind "$1" /etc/hosts; shift; exec "$@"' - "$TMP/hosts" "$@"
}

test_https_with_the_right_certificate_only() {
  start_registry tls
  make_image app
  push app
  local port=${REGISTRY##*:}
  local -a fetch=(with_names "$CLUSTERCTL" container --root "$TMP/store" fetch)
  expect_match "$(expect_fail 1 "${fetch[@]}" "registry.test:$port/test/app" 2>&1)" 'TLS handshake with .*certificate'
  expect_match "$(expect_fail 1 "${fetch[@]}" --ca-file "$TMP/tls.pem" "other.test:$port/test/app" 2>&1)" 'TLS handshake'
  expect_nothing_stored
  "${fetch[@]}" --ca-file "$TMP/tls.pem" "registry.test:$port/test/app"
  cmp /bin/busybox "$(layers_of "registry.test:$port/test/app:latest" | head -n 1)/bin/busybox"
}

test_plain_http_only_where_it_was_allowed() {
  start_registry
  make_image app
  push app
  local port=${REGISTRY##*:}
  local -a fetch=("$CLUSTERCTL" container --root "$TMP/store" fetch)
  expect_match "$(expect_fail 1 with_names "${fetch[@]}" "registry.test:$port/test/app" 2>&1)" 'TLS handshake'
  expect_match "$(expect_fail 1 with_names "${fetch[@]}" --insecure-registry other.test "registry.test:$port/test/app" 2>&1)" \
    'TLS handshake'
  expect_nothing_stored
  with_names "${fetch[@]}" --insecure-registry "registry.test:$port" "registry.test:$port/test/app"
  CONTAINER_INSECURE_REGISTRIES=registry.test,other.test with_names "${fetch[@]}" "other.test:$port/test/app"
}

test_errors_name_what_is_wrong() {
  start_registry
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/none" 2>&1)" '404 Not Found for latest \((MANIFEST|NAME)_UNKNOWN'
  expect_match "$(expect_fail 1 container fetch "$REGISTRY/test/UPPER" 2>&1)" "'UPPER' is not allowed"
  expect_match "$(expect_fail 1 container fetch "127.0.0.1:$(free_port)/x" 2>&1)" 'Connection refused'
  expect_match "$(expect_fail 1 container fetch --authfile "$TMP/none.json" "$REGISTRY/x" 2>&1)" 'none.json'
  expect_match "$(expect_fail 2 container fetch 2>&1)" 'IMAGE|argument'
  expect_fail 2 container fetch --insecure "$REGISTRY/x"
  expect_fail 2 applet container --root relative images
}

test_rmi_frees_what_nothing_else_needs() {
  start_registry
  make_image app
  push app
  umoci tag --image "$TMP/layout:app" more
  umoci insert --image "$TMP/layout:more" /etc/hostname /new
  push more
  container fetch "$REGISTRY/test/app" "$REGISTRY/test/more"
  expect_eq "$(ls "$TMP/store/layers" | wc -l)" 3 layers
  expect_eq "$(container rmi "$REGISTRY/test/more")" "$REGISTRY/test/more:latest"
  expect_eq "$(ls "$TMP/store/layers" | wc -l)" 2 layers
  expect_match "$(expect_fail 1 container rmi "$REGISTRY/test/more" 2>&1)" 'there is no such image'
  # By the first digits of its digest.
  local digest
  digest=$(container images -q)
  container rmi "${digest:7:12}"
  expect_nothing_stored
}

test_a_moved_tag_leaves_no_garbage() {
  start_registry
  make_image app
  push app
  container fetch "$REGISTRY/test/app"
  rm -r "$TMP/layout"
  make_image app
  push app
  container fetch "$REGISTRY/test/app"
  expect_eq "$(container images -q | wc -l)" 1 images
  expect_eq "$(ls "$TMP/store/layers" | wc -l)" 2 layers
  cmp "$TMP/data/random" "$(layers_of "$REGISTRY/test/app:latest" | tail -n 1)/data/random"
}

run_tests "$@"
