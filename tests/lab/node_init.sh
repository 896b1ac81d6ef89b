#!/usr/bin/env bash
# The first process of a light node: makes the node's root in its own mount namespace and becomes systemd.
# Called by lab.sh through unshare(1), which has made all the namespaces; it is PID 1 of the new pid namespace already.
# Usage: node_init.sh NODE_DIRECTORY HOSTNAME
set -e
node=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# /proc is still the one outside, so this is the process id that the lab signals and enters the namespaces by.
read -r pid _ </proc/self/stat
echo "$pid" >"$node/pid.new"
mv "$node/pid.new" "$node/pid"
# The lab answers when the node's end of its network cable is plugged in.
read -r _ <"$node/plugged"

hostname "$2"
ip link set lo up
if [ -e "$node/address" ]; then
  ip addr add "$(cat "$node/address")/24" dev eth0
  ip link set eth0 up
  ip route add default via 10.99.0.254
fi

# The tree that the tests run in, without what is mounted below it, under the node's own disk.
root=$node/root
mount --bind / "$node/lower"
mount -t overlay lab -o "lowerdir=$node/lower,upperdir=$node/disk,workdir=$node/work" "$root"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"

mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
# Nodes of its own, never the host's bound here: systemd changes owners and modes of what it takes for terminals.
while read -r device major minor; do
  mkdir -p "$(dirname "$root/dev/$device")"
  mknod -m 666 "$root/dev/$device" c "$major" "$minor"
done <<'END'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
fuse 10 229
net/tun 10 200
console 1 3
END
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

mkdir -p "$root/.outside"
cd "$root"
pivot_root . .outside
umount -l /.outside
exec env -i container=clusteros PATH="$PATH" LANG=C.UTF-8 \
  /usr/lib/systemd/systemd --system --show-status=no --log-target=journal-or-kmsg
