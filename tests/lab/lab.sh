# The light lab: nodes with a real systemd as PID 1 in namespaces, in about a second each, joined by a bridge.
# Sourced by tests after tests/lib/test.sh. Needs root and the SDK's tree as "/" (./dev test runs tests there).
#
#   lab_network                 a bridge in a network namespace of the lab; nodes started after it get 10.99.0.N
#   lab_start NAME              makes the node on first use, boots it, waits until systemd has started everything
#   lab_run NAME COMMAND...     runs a command inside the node; its exit code
#   lab_copy NAME FILE PATH     puts a file or tree into the node (running or not)
#   lab_stop NAME               orderly shutdown; lab_kill NAME: power cut; lab_reboot NAME: stop and start, same disk
#   lab_install NAME            our binary as /usr/bin/clusterctl with its applets, and the image's units, enabled
#   lab_cloud_config NAME FILE  the cloud-config that bootstrap reads at the node's next boot
#   lab_outside COMMAND...      runs a command on the lab's network outside of every node (address 10.99.0.254)
#   lab_address NAME            prints the node's address
#   lab_disk NAME               prints the directory to write the node's files to from outside
#   lab_log NAME                prints the node's journal, also of a node that is down
#
# A node is a machine of our own runtime (`container run --boot`): the SDK's tree as its root, the node's disk as the container's
# writable layer, without a user namespace, since containers run inside of nodes. The process that keeps it is a child of the test, so
# that the node dies with it, also when the test itself is killed: then the next lab of the same `./dev test`
# tells the runtime to settle what is left.
# These functions work on the test's own shell: call none of those that start something in $(…).
# shellcheck shell=bash

# Not below $TMP, which goes with a test that is killed: the next lab reads there what is to be taken back.
LAB=${TMPDIR:-/tmp}/clusteros-lab.$$
LAB_BOOT_DEADLINE=${LAB_BOOT_DEADLINE:-40}
LAB_STOP_DEADLINE=${LAB_STOP_DEADLINE:-20}

# Says why light nodes cannot run here, or nothing.
lab_obstacle() {
  [ "$(id -u)" = 0 ] || { echo "light nodes need root"; return; }
  [ -x /usr/lib/systemd/systemd ] || { echo "there is no systemd in this tree"; return; }
  [ -n "$(lab_cgroup_root)" ] || { echo "there is no cgroup v2 mount"; return; }
  grep -qw overlay /proc/filesystems || { echo "the kernel has no overlay file system"; return; }
  unshare --mount --pid --net --uts --ipc --cgroup --fork true 2>/dev/null || echo "namespaces are not permitted here"
}

# Where the hierarchy of cgroup v2 is: alone, or beside version 1.
lab_cgroup_root() {
  local directory
  for directory in /sys/fs/cgroup /sys/fs/cgroup/unified; do
    if [ -e "$directory/cgroup.subtree_control" ]; then
      echo "$directory"
      return
    fi
  done
}

# Every function comes through here first: the lab of this test, made on first use.
lab_open() {
  [ ! -e "$LAB" ] || return 0
  local obstacle
  obstacle=$(lab_obstacle)
  [ -z "$obstacle" ] || skip "$obstacle"
  mkdir "$LAB"
  LAB_NODES=()
  LAB_NETWORK_PID=
  trap lab_cleanup EXIT
  lab_settle_others
}

# The labs of tests that were killed: their nodes are dead, what the runtime has written down of them is taken back.
lab_settle_others() {
  local stale id
  for stale in "${TMPDIR:-/tmp}"/clusteros-lab.*; do
    [ -e "$stale" ] && [ ! -e "/proc/${stale##*.}" ] || continue
    for id in $(LAB=$stale lab_container ps -aq); do LAB=$stale lab_container rm -f "$id" >/dev/null; done
    rm -rf --one-file-system "$stale"
  done
}

# The runtime, with a store of this lab's own.
lab_container() { "$CLUSTERCTL" container "$1" --root "$LAB/machines" --state "$LAB/state" "${@:2}"; }

# lab_within SECONDS COMMAND...: like wait_until, but an exit code, so that the caller can say what was the matter.
lab_within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -le "$deadline" ] || return 1
    sleep 0.02
  done
}

lab_network() {
  lab_open
  setpriv --pdeathsig KILL unshare --net sleep infinity &
  LAB_NETWORK_PID=$!
  disown
  # unshare has done its work when the process is in another namespace.
  lab_within 5 lab_network_is_apart || fail "no network namespace for the lab"
  lab_outside ip link set lo up
  lab_outside ip link add lab type bridge
  lab_outside ip addr add 10.99.0.254/24 dev lab
  lab_outside ip link set lab up
}

lab_network_is_apart() {
  local theirs
  theirs=$(readlink "/proc/$LAB_NETWORK_PID/ns/net") && [ "$theirs" != "$(readlink /proc/self/ns/net)" ]
}

lab_outside() { nsenter --target "$LAB_NETWORK_PID" --net -- "$@"; }

lab_address() { cat "$LAB/$1/address"; }

# A running node's files are seen through its PID 1: the overlay must not change under it.
lab_disk() {
  if lab_is_running "$1"; then echo "/proc/$(cat "$LAB/$1/pid")/root"; else echo "$LAB/machines/containers/$(cat "$LAB/$1/id")/upper"; fi
}

lab_is_running() { [ -e "$LAB/$1/pid" ] && kill -0 "$(cat "$LAB/$1/pid")" 2>/dev/null; }

# The node's directory and its disk as it is before the first boot.
lab_create() {
  lab_open
  local name=$1 node=$LAB/$1 disk system unit link
  [ -e "$node" ] && return
  LAB_NODES+=("$name")
  mkdir -p "$node"
  [ -z "$LAB_NETWORK_PID" ] || echo "10.99.0.${#LAB_NODES[@]}" >"$node/address"
  # All rights, and /proc and /sys as they are: what runs in a node makes containers of its own.
  lab_container create --name "$name" --hostname "$name" --boot --userns host --net none --cap-add ALL --security-opt seccomp=unconfined \
    --security-opt systempaths=unconfined --device /dev/fuse --device /dev/net/tun --entrypoint /lab-init / >"$node/id" 2>"$node/console.log" ||
    fail "node $name cannot be made: $(cat "$node/console.log")"
  disk=$(lab_disk "$name")
  cp "$ROOT/tests/lab/node_init.sh" "$disk/lab-init"
  mkfifo "$disk/lab-plugged"
  system=$disk/etc/systemd/system
  mkdir -p "$system" "$disk/etc/systemd/network"
  systemd-id128 new >"$disk/etc/machine-id"
  echo "$name" >"$disk/etc/hostname"
  printf '[Match]\nName=eth0\n[Link]\nUnmanaged=yes\n' >"$disk/etc/systemd/network/05-lab.network"
  # What the SDK happens to have enabled is no business of a node: a character device 0:0 hides the link below.
  for link in /etc/systemd/system/*.wants/*; do
    case $link in
      */ssh.service | */systemd-resolved.service | */sshd-keygen.service) ;;
      *)
        mkdir -p "$disk/$(dirname "$link")"
        mknod "$disk/$link" c 0 0
        ;;
    esac
  done
  # And what makes no sense without hardware, or costs seconds.
  for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    getty.target console-getty.service systemd-networkd-wait-online.service systemd-firstboot.service ldconfig.service \
    systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-machine-id-commit.service \
    systemd-modules-load.service kmod-static-nodes.service dev-hugepages.mount dev-mqueue.mount \
    sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    proc-sys-fs-binfmt_misc.automount systemd-binfmt.service systemd-boot-random-seed.service systemd-random-seed.service \
    systemd-pcrmachine.service systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-repart.service \
    systemd-tpm2-setup.service systemd-tpm2-setup-early.service systemd-bootctl.socket systemd-importd.socket \
    systemd-pcrextend.socket systemd-pcrlock.socket systemd-hibernate-clear.service systemd-sysctl.service; do
    ln -s /dev/null "$system/$unit"
  done
  ln -s /usr/lib/systemd/system/multi-user.target "$system/default.target"
}

lab_start() {
  lab_create "$1"
  local name=$1 node=$LAB/$1 address
  ! lab_is_running "$name" || fail "node $name runs already"
  # It dies with this shell, and takes the node along.
  setpriv --pdeathsig KILL "$CLUSTERCTL" container start --root "$LAB/machines" --state "$LAB/state" --attach "$name" \
    </dev/null >"$node/console.log" 2>&1 &
  echo "$!" >"$node/parent"
  disown
  lab_within 20 lab_pid_is_known "$name" || fail "node $name did not start: $(cat "$node/console.log")"
  if [ -n "$LAB_NETWORK_PID" ]; then
    address=$(lab_address "$name")
    lab_outside ip link add "lab-$name" type veth peer name eth0 netns "$(cat "$node/pid")"
    lab_outside ip link set "lab-$name" master lab up
    lab_plug "$name" ip addr add "$address/24" dev eth0
    lab_plug "$name" ip link set eth0 up
    lab_plug "$name" ip route add default via 10.99.0.254
  fi
  timeout 10 bash -c 'echo yes >"$1"' bash "$(lab_disk "$name")/lab-plugged" || fail "node $name does not wait: $(cat "$node/console.log")"
  lab_within "$LAB_BOOT_DEADLINE" lab_boot_has_ended "$name" && lab_has_booted "$name" ||
    fail "node $name did not boot in $LAB_BOOT_DEADLINE s: $(cat "$node/console.log") $(lab_log "$name" | tail -n 30)"
}

lab_plug() { nsenter --target "$(cat "$LAB/$1/pid")" --net -- "${@:2}"; }

lab_pid_is_known() {
  local pid
  pid=$(lab_container inspect "$1" | jq -r '.[0] | select(.status == "running") | .pid')
  [ -n "$pid" ] && echo "$pid" >"$LAB/$1/pid"
}

lab_boot_has_ended() { ! lab_is_running "$1" || lab_has_booted "$1"; }

lab_has_booted() {
  case $(lab_run "$1" systemctl is-system-running 2>/dev/null || true) in
    running | degraded) return 0 ;;
    *) return 1 ;;
  esac
}

lab_run() {
  local name=$1
  shift
  lab_is_running "$name" || { echo "lab: node $name is not running" >&2; return 125; }
  lab_container exec --interactive "$name" \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
}

lab_copy() {
  local name=$1 from=$2 to=$3 disk
  lab_create "$name"
  disk=$(lab_disk "$name")
  mkdir -p "$disk/$(dirname "$to")"
  cp -a "$from" "$disk/$to"
}

lab_log() {
  if lab_is_running "$1"; then lab_run "$1" journalctl --no-pager -b; else journalctl --no-pager -D "$(lab_disk "$1")/var/log/journal"; fi
}

lab_stop() {
  local name=$1
  lab_is_running "$name" || return 0
  lab_container stop -t "$LAB_STOP_DEADLINE" "$name" >/dev/null
  lab_within 10 lab_is_down "$name" || lab_kill "$name"
  lab_forget "$name"
}

lab_kill() {
  local name=$1
  ! lab_is_running "$name" || kill -KILL "$(cat "$LAB/$name/pid")"
  lab_within 10 lab_is_down "$name" || fail "node $name does not die"
  lab_forget "$name"
}

# Down means that the process which kept it has gone too, and has taken everything back.
lab_is_down() { lib_has_ended "$(cat "$LAB/$1/parent")"; }

lab_forget() { rm -f "$LAB/$1/pid" "$LAB/$1/parent"; }

lab_reboot() {
  lab_stop "$1"
  lab_start "$1"
}

# The binary and everything of image/ that a node needs to be a ClusterOS machine.
lab_install() {
  lab_create "$1"
  local name=$1 disk program unit directory enabled=()
  disk=$(lab_disk "$name")
  mkdir -p "$disk"/usr/bin "$disk"/usr/lib/systemd/system "$disk/etc/clusteros"
  cp "$CLUSTERCTL" "$disk/usr/bin/clusterctl"
  while read -r program _; do
    [ "$program" = clusterctl ] || ln -sf clusterctl "$disk/usr/bin/$program"
  done < <("$CLUSTERCTL" --list)
  for unit in "$ROOT"/image/units/*; do
    cp -r "$unit" "$disk/usr/lib/systemd/system/"
    ! lab_is_for_node "$unit" "$disk" || enabled+=("${unit##*/}")
  done
  for directory in usr/lib/sysusers.d usr/lib/tmpfiles.d usr/lib/systemd/network usr/lib/systemd/resolved.conf.d \
    etc/ssh/sshd_config.d etc/sudoers.d; do
    [ ! -d "$ROOT/image/root/$directory" ] || { mkdir -p "$disk/$directory" && cp -r "$ROOT/image/root/$directory/." "$disk/$directory/"; }
  done
  if lab_is_running "$name"; then
    lab_run "$name" systemd-sysusers
    lab_run "$name" systemd-tmpfiles --create
    lab_run "$name" systemctl daemon-reload
    lab_run "$name" systemctl enable --quiet "${enabled[@]}"
  else
    systemctl --root="$disk" enable --quiet "${enabled[@]}"
  fi
}

# A unit that can be enabled, and whose program the binary has: it may have a single room's applets only.
lab_is_for_node() {
  local program
  grep -q '^\[Install\]' "$1" || return 1
  program=$(sed -n 's|^ExecStart=/usr/bin/\([a-z-]*\).*|\1|p' "$1")
  [ -z "$program" ] || [ -e "$2/usr/bin/$program" ]
}

# Where bootstrap.service looks for a cloud-config beside the NoCloud volume.
lab_cloud_config() {
  lab_copy "$1" "$2" /var/lib/clusteros/bootstrap/user-data
}

# The journals of a test that failed become logs of the test, which the library prints.
lab_cleanup() {
  local status=$? name
  for name in "${LAB_NODES[@]}"; do
    [ "$status" = 0 ] || lab_log "$name" >"$TMP/$name.log" 2>&1 || true
    [ ! -e "$LAB/$name/parent" ] || lab_kill "$name"
  done
  if [ -n "$LAB_NETWORK_PID" ]; then
    kill -KILL "$LAB_NETWORK_PID" 2>/dev/null || true
    lab_within 5 lib_has_ended "$LAB_NETWORK_PID"
  fi
  LAB_NODES=()
  LAB_NETWORK_PID=
  rm -rf --one-file-system "$LAB"
}
