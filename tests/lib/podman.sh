# podman with our runtime, all its state in $TMP: no network, no systemd, no storage of the machine. Sourced after test.sh.
# shellcheck shell=bash

# prepare_podman: the image localhost/busybox:test, and the function podman.
prepare_podman() {
  local tree=$TMP/tree
  ln -s "$CLUSTERCTL" "$TMP/runc"
  mkdir -p "$tree"/{bin,usr/bin,tmp,etc,proc,sys,dev,run}
  cp /usr/bin/busybox "$tree/usr/bin/"
  busybox --install -s "$tree/bin"
  cat >"$TMP/containers.conf" <<END
[containers]
# The controllers of this machine may belong to cgroup v1.
pids_limit = 0
log_driver = "k8s-file"
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
  export CONTAINERS_CONF=$TMP/containers.conf
  tar -C "$tree" --owner 0 --group 0 -c . | podman import --quiet - busybox:test >/dev/null
}

podman() {
  command podman --root "$TMP/graph" --runroot "$TMP/runroot" --tmpdir "$TMP/libpod" --storage-driver vfs \
    --runtime "$TMP/runc" "$@"
}

# end_podman: its containers, their helpers and what it mounted. For the end of a test, also of one that has failed.
end_podman() {
  podman pod rm --all --force --time 0 >/dev/null 2>&1 || true
  podman rm --all --force --time 0 >/dev/null 2>&1 || true
  podman rmi --all --force >/dev/null 2>&1 || true
  umount -R "$TMP/graph" "$TMP/runroot" 2>/dev/null || true
}
