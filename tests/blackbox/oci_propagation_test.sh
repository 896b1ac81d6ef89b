#!/usr/bin/env bash
# oci-runtime: what is mounted for a container and in it does not appear on the host, also where the host's mounts are shared.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --mount --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"


# bundle FILTER: all of it, and the volume, on a mount that passes on what is mounted below it.
bundle() {
  local tree=$TMP/shared/bundle/rootfs name
  mkdir -p "$TMP/shared"
  mount -t tmpfs -o mode=755 shared "$TMP/shared"
  trap 'oci_clean_up; umount -l "$TMP/shared"' EXIT
  mount --make-shared "$TMP/shared"
  chmod 755 "$TMP"
  mkdir -p "$tree"/{bin,proc,sys,dev,tmp,data} "$TMP/shared/data/below"
  cp /usr/bin/busybox "$tree/bin/busybox"
  for name in sh mount touch; do ln -s busybox "$tree/bin/$name"; done
  oci spec -b "$TMP/shared/bundle"
  jq --arg data "$TMP/shared/data" '.root.readonly = false
    | .process.args = ["sh", "-c", "mount -t tmpfs inside /data/below && touch /data/below/written && mount -t tmpfs inside /tmp && touch /tmp/written"]
    | .process.capabilities |= map_values(. + ["CAP_SYS_ADMIN"])
    | .mounts += [{destination: "/data", type: "bind", source: $data, options: ["rbind"]}] | '"$1" \
    "$TMP/shared/bundle/config.json" >"$TMP/new.json"
  mv "$TMP/new.json" "$TMP/shared/bundle/config.json"
}

check() {
  bundle "$1"
  local before
  before=$(cut -d ' ' -f 5 /proc/self/mountinfo)
  oci run -b "$TMP/shared/bundle" "propagation-$$-$RANDOM"
  expect_eq "$(cut -d ' ' -f 5 /proc/self/mountinfo)" "$before"
  expect_eq "$(ls -A "$TMP/shared/data/below" "$TMP/shared/bundle/rootfs/tmp" | grep written || true)" ""
}

test_without_a_user_namespace() { check .; }

test_with_a_user_namespace() {
  check '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
    | .linux.gidMappings = .linux.uidMappings'
}

run_tests "$@"
