#!/usr/bin/env bash
# One machine of the disk image in QEMU, for people: built, provisioned, waited for, and explained. It runs on when this
# ends; tools/down.sh stops it. Runs in the SDK.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$ROOT/tools/qemu.sh"
cd "$ROOT"

usage() {
  cat <<'END'
usage: ./dev up [--memory MB] [--cpus N] [--cloud-config FILE] [--fresh]

Builds what is missing, boots the disk image in QEMU, waits until the machine is ready and says how to reach it. A
machine that runs already is used as it is; one that was stopped starts again from its disk.

  --memory MB           of the machine, 512 or more (default 2048)
  --cpus N              of the machine, 1 to 64 (default 2)
  --cloud-config FILE   what to make of the machine (default examples/cloud-config.yaml; of a machine that is there
                        already: the one that it was made with)
  --fresh               throw the machine's disk away and begin again with the newest image
END
}

vm=out/vm
key=$vm/ssh_key
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)

# number OPTION VALUE LOW HIGH
number() {
  [[ ! $2 =~ ^[0-9]{1,7}$ ]] || ((10#$2 < $3 || 10#$2 > $4)) || return 0
  warn "up.sh: $1 '$2': a number from $3 to $4 is needed"
  exit 2
}

parse_options() {
  memory=2048 cpus=2 config='' fresh=''
  while (($# > 0)); do
    case $1 in
      --memory) memory=$(option_value "$@"); shift ;;
      --memory=*) memory=${1#*=} ;;
      --cpus) cpus=$(option_value "$@"); shift ;;
      --cpus=*) cpus=${1#*=} ;;
      --cloud-config) config=$(option_value "$@"); shift ;;
      --cloud-config=*) config=${1#*=} ;;
      --fresh) fresh=1 ;;
      --help | -h) usage && exit 0 ;;
      *) refuse "option of up" "$1" --memory --cpus --cloud-config --fresh --help ;;
    esac
    shift
  done
  number --memory "$memory" 512 1048576
  number --cpus "$cpus" 1 64
  [[ ! $config || -f $config ]] || die "--cloud-config: no file '$config' (looked for from $ROOT)"
}

# The key that this command logs in with. It belongs to whom the checkout belongs to, who need not be root.
make_key() {
  if [[ ! -f $key || ! -f $key.pub ]]; then
    rm -f "$key" "$key.pub"
    ssh-keygen -q -t ed25519 -N '' -C 'clusteros dev' -f "$key"
  fi
  chown --reference=. "$vm" "$key" "$key.pub"
}

# The disk and the NoCloud volume. A disk that is there is kept, and its cloud-config with it unless another is given.
prepare() {
  mkdir -p "$vm"
  make_key
  if [[ $fresh || ! -f $vm/disk.qcow2 || ! -f $vm/base.raw ]]; then
    rm -f "$vm/known_hosts"
    qemu_create "$vm" "out/clusteros_$version.raw" 10G
    config=${config:-examples/cloud-config.yaml}
  elif [[ ! out/clusteros_$version.raw -ef $vm/base.raw ]]; then
    say "note: this machine's disk was made from an earlier image; ./dev up --fresh begins with the newest"
  fi
  if [[ $config ]]; then
    out/clusterctl bootstrap validate "$config" || warn "note: the machine will refuse parts of $config (see above)"
    qemu_cidata "$vm" "$config" clusteros-dev "$key.pub"
  fi
}

guest() { qemu_ssh "$vm" "$key" "$@"; }

# Ready: reachable, and well by its own account. The account is kept for the table.
is_ready() {
  guest sudo clusterctl status --json >"$vm/status.json.new" 2>/dev/null || return 1
  mv "$vm/status.json.new" "$vm/status.json"
}

wait_ready() {
  local deadline=$((SECONDS + $1))
  until is_ready; do
    qemu_running "$vm" || { echo "the machine has ended" && return 1; }
    ((SECONDS < deadline)) || { echo "not ready after $1 s" && return 1; }
    sleep 1
  done
}

console_progress() {
  tail -c 3000 "$vm/console.log" 2>/dev/null | tr '\r' '\n' | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g' | tr -cd '\n[:print:]' |
    grep -v '^ *$' | tail -n 1 | sed 's/^\[ *[A-Z]* *\] *//' | cut -c1-70 || true
}

boot() {
  local accel limit=300
  accel=$(qemu_accel)
  case $accel in
    kvm) say "QEMU: KVM works here" ;;
    *)
      say "QEMU: no usable KVM here, so the processor is emulated (TCG): slow, but the same machine"
      limit=900
      ;;
  esac
  trap 'stop_after_signal 2' INT
  trap 'stop_after_signal 15' TERM
  trap 'stop_after_signal 1' HUP
  qemu_start "$vm" "$memory" "$cpus" || die "QEMU does not start (see above)"
  if ! PROGRESS=console_progress run_logged "booting" "$LOGS/up.log" wait_ready "$limit"; then
    guest sudo clusterctl status 2>/dev/null | sed 's/^/  | /' >&2 || true
    warn "the end of the console (./dev logs has all of it):"
    tail -c 4000 "$vm/console.log" | tr -cd '\n[:print:]' | tail -n 25 | sed 's/^/  | /' >&2
    die "the machine did not get ready. It is left as it is: ./dev logs, ./dev down"
  fi
}

# Ctrl-C while it boots: no machine is left behind.
stop_after_signal() {
  trap '' INT TERM HUP
  end_children
  warn "interrupted: stopping the machine"
  qemu_kill "$vm"
  exit $((128 + $1))
}

table() {
  local port_ssh port_store port_dns port_web
  # shellcheck source=/dev/null
  . "$vm/ports"
  echo
  jq -r '
    def row(name; value): "  \(name)" + " " * (14 - (name | length)) + value;
    row("machine"; .machine_id), row("host name"; .hostname), row("address"; "\(.address) (in QEMU'\''s network)"),
    row("system"; "slot \(.slot.name // "?"), version \(.slot.version // "?"), boot \(.boot.state // .boot // "?" | tostring)"),
    row("store"; if .store.healthy then "healthy, answers in \(.store.latency_ms) ms" else "not healthy: \(.store.error)" end),
    row("units"; [.units[] | "\(.name | rtrimstr(".service")) \(.sub)"] | join(", ")),
    (.scheduled[] | row("scheduled"; "\(.name) \(.active) (\(.sub))"))' "$vm/status.json"
  cat <<END

  log in        ssh -i $key -p $port_ssh -o UserKnownHostsFile=$vm/known_hosts -o StrictHostKeyChecking=accept-new core@127.0.0.1
  the store     curl http://127.0.0.1:$port_store/v2/keys/?recursive=true
  names         dig @127.0.0.1 -p $port_dns NAME.skydns.local     (with +tcp over TCP)
  port 80       http://127.0.0.1:$port_web/ is port 80 of the machine
  console       ./dev logs        stop it: ./dev down
END
}

main() {
  parse_options "$@"
  if qemu_running "$vm"; then
    if [[ $fresh ]]; then
      say "stopping the machine that runs"
      qemu_stop "$vm" 60 || true
    else
      [[ ! $config ]] || die "the machine runs already; another cloud-config needs ./dev down first, or --fresh"
      say "the machine runs already"
      run_logged "asking it" "$LOGS/up.log" wait_ready 120 || die "the machine that runs does not answer: see ./dev logs; ./dev down stops it"
      table
      return
    fi
  fi
  if [[ $fresh || ! -f $vm/disk.qcow2 ]]; then
    tools/image.sh
  elif [[ ! -x out/clusterctl ]]; then
    tools/build.sh
  fi
  prepare
  boot
  table
}

main "$@"
