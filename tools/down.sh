#!/usr/bin/env bash
# Stops the machine of tools/up.sh. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/tools/qemu.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev down [--purge]

Stops the machine of ./dev up: presses its power button, and pulls the plug when that has not worked within 90 seconds.

  --purge   remove its disk, its keys and its logs, too
END
}

vm=out/vm
purge=
while (($# > 0)); do
  case $1 in
    --purge) purge=1 ;;
    --help | -h) usage && exit 0 ;;
    *) refuse "option of down" "$1" --purge --help ;;
  esac
  shift
done

if ! qemu_running "$vm"; then
  say "no machine runs"
elif run_logged "stopping the machine" "$LOGS/down.log" qemu_stop "$vm" 90; then
  say "stopped"
else
  say "the machine did not stop by itself and was ended"
fi
if [[ $purge ]]; then
  rm -rf "$vm"
  say "removed $vm"
fi
