#!/usr/bin/env bash
# containerd with our runtime in place of runc: its shim (runtime type io.containerd.runc.v2), driven by ctr.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  # Shims outlive containerd: with the namespace of processes they go, whatever happens.
  exec env OCI_SUITE=1 unshare --net --mount --pid --mount-proc --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"

IMAGE=example.com/busybox:test

ctr() { command ctr --address "$TMP/containerd.sock" --namespace "${TMP##*.}" "$@"; }

run_ctr() {
  ctr run --runtime io.containerd.runc.v2 --runc-binary "$TMP/runc" --runc-root "$TMP/state" --snapshotter native "$@"
}

# put FILE: into the layout's blobs; prints digest and size as members of a descriptor.
put() {
  local digest size
  digest=$(sha256sum <"$1" | cut -d' ' -f1)
  size=$(stat -c %s "$1")
  mv "$1" "$TMP/layout/blobs/sha256/$digest"
  printf '"digest": "sha256:%s", "size": %s' "$digest" "$size"
}

# An OCI layout with busybox, as a tar file.
make_layout() {
  local tree=$TMP/tree layer config manifest diff type=application/vnd.oci.image
  mkdir -p "$tree"/{bin,usr/bin,tmp,etc,proc,sys,dev,run} "$TMP/layout/blobs/sha256"
  cp /usr/bin/busybox "$tree/usr/bin/"
  busybox --install -s "$tree/bin"
  tar -C "$tree" --owner 0 --group 0 -cf "$TMP/layer" .
  diff=$(sha256sum <"$TMP/layer" | cut -d' ' -f1)
  layer=$(put "$TMP/layer")
  echo "{\"architecture\": \"amd64\", \"os\": \"linux\", \"config\": {\"Env\": [\"PATH=/bin\"], \"Cmd\": [\"sh\"]},
    \"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:$diff\"]}}" >"$TMP/config"
  config=$(put "$TMP/config")
  echo "{\"schemaVersion\": 2, \"mediaType\": \"$type.manifest.v1+json\", \"config\": {\"mediaType\": \"$type.config.v1+json\", $config},
    \"layers\": [{\"mediaType\": \"$type.layer.v1.tar\", $layer}]}" >"$TMP/manifest"
  manifest=$(put "$TMP/manifest")
  echo "{\"schemaVersion\": 2, \"manifests\": [{\"mediaType\": \"$type.manifest.v1+json\", $manifest,
    \"annotations\": {\"org.opencontainers.image.ref.name\": \"$IMAGE\"}}]}" >"$TMP/layout/index.json"
  echo '{"imageLayoutVersion": "1.0.0"}' >"$TMP/layout/oci-layout"
  tar -C "$TMP/layout" -cf "$TMP/image.tar" .
}

start_containerd() {
  ln -s "$CLUSTERCTL" "$TMP/runc"
  make_layout
  cat >"$TMP/containerd.toml" <<END
version = 2
root = "$TMP/containerd/root"
state = "$TMP/containerd/state"
required_plugins = ["io.containerd.runtime.v2.task"]
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$TMP/containerd.sock"
END
  start_daemon containerd containerd --config "$TMP/containerd.toml"
  wait_until 20 ctr version
  ctr images import --snapshotter native "$TMP/image.tar" >"$TMP/import.log" 2>&1
}

test_run_exec_pause_kill_and_remove() {
  start_containerd
  expect_eq "$(expect_fail 3 run_ctr --rm "$IMAGE" one sh -c 'echo out; id -u; exit 3')" $'out\n0'
  expect_match "$(expect_fail 1 run_ctr --rm "$IMAGE" one nosuch 2>&1)" 'OCI runtime create failed: execute nosuch: No such file or directory'

  run_ctr --detach "$IMAGE" two sh -c 'sleep 1000 & exec sleep 2000'
  expect_eq "$(tasks two)" RUNNING
  expect_eq "$(expect_fail 4 ctr tasks exec --exec-id e two sh -c 'echo inside; exit 4')" inside
  wait_until 5 has_processes two 2
  ctr tasks pause two
  expect_eq "$(tasks two)" PAUSED
  ctr tasks resume two
  expect_eq "$(tasks two)" RUNNING
  ctr tasks kill --signal KILL two
  wait_until 5 stopped two
  ctr tasks delete two >/dev/null 2>&1 || (($? == 137))
  ctr containers delete two
  expect_eq "$(ctr containers list --quiet)" ""
  expect_eq "$(ls "$TMP/state"/* 2>/dev/null | grep -v : || true)" ""
}
tasks() { ctr tasks list | awk -v id="$1" '$1 == id { print $3 }'; }
stopped() { [[ $(tasks "$1") == STOPPED ]]; }
has_processes() { (($(ctr tasks ps "$1" | tail -n +2 | wc -l) == $2)); }

test_a_terminal() {
  start_containerd
  expect_match "$(python3 "$ROOT/tests/lib/terminal.py" drive 30x90 'expect go' 'send x\r' -- \
    ctr --address "$TMP/containerd.sock" --namespace "${TMP##*.}" run --runtime io.containerd.runc.v2 --runc-binary "$TMP/runc" --runc-root "$TMP/state" \
    --snapshotter native --rm --tty "$IMAGE" three sh -c 'tty; until stty size 2>&1 | grep "30 90"; do :; done; echo go; read line; echo got $line')" $'/dev/pts/0\n30 90\ngo\nx\ngot x'
}

run_tests "$@"
