# A test file with a machine to itself, as far as the kernel can give one: network, processes, mounts and cgroups of its own, so that
# what it sees of containers is all its own, and nothing of it is left whatever happens. Sourced before test.sh, its function called at once:
#
#   . "$(dirname "$0")/../lib/own_machine.sh"
#   own_machine "$@"
#
# The file runs again, as process 1 of that machine; $OWN_MACHINE is a directory that its tests share. /proc, /sys and /sys/fs/cgroup show
# that machine alone.
# shellcheck shell=bash

own_machine() {
  [[ ! ${OWN_MACHINE:-} && ${1:-} != --list && ${1:-} != --help ]] || return 0
  local mount cgroup status=0
  for mount in /sys/fs/cgroup /sys/fs/cgroup/unified; do [[ ! -e $mount/cgroup.subtree_control ]] || break; done
  cgroup=$mount/clusteros-test.$$
  mkdir "$cgroup" || { echo "$0: no cgroup v2 to work in" >&2 && exit 1; }
  OWN_MACHINE=$(mktemp -d "${TMPDIR:-/tmp}/own-machine.XXXXXX")
  export OWN_MACHINE
  # In its cgroup before the cgroup namespace is made, which makes that directory the root.
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec unshare --net --ipc --uts --pid --mount --cgroup --fork --kill-child bash -ec '
      mount --make-rprivate /
      mount -t proc -o nosuid,nodev,noexec proc /proc
      mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
      mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
      ip link set lo up
      exec bash "$@"' own_machine "$0" "$@"
  ) || status=$?
  # What still dies leaves its cgroup a moment later.
  for _ in {1..100}; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    [[ -d $cgroup ]] || break
    sleep 0.05
  done
  rm -rf --one-file-system "$OWN_MACHINE"
  [[ ! -d $cgroup ]] || { echo "$0: processes are left in $cgroup" >&2 && exit 1; }
  exit "$status"
}
