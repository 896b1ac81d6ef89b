#!/usr/bin/env bash
# Figures of the disk image from inside: the time from power-on to ready and the memory of an idle machine, on a fresh
# disk, second boot (the first one makes partitions and keys). Prints one Markdown table. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/../tools/common.sh"
. "$ROOT/tools/qemu.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: bench/vm.sh

Boots the disk image in out/ twice and prints its figures. Takes some minutes where KVM does not work.
END
}

while (($# > 0)); do
  case $1 in
    --help | -h) usage && exit 0 ;;
    *) refuse "option of bench/vm.sh" "$1" --help ;;
  esac
done

images=(out/clusteros_*.raw)
[[ -f ${images[0]} ]] || die "no disk image in out/: make one with ./dev image"
vm=$(mktemp -d "$ROOT/out/vm-bench.XXXXXX")
clean_up() {
  qemu_kill "$vm"
  rm -rf "$vm"
}
trap clean_up EXIT

guest() { qemu_ssh "$vm" "$vm/key" "$@"; }

boot_and_wait() {
  local deadline=$((SECONDS + 900))
  qemu_start "$vm" 2048 2
  until guest sudo clusterctl status >/dev/null 2>&1 && [[ $(guest systemctl is-system-running) == running ]]; do
    qemu_running "$vm" || die "the machine has ended: $(tail -n 3 "$vm/console.log")"
    ((SECONDS < deadline)) || die "the machine did not get ready within 900 s: $(guest systemctl --failed --no-legend 2>&1)"
    sleep 1
  done
}

# figure NAME VALUE UNIT [GOAL]
figure() { printf '| %s | %s | %s |\n' "$1" "$2${3:+ $3}" "${4:-}"; }

# The times that systemd has kept, in microseconds since the kernel began; before that were firmware and loader.
manager_property() { guest systemctl show --value --property "$1"; }

ssh-keygen -q -t ed25519 -N '' -C bench -f "$vm/key"
qemu_create "$vm" "${images[0]}" 10G
qemu_cidata "$vm" examples/cloud-config.yaml bench "$vm/key.pub"
boot_and_wait >&2
qemu_stop "$vm" 120 || die "the machine did not stop by itself"
boot_and_wait >&2

printf '## A machine in QEMU\n\n'
printf '| %s | %s | %s |\n' figure value goal --- --- ---
figure "processor" "$(qemu_accel)" ""
figure "boot, kernel to multi-user" "$(guest systemd-analyze time | sed -n 's/.*= \(.*\)/\1/p' | tr -d '\n')" ""
figure "boot, kernel and initrd" "$(awk -v us="$(manager_property UserspaceTimestampMonotonic)" 'BEGIN { printf "%.1f", us / 1e6 }')" s
figure "boot, kernel to ready" "$(awk -v us="$(manager_property FinishTimestampMonotonic)" 'BEGIN { printf "%.1f", us / 1e6 }')" s
figure "memory in use, idle" "$(guest awk "'/^MemTotal/ {t=\$2} /^MemAvailable/ {a=\$2} END {printf \"%.0f\", (t-a)/1024}'" /proc/meminfo)" MiB
status=$(guest sudo clusterctl status --json)
while IFS=$'\t' read -r name mebibytes; do
  figure "RSS of $name" "$mebibytes" MiB
done < <(jq -r '.units[] | select(.memory_bytes > 0) | [.name, (.memory_bytes / 1048576 * 10 | round / 10)] | @tsv' <<<"$status")
figure "RSS of our daemons together" "$(jq '.memory_bytes / 1048576 * 10 | round / 10' <<<"$status")" MiB "≤ 60 MB"
