# The machine that the tests of image_test.sh share: a fresh disk of the image in QEMU, a registry beside it, and a way
# in. Sourced after lib/test.sh. A test is a process of its own, so what they share is in the folder $VM_DIR, made by the
# outer process and removed by it with all that runs in it, also after Ctrl-C.
# shellcheck shell=bash
# shellcheck source=tools/qemu.sh
. "$ROOT/tools/qemu.sh"

if [[ ! ${VM_DIR:-} ]]; then
  mkdir -p "$ROOT/out"
  VM_DIR=$(mktemp -d "$ROOT/out/vm-test.XXXXXX")
  export VM_DIR
  trap vm_clean_up EXIT
fi
VM_KEY=$VM_DIR/key
export VM_KEY

vm_clean_up() {
  local machine
  for machine in "$VM_DIR" "$VM_DIR"/*/; do qemu_kill "${machine%/}"; done
  if [[ -s $VM_DIR/registry.pid ]]; then kill "$(<"$VM_DIR/registry.pid")" 2>/dev/null || true; fi
  rm -rf --one-file-system "$VM_DIR"
}

vm_image() {
  local images=("$ROOT"/out/clusteros_*.raw)
  [[ -f ${images[0]} ]] || skip "no disk image in out/ (./dev image makes one)"
  echo "${images[0]}"
}

# What outlives a test must not look like one of its processes (lib/test.sh ends those), so: without its mark, and in
# QEMU's or setsid's own session.
vm_outlive() { (unset TEST_STATE TMP && "$@"); }

# vm_guest COMMAND…: runs it in the machine as core, who may sudo.
vm_guest() { qemu_ssh "$VM_DIR" "$VM_KEY" "$@"; }

# vm_port NAME: the port of 127.0.0.1 that leads to the guest's ssh, store, dns or web.
vm_port() { sed -n "s/^port_$1=//p" "$VM_DIR/ports"; }

# vm_healthy: reachable, and well by its own account.
vm_healthy() { vm_guest sudo clusterctl status; }

# vm_wait SECONDS COMMAND…: as wait_until, but ends at once, with the console, when the machine has ended.
vm_wait() {
  local deadline=$((SECONDS + $1)) output
  shift
  until output=$("$@" 2>&1); do
    qemu_running "$VM_DIR" || { vm_console && fail "the machine has ended"; }
    ((SECONDS < deadline)) || { vm_console && fail "not within the time: $*: $output"; }
    sleep 0.5
  done
}

vm_console() { echo "--- console" && tail -c 3000 "$VM_DIR/console.log" | tr -cd '\n[:print:]'; }

# How long a boot may take: emulation on a busy host is slow.
vm_boot_seconds() { if [[ $(qemu_accel) == kvm ]]; then echo 180; else echo 600; fi; }

# vm_machine: the shared machine, booted from a fresh disk by the first test that asks for it.
vm_machine() {
  qemu_running "$VM_DIR" && return
  local image
  image=$(vm_image)
  [[ -f $VM_KEY ]] || ssh-keygen -q -t ed25519 -N '' -C test -f "$VM_KEY"
  {
    sed '/^ssh_authorized_keys:/d' "$ROOT/examples/cloud-config.yaml"
    printf 'ssh_authorized_keys:\n  - %s\n' "$(<"$VM_KEY.pub")"
  } >"$VM_DIR/user-data"
  qemu_create "$VM_DIR" "$image" 10G
  qemu_cidata "$VM_DIR" "$VM_DIR/user-data" vm-test
  echo "booting from a fresh disk, $(qemu_accel)"
  vm_outlive qemu_start "$VM_DIR" 2048 2
  vm_wait "$(vm_boot_seconds)" vm_healthy
}

# vm_reboot: from inside, and back again in the same state of health.
vm_reboot() {
  local before
  before=$(vm_guest cat /proc/sys/kernel/random/boot_id)
  vm_guest sudo systemctl reboot || true
  vm_wait "$(vm_boot_seconds)" vm_booted_anew "$before"
  vm_wait "$(vm_boot_seconds)" vm_healthy
}
vm_booted_anew() {
  local now
  now=$(vm_guest cat /proc/sys/kernel/random/boot_id) && [[ $now && $now != "$1" ]]
}

# vm_registry: a registry on the host with the image web (nginx, of the SDK's Debian packages, and busybox). The guest
# reaches it at 10.0.2.2, which is the host's loopback. Prints its port.
vm_registry() {
  if [[ ! -s $VM_DIR/registry.port ]]; then
    local port
    port=$(free_port)
    printf 'version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
      "$VM_DIR/registry" "$port" >"$VM_DIR/registry.yml"
    vm_outlive setsid bash -c 'echo $$ >"$1/registry.pid"; exec docker-registry serve "$1/registry.yml" >"$1/registry.log" 2>&1' \
      registry "$VM_DIR" >/dev/null 2>&1 &
    wait_until 20 curl -sf -o /dev/null "http://127.0.0.1:$port/v2/"
    vm_web_image "$VM_DIR/web"
    skopeo copy --quiet --insecure-policy --dest-tls-verify=false "oci:$VM_DIR/web/layout:web" "docker://127.0.0.1:$port/web:latest"
    echo "$port" >"$VM_DIR/registry.port"
  fi
  cat "$VM_DIR/registry.port"
}

# vm_web_image DIR: the OCI layout DIR/layout with the image web. Its files are those of the packages nginx and
# nginx-common in the SDK, and the libraries that the program names.
vm_web_image() {
  local tree=$1/tree library
  mkdir -p "$tree"/{bin,etc/nginx,run,tmp,var/log/nginx,var/lib/nginx,usr/sbin,usr/share/nginx/html}
  cp /usr/bin/busybox "$tree/bin/"
  ln -s busybox "$tree/bin/sh"
  cp /usr/sbin/nginx "$tree/usr/sbin/"
  ldd /usr/sbin/nginx | grep -o '/[^ ]*' | while read -r library; do
    cp --parents -L "$library" "$tree"
  done
  cp /etc/nginx/mime.types "$tree/etc/nginx/"
  printf 'root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\n' >"$tree/etc/passwd"
  printf 'root:x:0:\nwww-data:x:33:\n' >"$tree/etc/group"
  echo '<h1>served by a container</h1>' >"$tree/usr/share/nginx/html/index.html"
  cat >"$tree/etc/nginx/nginx.conf" <<'END'
user www-data;
worker_processes 1;
daemon off;
pid /run/nginx.pid;
error_log stderr;
events { worker_connections 64; }
http {
  include mime.types;
  access_log off;
  server { listen 80; root /usr/share/nginx/html; }
}
END
  umoci init --layout "$1/layout"
  umoci new --image "$1/layout:web"
  umoci insert --image "$1/layout:web" "$tree" /
  umoci config --image "$1/layout:web" --config.entrypoint /usr/sbin/nginx --config.exposedports 80/tcp
}
