#!/usr/bin/env bash
# The disk image, in QEMU with OVMF, from a fresh disk: first boot and cloud-config, an application from a registry run as
# a unit, served and named, a memory limit, the same again after a reboot, and a root that was tampered with.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/machine.sh"
TEST_TIMEOUT=1500

test_first_boot_makes_slot_b_and_var_and_is_blessed() {
  vm_machine
  local partitions version
  version=$(vm_guest clusterctl --version | awk '{print $NF}')
  partitions=$(vm_guest lsblk --noheadings --output PARTLABEL,SIZE --bytes /dev/vda)
  expect_match "$partitions" "clusteros_$version +2147483648"
  expect_match "$partitions" "clusteros_${version}_verity "
  expect_eq "$(grep -c '^_empty ' <<<"$partitions")" 2 "partitions of slot B"
  # 10 GiB less the ESP, the slots and their hash trees.
  (($(awk '$1 == "var" {print $2}' <<<"$partitions") > 5000000000)) || fail "/var did not grow: $partitions"
  expect_match "$(vm_guest findmnt -no FSTYPE,OPTIONS /)" '^erofs +ro'
  expect_match "$(vm_guest findmnt -no SOURCE /)" '^/dev/mapper/root'
  expect_match "$(vm_guest findmnt -no FSTYPE,OPTIONS /etc)" '^overlay +rw'
  expect_eq "$(vm_guest sudo ls /boot/EFI/Linux)" "clusteros_$version.efi" "entry without a counter"
  expect_match "$(vm_guest sudo updaterctl status)" 'A .*running'
}

test_cloud_config_is_applied() {
  vm_machine
  expect_eq "$(vm_guest hostname)" clusteros-1
  expect_match "$(vm_guest cat /etc/motd)" 'made by ./dev up'
  expect_match "$(vm_guest cat /etc/clusteros/cluster.env)" 'CLUSTEROS_KV_LISTEN_CLIENT_URLS='
  vm_guest sudo bootstrap status
  # The forwarded port shows that the store listens where the cloud-config says.
  curl -sf -X PUT "http://127.0.0.1:$(vm_port store)/v2/keys/vm/test" -d value=kept | jq -e '.action == "set"'
}

test_nobody_logs_in_as_root_or_with_a_password() {
  vm_machine
  expect_match "$(vm_guest sudo grep ^root: /etc/shadow)" '^root:[!*]'
  expect_fail 255 ssh -n -i "$VM_KEY" -p "$(vm_port ssh)" -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null root@127.0.0.1 true
  expect_match "$(vm_guest sudo sshd -T)" 'passwordauthentication no'
}

test_no_unit_failed_and_nothing_is_degraded() {
  vm_machine
  expect_eq "$(vm_guest systemctl --failed --no-legend --plain)" "" "failed units"
}

test_an_image_from_a_registry_runs_as_a_unit_and_is_served_and_named() {
  vm_machine
  local port started
  port=$(vm_registry)
  vm_guest sudo container fetch --insecure-registry "10.0.2.2:$port" "10.0.2.2:$port/web"
  expect_match "$(vm_guest sudo container images)" 'web'
  sed "s/REGISTRY/10.0.2.2:$port/" >"$TMP/web.service" <<'END'
[Unit]
Description=A page

[Service]
ExecStartPre=-/usr/bin/container rm --force web
ExecStart=/usr/bin/container run --name web --memory 128m --publish 80:80 REGISTRY/web
ExecStartPost=/usr/bin/discoveryctl put web 10.0.2.15 80
ExecStop=/usr/bin/container stop web
ExecStopPost=/usr/bin/discoveryctl rm web
Restart=on-failure
END
  vm_guest "cat >web.service <<'END'
$(<"$TMP/web.service")
END"
  started=$(vm_guest fleetctl start web.service)
  expect_match "$(tail -n 1 <<<"$started")" '^Unit web.service launched on [0-9a-f]{8}\.\.\./10\.0\.2\.15$'
  wait_until 90 vm_page
  expect_match "$(vm_guest fleetctl list-units --no-legend)" 'web.service.*active.*running'
  # From the host, over UDP and TCP; from the guest, as any program asks.
  wait_until 30 vm_name_is 10.0.2.15
  expect_eq "$(dig +short +tcp @127.0.0.1 -p "$(vm_port dns)" web.skydns.local A)" 10.0.2.15
  expect_match "$(vm_guest getent hosts web.skydns.local)" '^10\.0\.2\.15 '
  touch "$VM_DIR/web-runs"
}
vm_page() { [[ $(curl -sf --max-time 10 "http://127.0.0.1:$(vm_port web)/") == *"served by a container"* ]]; }
vm_name_is() { [[ $(dig +short +time=3 +tries=1 @127.0.0.1 -p "$(vm_port dns)" web.skydns.local A) == "$1" ]]; }

test_a_memory_limit_kills_a_hog() {
  vm_machine
  local port before after
  port=$(vm_registry)
  before=$(vm_guest awk "'\$1 == \"oom_kill\" {print \$2}'" /proc/vmstat)
  # A buffer of 256 MiB, of which every page is written.
  expect_fail 137 vm_guest sudo container run --rm --memory 64m --insecure-registry "10.0.2.2:$port" \
    --entrypoint /bin/busybox "10.0.2.2:$port/web" dd if=/dev/zero of=/dev/null bs=256M count=1
  after=$(vm_guest awk "'\$1 == \"oom_kill\" {print \$2}'" /proc/vmstat)
  ((after > before)) || fail "the kernel has counted no kill: $before before, $after after"
  # The same with room enough ends well.
  vm_guest sudo container run --rm --memory 400m --entrypoint /bin/busybox "10.0.2.2:$port/web" \
    dd if=/dev/zero of=/dev/null bs=256M count=1
}

test_a_reboot_brings_back_the_same_state() {
  vm_machine
  local before after
  before=$(vm_state)
  vm_reboot
  after=$(vm_state)
  expect_eq "$after" "$before" "machine id, host name, host key, file in /etc, key in the store, boot entry"
  # The unit of the test above, if that ran.
  [[ -e $VM_DIR/web-runs ]] || return 0
  wait_until 120 vm_page
  wait_until 30 vm_name_is 10.0.2.15
  expect_match "$(vm_guest fleetctl list-units --no-legend)" 'web.service.*active.*running'
}
vm_state() {
  vm_guest sudo sh -c "'cat /etc/machine-id /etc/hostname /etc/ssh/ssh_host_ed25519_key.pub /etc/motd; ls /boot/EFI/Linux;
    kvctl get /vm/test 2>&1; container images --quiet'"
}

# One bit of PID 1's program, in a copy of the disk, while no machine runs.
test_a_flipped_bit_in_the_root_does_not_boot_as_healthy() {
  local image bad=$VM_DIR/bad root offset
  image=$(vm_image)
  # One machine at a time.
  ! qemu_running "$VM_DIR" || qemu_stop "$VM_DIR" 120 || true
  mkdir -p "$bad"
  cp --sparse=always "$image" "$bad/tampered.raw"
  root=$(sfdisk --json "$bad/tampered.raw" | jq '.partitiontable.partitions[1].start * 512')
  offset=$(dump.erofs --offset="$root" --path=/usr/lib/systemd/systemd -e "$bad/tampered.raw" |
    awk -F'[|:.]+' '/^ *0:/ {gsub(/ /, ""); print $5; exit}')
  [[ $offset =~ ^[0-9]+$ ]] || fail "where is /usr/lib/systemd/systemd on the disk? $offset"
  # Past the ELF header, in the first block.
  flip_byte "$bad/tampered.raw" $((root + offset + 3000))
  qemu_create "$bad" "$bad/tampered.raw" 10G
  vm_outlive qemu_start "$bad" 2048 2
  wait_until "$(vm_boot_seconds)" grep -aqE 'verity.*corrupt' "$bad/console.log"
  # It starts over, which uses up a try, and ends the same way.
  wait_until "$(vm_boot_seconds)" vm_corrupted_twice "$bad/console.log"
  qemu_kill "$bad"
  if grep -aq 'Boot Completion Check' "$bad/console.log"; then fail "the tampered system reached boot-complete.target"; fi
  # The loader has counted: the entry is not blessed.
  qemu-img dd -f qcow2 -O raw if="$bad/disk.qcow2" of="$bad/esp.raw" bs=1M count=1025
  expect_match "$(mdir -b -i "$bad/esp.raw@@1M" ::/EFI/Linux)" 'clusteros_[0-9.]+\+[0-2]-[1-3]\.efi'
}
vm_corrupted_twice() { (($(grep -ac 'EFI stub: Loaded initrd' "$1") >= 2)) && (($(grep -acE 'verity.*corrupt' "$1") >= 2)); }

run_tests "$@"
