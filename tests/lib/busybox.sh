# busybox to put into containers: as an image that `container` has, and as a bundle. Sourced after test.sh.
#
#   busybox_tree DIRECTORY       a root tree: a static busybox with all of its names, two users, /var/run as a link
#   busybox_image DIRECTORY [OPTION…]  makes $BUSYBOX in the store DIRECTORY, by way of a registry on loopback; with these
#                                of `umoci config`
#   busybox_bundle DIRECTORY     a bundle with our own example as config.json, its root writable
#   edit_bundle DIRECTORY FILTER changes its config.json with jq
# shellcheck shell=bash

BUSYBOX=127.0.0.1:5000/busybox:latest

busybox_tree() {
  local name
  mkdir -p "$1"/{bin,etc,tmp,root,run,var}
  ln -s ../run "$1/var/run"
  cp /usr/bin/busybox "$1/bin/busybox"
  for name in $(busybox --list | grep -vx busybox); do ln -s busybox "$1/bin/$name"; done
  printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$1/etc/passwd"
  printf 'root:x:0:\napp:x:1000:\nwheel:x:10:app\n' >"$1/etc/group"
}

busybox_image() {
  local work registry
  work=$(mktemp -d "$1.XXXXXX")
  umoci init --layout "$work/oci"
  umoci new --image "$work/oci:busybox"
  busybox_tree "$work/tree"
  umoci insert --image "$work/oci:busybox" "$work/tree" / 2>/dev/null
  umoci config --image "$work/oci:busybox" --config.cmd /bin/sh --config.env FROM_IMAGE=yes "${@:2}"
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 127.0.0.1:5000}\n' "$work/registry" >"$work/registry.yml"
  docker-registry serve "$work/registry.yml" >/dev/null 2>&1 &
  registry=$!
  wait_until 20 curl -fsS http://127.0.0.1:5000/v2/
  skopeo copy --quiet --dest-tls-verify=false "oci:$work/oci:busybox" "docker://$BUSYBOX"
  applet container --root "$1" fetch --insecure-registry 127.0.0.1:5000 "$BUSYBOX" >/dev/null 2>&1
  kill "$registry"
  wait "$registry" || true
  rm -r "$work"
}

busybox_bundle() {
  mkdir -p "$1"
  busybox_tree "$1/rootfs"
  applet oci-runtime spec -b "$1"
  edit_bundle "$1" '.root.readonly = false'
}

edit_bundle() {
  jq "$2" "$1/config.json" >"$1/new.json"
  mv "$1/new.json" "$1/config.json"
}
