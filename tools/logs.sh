#!/usr/bin/env bash
# The serial console of the machine of tools/up.sh. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev logs [--follow]

Prints the console of the machine of ./dev up, from its first boot on.

  -f, --follow   go on printing, until Ctrl-C
END
}

log=out/vm/console.log
follow=
while (($# > 0)); do
  case $1 in
    -f | --follow) follow=1 ;;
    --help | -h) usage && exit 0 ;;
    *) refuse "option of logs" "$1" -f --follow --help ;;
  esac
  shift
done

[[ -f $log ]] || die "no console yet: ./dev up starts a machine"
# The firmware clears the screen and moves the cursor; only text is of use here.
readable() { sed -u 's/\x1b[\[\]?()]*[0-9;=?]*[a-zA-Z]//g; s/\r//g'; }
if [[ $follow ]]; then
  tail -n +1 -F "$log" 2>/dev/null | readable
else
  readable <"$log"
fi
