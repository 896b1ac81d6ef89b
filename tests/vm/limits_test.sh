#!/usr/bin/env bash
# The image's kernel with nothing but our binary in an initramfs: cgroup v2 limits really hold, without systemd.
# The whole machine runs one script and says what it saw on its console; it is up in seconds, also without KVM.
. "$(dirname "$0")/../lib/test.sh"
TEST_TIMEOUT=180

# kernel: $TMP/vmlinuz, out of the image's UKI.
kernel() {
  local images=("$ROOT"/out/clusteros_*.efi)
  [[ -f ${images[0]} ]] || skip "no UKI in out/ (./dev image makes one)"
  objcopy -O binary --only-section=.linux "${images[0]}" "$TMP/vmlinuz"
}

# machine SCRIPT: boots, runs the script as /test with a bundle in /bundle, and prints its console.
machine() {
  local tree=$TMP/tree name
  kernel
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
/bin/busybox cp -a /bin /bundle /test /new/
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

# limited JSON COMMAND: a line of the guest's script that runs the command under these resources.
limited() {
  jq -n --argjson resources "$1" --arg text "$2" '{resources: $resources, text: $text}' >"$TMP/part.json"
  jq --slurpfile part "$TMP/part.json" '.root.readonly = false | .linux.resources = $part[0].resources
    | .process.args = ["sh", "-c", $part[0].text]' "$TMP/config.json" | jq -c .
}

test_memory_pids_and_cpu() {
  local out
  applet oci-runtime spec -b "$TMP"
  out=$(machine "
cat >/bundle/config.json <<'J'
$(limited '{"memory": {"limit": 33554432, "swap": 33554432}}' 'cat /sys/fs/cgroup/memory.max; dd if=/dev/zero of=/tmp/x bs=100M count=1; echo survived')
J
oci-runtime run -b /bundle hog; echo \"memory: \$?\"
cat >/bundle/config.json <<'J'
$(limited '{"pids": {"limit": 5}}' 'cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 60 & done; echo not reached')
J
oci-runtime run -b /bundle bomb; echo \"pids: \$?\"
cat >/bundle/config.json <<'J'
$(limited '{"cpu": {"quota": 20000, "period": 100000}}' 'cat /sys/fs/cgroup/cpu.max; i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; grep nr_throttled /sys/fs/cgroup/cpu.stat')
J
oci-runtime run -b /bundle busy; echo \"cpu: \$?\"
ls -d /sys/fs/cgroup/clusteros/*/ 2>/dev/null
echo end")
  echo "$out"
  expect_match "$out" $'33554432\n'
  expect_match "$out" 'memory: 137'
  [[ $out != *survived* ]] || fail "the hog survived"
  expect_match "$out" "can't fork"
  [[ $out != *"not reached"* ]] || fail "the bomb went off"
  expect_match "$out" '20000 100000'
  expect_match "$out" 'nr_throttled [1-9]'
  expect_match "$out" 'cpu: 0'
  expect_match "$out" $'\nend'
}

run_tests "$@"
