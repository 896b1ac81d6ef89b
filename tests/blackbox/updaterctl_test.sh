#!/usr/bin/env bash
# updaterctl and locksmithctl: a made-up machine (a real partition table in a file, sysfs, EFI variables, an ESP in
# folders) is read as systemd-boot and sfdisk left it, and the semaphore in a real store is locksmith's.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

LOADER=4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
ROOT_TYPE=4f68bce3-e8cd-4db1-96e7-fbcaf984b709
VERITY_TYPE=2c7357ed-ebd2-46d9-aec1-23d437ec2bf5

# efi_variable NAME TEXT: as efivarfs shows it: four bytes of attributes, UTF-16, a zero at the end.
efi_variable() {
  { printf '\006\000\000\000'; printf '%s\0' "$2" | iconv -f UTF-8 -t UTF-16LE; } >"$M/sys/firmware/efi/efivars/$1-$LOADER"
}

# make_machine: a machine below $M that booted slot A (version 0.1.0) from /dev/vda2 through dm-verity.
make_machine() {
  M=$TMP/machine
  local vda=$M/sys/devices/pci0/block/vda n
  mkdir -p "$M"/{proc/self,dev,sys/dev/block,sys/firmware/efi/efivars,efi/EFI/Linux} "$M/sys/devices/virtual/block/dm-0/slaves"
  truncate -s 32M "$M/dev/vda"
  sfdisk --quiet "$M/dev/vda" <<END
label: gpt
start=2048, size=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name="esp"
start=8192, size=8192, type=$ROOT_TYPE, name="clusteros_0.1.0"
start=16384, size=2048, type=$VERITY_TYPE, name="clusteros_0.1.0_verity"
start=20480, size=8192, type=$ROOT_TYPE, name="_empty"
start=28672, size=2048, type=$VERITY_TYPE, name="_empty"
END
  for n in 1 2 3 4 5; do
    mkdir -p "$vda/vda$n"
    echo "$n" >"$vda/vda$n/partition"
  done
  ln -s ../../devices/virtual/block/dm-0 "$M/sys/dev/block/254:0"
  ln -s ../../../../pci0/block/vda/vda2 "$M/sys/devices/virtual/block/dm-0/slaves/vda2"
  ln -s ../../../../pci0/block/vda/vda3 "$M/sys/devices/virtual/block/dm-0/slaves/vda3"
  echo '22 1 254:0 / / ro,relatime - erofs /dev/mapper/root ro' >"$M/proc/self/mountinfo"
  : >"$M/efi/EFI/Linux/clusteros_0.1.0+2-1.efi"
  efi_variable LoaderInfo 'systemd-boot 257.13'
  efi_variable LoaderEntrySelected clusteros_0.1.0+3.efi
  efi_variable LoaderBootCountPath '\EFI\Linux\clusteros_0.1.0+2-1.efi'
}

status() { applet updaterctl status --root "$M" "$@"; }
field() { status --json | jq -r "$1"; }

lock() { applet locksmithctl --endpoint "$URL" "$@"; }

test_counted_boot() {
  make_machine
  expect_eq "$(field '.slots | length')" 2 slots
  expect_eq "$(field '.slots[0] | "\(.slot) \(.state) \(.version) \(.partition) \(.uki) \(.tries_left) \(.tries_done) \(.blessed)"')" \
    'A running 0.1.0 /dev/vda2 clusteros_0.1.0+2-1.efi 2 1 false'
  expect_eq "$(field '.slots[1] | "\(.slot) \(.state) \(.version) \(.partition) \(.verity_partition) \(.uki)"')" \
    'B empty null /dev/vda4 /dev/vda5 null'
  expect_eq "$(field '.boot | "\(.state) \(.blessed) \(.tries_left)"')" 'indeterminate false 2'
  expect_eq "$(field .loader)" 'systemd-boot 257.13'
  expect_match "$(status)" 'A +running +0\.1\.0 +/dev/vda2 +clusteros_0\.1\.0 '
  expect_match "$(status)" 'This boot +not blessed yet, 2 tries left'
}

test_blessed_boot() {
  make_machine
  mv "$M/efi/EFI/Linux/clusteros_0.1.0+2-1.efi" "$M/efi/EFI/Linux/clusteros_0.1.0.efi"
  expect_eq "$(field '.boot.state')" good
  expect_eq "$(field '.slots[0].blessed')" true
  rm "$M/sys/firmware/efi/efivars/LoaderBootCountPath-$LOADER"
  expect_eq "$(field '.boot.state')" clean
}

test_second_slot_waits() {
  make_machine
  sfdisk --quiet --part-label "$M/dev/vda" 4 clusteros_0.2.0
  sfdisk --quiet --part-label "$M/dev/vda" 5 clusteros_0.2.0_verity
  : >"$M/efi/EFI/Linux/clusteros_0.2.0+3.efi"
  expect_eq "$(field '.slots[1] | "\(.state) \(.version) \(.tries_left)"')" 'waiting 0.2.0 3'
  sed -i 's/254:0/254:1/' "$M/proc/self/mountinfo"
  mkdir -p "$M/sys/devices/virtual/block/dm-1/slaves"
  ln -s ../../devices/virtual/block/dm-1 "$M/sys/dev/block/254:1"
  ln -s ../../../../pci0/block/vda/vda4 "$M/sys/devices/virtual/block/dm-1/slaves/vda4"
  expect_eq "$(field '.slots[] | select(.state == "running") | .slot')" B
}

test_trouble_is_named() {
  make_machine
  : >"$M/efi/EFI/Linux/clusteros_9.efi"
  : >"$M/efi/EFI/Linux/clusteros_0.1.0.efi"
  expect_match "$(field '.warnings | join("; ")')" 'clusteros_9\.efi belongs to no slot'
  expect_match "$(field '.warnings | join("; ")')" 'clusteros_0\.1\.0 is on the ESP more than once'
  rm -r "$M/efi"
  expect_match "$(status)" 'Warning: no ESP with boot entries is mounted'
  expect_eq "$(field '.boot.state')" unknown
}

test_damaged_table_is_refused() {
  make_machine
  flip_byte "$M/dev/vda" 1100
  local text
  text=$(expect_fail 1 status 2>&1)
  expect_match "$text" 'updaterctl: read partition table of /dev/vda: the entries. checksum is wrong'
}

test_other_machines_are_told_apart() {
  make_machine
  echo '22 1 0:45 / / rw - overlay overlay rw' >"$M/proc/self/mountinfo"
  local text
  text=$(expect_fail 1 status 2>&1)
  expect_match "$text" 'did not boot a ClusterOS image'
  sfdisk --quiet --part-label "$M/dev/vda" 2 rootfs
  echo '22 1 254:0 / / ro - erofs x ro' >"$M/proc/self/mountinfo"
  text=$(expect_fail 1 status 2>&1)
  expect_match "$text" '/dev/vda: / is on none of its slots'
}

test_health_without_a_store() {
  local text
  text=$(expect_fail 1 applet updaterctl health --endpoints http://127.0.0.1:1 2>&1)
  expect_match "$text" 'updaterctl: the store does not answer'
}

test_semaphore() {
  start_store
  expect_eq "$(lock status)" $'Available: 1\nMax: 1'
  lock lock aaa
  expect_eq "$(lock status)" $'Available: 0\nMax: 1\n\nMACHINE ID\naaa'
  expect_eq "$(expect_fail 1 lock lock bbb 2>&1)" 'Error locking: semaphore is at 0'
  expect_eq "$(expect_fail 1 lock lock aaa 2>&1)" 'Error locking: holder exists'
  expect_eq "$(lock set-max 4)" $'Old-Max: 1\nMax: 4'
  lock lock bbb
  expect_eq "$(curl -s "$KEYS/coreos.com/updateengine/rebootlock/semaphore" | jq -r .node.value)" \
    '{"semaphore":2,"max":4,"holders":["aaa","bbb"]}'
  lock unlock aaa
  expect_eq "$(expect_fail 1 lock unlock aaa 2>&1)" 'Error unlocking: holder does not exist'
  expect_eq "$(lock --group web status)" $'Available: 1\nMax: 1'
  expect_match "$(expect_fail 2 lock set-max many 2>&1)" 'Invalid maximum value: many'
}

test_locksmith_wrote_it() {
  start_store
  curl -sf -o "$TMP/put" -X PUT "$KEYS/coreos.com/updateengine/rebootlock/semaphore" \
    --data-urlencode 'value={"semaphore":0,"max":1,"holders":["69d27b356a94476da859461d3a3bc6fd"]}'
  expect_eq "$(lock status)" $'Available: 0\nMax: 1\n\nMACHINE ID\n69d27b356a94476da859461d3a3bc6fd'
}

test_machines_race_for_one_place() {
  start_store
  lock set-max 3 >"$TMP/out"
  local i pids=()
  for i in 1 2 3 4 5 6 7 8; do
    { lock lock "machine$i" && echo "$i" >"$TMP/won.$i"; } 2>"$TMP/lost.$i" &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || true; done
  expect_eq "$(find "$TMP" -name 'won.*' | wc -l)" 3 'machines that got the lock'
  expect_match "$(lock status)" '^Available: 0'
}

test_daemon_publishes() {
  start_store
  make_machine
  # A machine id of the test's own, seen by the daemon alone.
  local id=69d27b356a94476da859461d3a3bc6fd
  echo "$id" >"$TMP/machine-id"
  # shellcheck disable=SC2016
  start_daemon updaterd unshare --mount sh -ec 'mount --bind "$1" /etc/machine-id; shift; exec "$@"' sh "$TMP/machine-id" \
    "$CLUSTERCTL" updaterd --endpoints "$URL" --root "$M"
  local key="$KEYS/clusteros/updater/machines/$id"
  wait_until 20 curl -sf -o "$TMP/report" "$key"
  expect_eq "$(jq -r '.node.value | fromjson | "\(.slot) \(.version) \(.boot.state)"' "$TMP/report")" 'A 0.1.0 indeterminate'
  [[ $(jq .node.ttl "$TMP/report") -gt 30 ]] || fail "the report has no lease: $(cat "$TMP/report")"
}

# as_machine ID COMMAND…: with a machine id of the test's own, and no systemd to be found.
as_machine() {
  echo "$1" >"$TMP/machine-id"
  shift
  # shellcheck disable=SC2016
  unshare --mount env -u DBUS_SYSTEM_BUS_ADDRESS sh -ec \
    'mount --bind "$1" /etc/machine-id; mount -t tmpfs none /run; shift; exec "$@"' sh "$TMP/machine-id" "$@"
}

is_free() { [[ $(lock "$@" status) == $'Available: 1\nMax: 1' ]]; }

test_locksmithd_releases_its_own_stale_lock() {
  start_store
  local id=69d27b356a94476da859461d3a3bc6fd
  lock --group web lock other
  lock lock "$id"
  start_daemon locksmithd as_machine "$id" "$CLUSTERCTL" locksmithd -endpoint "$URL"
  wait_until 20 is_free
  expect_match "$(cat "$TMP/locksmithd.log")" 'released the reboot lock that this machine held when it went down'
  expect_match "$(lock --group web status)" 'other'
}

test_updaterd_releases_the_lock_of_its_group_when_the_store_comes() {
  start_store
  local id=69d27b356a94476da859461d3a3bc6fd store=$PID
  lock --group 'web 1' lock "$id"
  lock lock other
  stop_daemon "$store"
  export LOCKSMITHD_GROUP='web 1'
  start_daemon updaterd as_machine "$id" "$CLUSTERCTL" updaterd --endpoints "$URL"
  wait_until 20 grep -q 'cannot tell whether this machine holds a reboot lock' "$TMP/updaterd.log"
  start_store
  wait_until 40 is_free --group 'web 1'
  expect_match "$(cat "$TMP/updaterd.log")" "released the reboot lock of group 'web 1'"
  expect_match "$(lock status)" 'other'
}

# That it does reboot is for a machine of its own to prove; here it must not.
test_reboot_needs_root_and_systemd() {
  start_store
  local text
  text=$(expect_fail 1 setpriv --reuid 65534 --clear-groups \
    "$CLUSTERCTL" locksmithctl -endpoint "$URL" reboot 2>&1)
  expect_eq "$text" 'Must be root to initiate reboot.'
  text=$(expect_fail 1 as_machine 69d27b356a94476da859461d3a3bc6fd \
    "$CLUSTERCTL" locksmithctl -endpoint "$URL" reboot 2>&1)
  expect_match "$text" 'systemd'
  expect_eq "$(lock status)" $'Available: 1\nMax: 1'
}

test_usage() {
  expect_match "$(expect_fail 2 applet updaterctl status --jsn 2>&1)" "unknown option '--jsn' \(did you mean '--json'\?\)"
  expect_match "$(expect_fail 2 applet locksmithctl lok 2>&1)" "lock"
  applet updaterd --help >"$TMP/help"
  expect_match "$(applet updaterctl --version)" '^updaterctl [0-9]'
}

run_tests "$@"
