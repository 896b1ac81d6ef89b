# A container test's machine: a network namespace of its own (so that this machine's bridges and packet filter are left
# alone), and a small image in a store of its own. Sourced as the first thing by a test file of containers, with its
# arguments: `. "$(dirname "$0")/../lib/container.sh"`. It sources lib/test.sh and lib/busybox.sh.
#
# Variables: $IMAGE (busybox), $CONTAINER_SUITE (a directory that all tests of the file share).
# Verbs: container, run, run_sh, check_no_leaks.
# shellcheck shell=bash

# The first call prepares what all tests of the file share: the namespace, and the image.
if [[ ! ${CONTAINER_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  CONTAINER_SUITE=$(mktemp -d "${TMPDIR:-/tmp}/container-suite.XXXXXX")
  export CONTAINER_SUITE
  trap 'rm -rf --one-file-system "$CONTAINER_SUITE"' EXIT
  # A session of its own: it goes as a whole, whatever happens.
  unshare --net --fork --kill-child bash "$0" "$@"
  exit
fi

. "$(dirname "${BASH_SOURCE[0]}")/test.sh"

. "$(dirname "${BASH_SOURCE[0]}")/busybox.sh"

IMAGE=$BUSYBOX
export CLUSTEROS_RUNTIME_ROOT=$CONTAINER_SUITE/root
export CLUSTEROS_RUNTIME_STATE=$CONTAINER_SUITE/state

if [[ ${1:-} != --* && ! -d $CONTAINER_SUITE/root ]]; then
  ip link set lo up
  busybox_image "$CLUSTEROS_RUNTIME_ROOT" >/dev/null || exit 1
fi

container() { applet container "$@"; }
run() { applet container run --rm "$@"; }
# The application's own view: run_sh SCRIPT.
run_sh() { run "$IMAGE" sh -c "$1"; }

# Nothing of any container is left: mounts, processes, links, port elements, cgroups, addresses, files.
check_no_leaks() {
  expect_eq "$(grep -c "$CONTAINER_SUITE" /proc/self/mountinfo || true)" 0 "mounts"
  wait_until 5 no_links_are_left
  expect_eq "$(nft list map ip clusteros tcp_ports 2>/dev/null | grep -c elements || true)" 0 "published ports"
  expect_eq "$(find "$CLUSTEROS_RUNTIME_ROOT/containers" -mindepth 1 | wc -l)" 0 "writable layers"
  expect_eq "$(find "$CLUSTEROS_RUNTIME_STATE" -mindepth 1 -type d | wc -l)" 0 "state directories"
  expect_eq "$(jq -c .ranges "$CLUSTEROS_RUNTIME_ROOT/ids.json")" '{}' "ids"
  [[ ! -e $CLUSTEROS_RUNTIME_STATE/.network.json ]] ||
    expect_eq "$(jq -c 'del(.[keys[] | select(startswith("cv"))])' "$CLUSTEROS_RUNTIME_STATE/.network.json")" "{}" "addresses"
}
# The kernel takes a link away with its network namespace, a moment after the last process in it.
no_links_are_left() { [[ ! $(ip -o link show type veth) ]]; }
