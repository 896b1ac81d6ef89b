# A machine of the image's kernel with nothing but our binary and busybox in an initramfs: cgroup v2 with all controllers, no systemd. It runs
# one script, says on its console what that prints, and is up in seconds, also without KVM. Sourced after lib/test.sh.
#
# Verbs: machine. What is below $TMP/tree before it is called is there in the machine, too.
# shellcheck shell=bash

# bare_kernel: $TMP/vmlinuz, out of the image's UKI.
bare_kernel() {
  local images=("$ROOT"/out/clusteros_*.efi)
  [[ -f ${images[0]} ]] || skip "no UKI in out/ (./dev image makes one)"
  objcopy -O binary --only-section=.linux "${images[0]}" "$TMP/vmlinuz"
}

# machine SCRIPT: boots, runs the script as /test with a bundle in /bundle, and prints its console.
machine() {
  local tree=$TMP/tree name
  bare_kernel
  mkdir -p "$tree"/{bin,new,proc} "$tree/bundle/rootfs"/{bin,proc,sys,dev,tmp}
  cp /usr/bin/busybox "$tree/bin/busybox"
  cp "$CLUSTERCTL" "$tree/bin/oci-runtime"
  cp /usr/bin/busybox "$tree/bundle/rootfs/bin/busybox"
  for name in $(busybox --list | grep -vx busybox); do ln -s busybox "$tree/bundle/rootfs/bin/$name"; done
  applet oci-runtime spec -b "$tree/bundle"
  printf '%s\n' "$1" >"$tree/test"
  # pivot_root(2) cannot leave an initramfs: a tmpfs becomes the root first.
  cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t tmpfs -o size=400m none /new
for part in /*; do
  case $part in /new | /proc | /dev | /sys | /init) ;; *) /bin/busybox cp -a "$part" /new/ ;; esac
done
/bin/busybox cat >/new/init <<'SECOND'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 none /sys/fs/cgroup
sh /test
poweroff -f
SECOND
/bin/busybox chmod 755 /new/init
exec /bin/busybox switch_root /new /init
INIT
  chmod 755 "$tree/init"
  (cd "$tree" && find . | cpio --quiet -o -H newc) >"$TMP/initrd"
  timeout 150 qemu-system-x86_64 -machine q35,accel=tcg -m 1024 -nographic -nodefaults -serial stdio -no-reboot \
    -kernel "$TMP/vmlinuz" -initrd "$TMP/initrd" -append "console=ttyS0 quiet panic=-1" </dev/null | tr -d '\r'
}
