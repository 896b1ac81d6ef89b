# shellcheck shell=bash
# Virtual machines of the disk image, for up.sh, down.sh, logs.sh, bench/vm.sh and tests/vm. Sourced, in the SDK.
# A machine is a folder:
#
#   base.raw      the disk image (a hard link: the next image build does not touch it)
#   disk.qcow2    copy-on-write over it                              vars.fd      the firmware's variables
#   cidata.img    NoCloud volume (vfat)                              console.log  serial console, all boots
#   pid           of QEMU                                            monitor      QEMU's monitor (socket)
#   ports         forwarded ports, as shell variables: port_ssh=… port_store=… port_dns=… port_web=…
#   error.log     what QEMU itself had to say
#
# QEMU runs on its own after the command that started it; everything finds it again through the folder. All ports are on
# 127.0.0.1.

qemu_cache=${CLUSTEROS_CACHE:-$HOME/.cache/clusteros}
qemu_firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
qemu_variables=/usr/share/OVMF/OVMF_VARS_4M.fd

# Prints kvm or tcg. /dev/kvm being there proves nothing: on some nested hosts the firmware hangs in it. So the firmware
# is started once in each boot of the host, and has to reach its boot manager within 15 seconds.
qemu_accel() {
  local answer probe pid
  answer=$qemu_cache/accel-$(tr -d - </proc/sys/kernel/random/boot_id)
  if [[ ! -f $answer ]]; then
    mkdir -p "$qemu_cache"
    rm -f "$qemu_cache"/accel-*
    if [[ -r /dev/kvm && -w /dev/kvm ]]; then
      probe=$(mktemp -d)
      cp "$qemu_variables" "$probe/vars.fd"
      qemu-system-x86_64 -nodefaults -no-user-config -machine q35,accel=kvm -m 256 -display none \
        -drive if=pflash,unit=0,format=raw,readonly=on,file="$qemu_firmware" \
        -drive if=pflash,unit=1,format=raw,file="$probe/vars.fd" \
        -chardev file,id=serial,path="$probe/console.log" -serial chardev:serial 2>"$probe/error.log" &
      pid=$!
      local deadline=$((SECONDS + 15))
      while ((SECONDS < deadline)) && kill -0 "$pid" 2>/dev/null; do
        if grep -aq BdsDxe "$probe/console.log" 2>/dev/null; then
          echo kvm >"$answer"
          break
        fi
        sleep 0.2
      done
      kill -9 "$pid" 2>/dev/null || true
      wait "$pid" 2>/dev/null || true
      rm -rf "$probe"
    fi
    [[ -f $answer ]] || echo tcg >"$answer"
  fi
  cat "$answer"
}

# qemu_running DIR: true while the machine of this folder runs. The pid alone may have been given to another process.
qemu_running() {
  local pid
  [[ -s $1/pid ]] && pid=$(<"$1/pid") && [[ -r /proc/$pid/cmdline ]] &&
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$(readlink -f "$1")/pid"
}

# Prints a port of 127.0.0.1 that nobody listens on: $1 if it is free, else a random one.
qemu_free_port() {
  local port=${1:-}
  while [[ -z $port ]] || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((20000 + RANDOM % 12000))
  done
  echo "$port"
}

# qemu_create DIR RAW SIZE: a fresh disk of SIZE (10G) over the image RAW, fresh firmware variables, ports.
qemu_create() {
  mkdir -p "$1"
  rm -f "$1"/{base.raw,disk.qcow2,vars.fd,console.log,error.log,monitor,pid}
  ln "$2" "$1/base.raw" 2>/dev/null || cp --sparse=always "$2" "$1/base.raw"
  qemu-img create -q -f qcow2 -F raw -b base.raw "$1/disk.qcow2" "$3"
  cp "$qemu_variables" "$1/vars.fd"
  qemu_ports "$1"
}

# Keeps the ports of an earlier start as long as they are free.
qemu_ports() {
  local port_ssh='' port_store='' port_dns='' port_web=''
  # shellcheck source=/dev/null
  [[ -f $1/ports ]] && . "$1/ports"
  printf 'port_ssh=%s\nport_store=%s\nport_dns=%s\nport_web=%s\n' "$(qemu_free_port "$port_ssh")" \
    "$(qemu_free_port "$port_store")" "$(qemu_free_port "$port_dns")" "$(qemu_free_port "$port_web")" >"$1/ports.new"
  mv "$1/ports.new" "$1/ports"
}

# qemu_cidata DIR USER_DATA NAME [PUBLIC_KEY_FILE]: the NoCloud volume (label cidata) with this file and a meta-data that
# names the instance, its address in QEMU's user network, and a key for core besides those of the file.
qemu_cidata() {
  local meta=$1/meta-data
  printf 'instance-id: %s\nlocal-ipv4: 10.0.2.15\n' "$3" >"$meta"
  [[ ! ${4:-} ]] || printf 'public-keys:\n  - %s\n' "$(<"$4")" >>"$meta"
  rm -f "$1/cidata.img.new"
  truncate -s 4M "$1/cidata.img.new"
  # It warns of the lower case, which NoCloud wants.
  mkfs.vfat -n cidata "$1/cidata.img.new" >/dev/null 2>&1
  mcopy -i "$1/cidata.img.new" "$2" ::user-data
  mcopy -i "$1/cidata.img.new" "$meta" ::meta-data
  rm -f "$meta"
  mv "$1/cidata.img.new" "$1/cidata.img"
}

# qemu_start DIR MEMORY_MB CPUS [QEMU_OPTION...]: starts the machine in the background.
qemu_start() {
  local dir accel port_ssh port_store port_dns port_web
  dir=$(readlink -f "$1")
  local memory=$2 cpus=$3
  shift 3
  accel=$(qemu_accel)
  rm -f "$dir/pid" "$dir/monitor"
  qemu_ports "$dir"
  # shellcheck source=/dev/null
  . "$dir/ports"
  local cpu=()
  [[ $accel == kvm ]] && cpu=(-cpu host)
  local volume=()
  if [[ -f $dir/cidata.img ]]; then
    volume=(-drive "if=none,id=cidata,format=raw,readonly=on,file=$dir/cidata.img" -device "virtio-blk-pci,drive=cidata")
  fi
  if ! qemu-system-x86_64 -nodefaults -no-user-config -name clusteros \
    -machine "q35,accel=$accel" "${cpu[@]}" -smp "$cpus" -m "$memory" -display none \
    -drive if=pflash,unit=0,format=raw,readonly=on,file="$qemu_firmware" \
    -drive if=pflash,unit=1,format=raw,file="$dir/vars.fd" \
    -drive if=none,id=disk,format=qcow2,discard=unmap,cache=writeback,file="$dir/disk.qcow2" \
    -device virtio-blk-pci,drive=disk,bootindex=0 "${volume[@]}" \
    -device virtio-rng-pci \
    -netdev "user,id=net,hostfwd=tcp:127.0.0.1:$port_ssh-:22,hostfwd=tcp:127.0.0.1:$port_store-:2379,hostfwd=tcp:127.0.0.1:$port_dns-:53,hostfwd=udp:127.0.0.1:$port_dns-:53,hostfwd=tcp:127.0.0.1:$port_web-:80" \
    -device virtio-net-pci,netdev=net,romfile= \
    -chardev "file,id=serial,path=$dir/console.log,append=on" -serial chardev:serial \
    -monitor "unix:$dir/monitor,server=on,wait=off" \
    -daemonize -pidfile "$dir/pid" "$@" 2>"$dir/error.log"; then
    cat "$dir/error.log" >&2
    echo "qemu: the machine in $dir does not start" >&2
    return 1
  fi
}

# qemu_monitor DIR COMMAND: one command of the human monitor.
qemu_monitor() {
  printf '%s\n' "$2" | socat -t 5 - "UNIX-CONNECT:$1/monitor" 2>/dev/null | tr -d '\r' | sed '1d;$d'
}

# qemu_wait_gone DIR SECONDS: true once the machine does not run any more.
qemu_wait_gone() {
  local deadline=$((SECONDS + $2))
  while qemu_running "$1"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

# qemu_kill DIR: ends the machine now.
qemu_kill() {
  if qemu_running "$1"; then
    kill -9 "$(<"$1/pid")" 2>/dev/null || true
    qemu_wait_gone "$1" 10
  fi
  rm -f "$1/pid" "$1/monitor"
}

# qemu_stop DIR SECONDS: presses the power button; pulls the plug when that has not worked in time (and returns 1).
qemu_stop() {
  local clean=0
  if qemu_running "$1"; then
    qemu_monitor "$1" system_powerdown >/dev/null || true
    qemu_wait_gone "$1" "$2" || clean=1
  fi
  qemu_kill "$1"
  return $clean
}

# qemu_ssh DIR KEY COMMAND...: as core. The machine's host key is new at each fresh disk, so it is not remembered.
qemu_ssh() {
  local port_ssh port_store port_dns port_web key=$2
  # shellcheck source=/dev/null
  . "$1/ports"
  shift 2
  ssh -n -q -i "$key" -p "$port_ssh" -o IdentitiesOnly=yes -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 \
    -o ServerAliveCountMax=4 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR core@127.0.0.1 "$@"
}
