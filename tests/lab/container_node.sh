# A light node that has `container` and a small image. Sourced by tests after lab.sh.
#
#   node_with_image          boots node "a" with the image $IMAGE
#   in_node COMMAND...       runs a command there
#   container ARGUMENT...    runs `container` there
#   running NAME, ended NAME whether the container runs
# shellcheck shell=bash

IMAGE=127.0.0.1:5000/busybox:latest

# The node's own files are an overlay, which can be neither id-mapped nor the top of another: containers live in /run.
in_node() { lab_run a env CLUSTEROS_RUNTIME_ROOT=/run/runtime "$@"; }
container() { in_node /usr/bin/container "$@"; }

node_with_image() {
  lab_start a
  lab_copy a "$CLUSTERCTL" /usr/bin/container
  in_node bash -ec '
    cd /run && mkdir image && cd image
    printf "version: 0.1\nstorage: {filesystem: {rootdirectory: /run/image/registry}}\nhttp: {addr: 127.0.0.1:5000}\n" >registry.yml
    systemd-run --quiet --unit=registry docker-registry serve /run/image/registry.yml
    umoci init --layout oci && umoci new --image oci:b && umoci unpack --image oci:b bundle
    mkdir -p bundle/rootfs/bin && cp /usr/bin/busybox bundle/rootfs/bin/ && ln -s busybox bundle/rootfs/bin/sh
    umoci repack --image oci:b bundle
    until curl -fs http://127.0.0.1:5000/v2/; do sleep 0.1; done
    skopeo copy --dest-tls-verify=false oci:oci:b docker://127.0.0.1:5000/busybox:latest
    container fetch --insecure-registry 127.0.0.1:5000 127.0.0.1:5000/busybox' >"$TMP/setup.log" 2>&1
}

running() { container ps | grep -q " $1 .*running"; }
ended() { ! running "$1"; }
