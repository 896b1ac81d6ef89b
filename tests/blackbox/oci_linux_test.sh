#!/usr/bin/env bash
# oci-runtime: config.json's mounts and linux, as far as the kernel can show it to the container: options, id maps,
# propagation, namespaces by path, clocks, devices, sysctls, scheduler.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --mount --propagation slave --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# The cgroup is the machine's, so that a name of its own is needed.
ID=linux-$$

bundle() {
  local name tree=$TMP/bundle/rootfs
  mkdir -p "$tree"/{bin,etc,tmp,mnt}
  cp /usr/bin/busybox "$tree/bin/busybox"
  for name in $(busybox --list | grep -vx busybox); do ln -s busybox "$tree/bin/$name"; done
  oci spec -b "$TMP/bundle"
  edit '.root.readonly = false'
  chmod 755 "$TMP" "$TMP/bundle"
}

run() { oci run -b "$TMP/bundle" "$ID" </dev/null; }
# refused PATTERN FILTER: the configuration changed by FILTER is refused with this reason.
refused() {
  cp "$TMP/bundle/config.json" "$TMP/kept.json"
  edit "$2"
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" "$ID" 2>&1)" "$1"
  mv "$TMP/kept.json" "$TMP/bundle/config.json"
}
user_namespace() {
  chown -R 300000:300000 "$TMP/bundle/rootfs"
  edit '.linux.namespaces += [{"type": "user"}]
    | .linux.uidMappings = [{"containerID": 0, "hostID": 300000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
}
# holder OPTION...: a process in namespaces of its own; its pid is in $HOLDER.
holder() {
  unshare "$@" --fork --kill-child sleep 1000 &
  local outer=$!
  wait_until 5 child_of "$outer"
  HOLDER=$(child_of "$outer")
}
child_of() { pgrep -P "$1" -x sleep; }

test_mount_options_arrive() {
  bundle
  mkdir -p "$TMP/source"
  edit '.mounts += [
    {"destination": "one", "type": "tmpfs", "source": "mine", "options": ["nosuid", "noexec", "noatime", "nodiratime", "nosymfollow", "sync", "size=64k", "mode=0711"]},
    {"destination": "/two", "type": "tmpfs", "source": "t", "options": ["strictatime", "ro"]},
    {"destination": "/three", "type": "ramfs", "source": "r", "options": ["mode=700"]},
    {"destination": "/four", "source": "'"$TMP/source"'", "options": ["bind", "ro", "noexec"]},
    {"destination": "/three", "type": "none", "options": ["remount", "bind", "nosuid", "ro"]}]'
  command_is 'awk "\$5 ~ /one|two|three|four/ { print \$5, \$6, \$(NF-2), \$(NF-1), \$NF }" /proc/self/mountinfo | sort; stat -c %a /one'
  out=$(run)
  expect_match "$out" $'\n?/one rw,nosuid,noexec,noatime,nodiratime,nosymfollow tmpfs mine rw,sync,size=64k,mode=711'
  expect_match "$out" '/two ro tmpfs t rw'
  expect_match "$out" '/three ro,nosuid,relatime ramfs r rw,mode=700'
  expect_match "$out" '/four ro,noexec'
  expect_match "$out" $'\n711$'
  refused "bogus" '.mounts += [{"destination": "/x", "type": "tmpfs", "options": ["bogus"]}]'
  refused "no-such-fs" '.mounts += [{"destination": "/x", "type": "no-such-fs"}]'
  refused "the root itself" '.mounts += [{"destination": "/.", "type": "tmpfs"}]'
}

test_read_only_is_of_one_mount_and_rro_of_those_below() {
  bundle
  mkdir -p "$TMP/source/below"
  mount -t tmpfs below "$TMP/source/below"
  edit '.mounts += [{"destination": "/a", "source": "'"$TMP/source"'", "options": ["rbind", "ro"]},
                    {"destination": "/b", "source": "'"$TMP/source"'", "options": ["rbind", "rro"]}]'
  command_is 'for f in /a/x /a/below/x /b/x /b/below/x; do touch $f 2>/dev/null && echo yes || echo no; done'
  expect_eq "$(run | xargs)" "no yes no no"
  umount "$TMP/source/below"
}

test_links_as_source_and_destination() {
  bundle
  echo content >"$TMP/file"
  ln -s "$TMP/file" "$TMP/link"
  ln -s /etc/target "$TMP/bundle/rootfs/mnt/to"
  edit '.mounts += [{"destination": "/a/copied", "source": "'"$TMP/link"'", "options": ["bind", "copy-symlink"]},
                    {"destination": "/followed", "source": "'"$TMP/link"'", "options": ["bind"]},
                    {"destination": "/mnt/to", "source": "'"$TMP/file"'", "options": ["bind", "dest-nofollow"]}]'
  command_is 'readlink /a/copied; cat /followed; cat /mnt/to; ls /etc'
  expect_eq "$(run)" "$TMP/file"$'\ncontent\ncontent'
}

test_tmpcopyup_fills_the_new_file_system() {
  bundle
  mkdir -p "$TMP/bundle/rootfs/data/deep"
  echo inside >"$TMP/bundle/rootfs/data/deep/file"
  ln -s /etc/passwd "$TMP/bundle/rootfs/data/link"
  chmod 4711 "$TMP/bundle/rootfs/data/deep/file"
  chown 7:8 "$TMP/bundle/rootfs/data/deep"
  edit '.mounts += [{"destination": "/data", "type": "tmpfs", "source": "t", "options": ["tmpcopyup", "ro"]}]'
  command_is 'cat /data/deep/file; stat -c "%a" /data/deep/file; stat -c "%u:%g" /data/deep; readlink /data/link; touch /data/x 2>&1'
  expect_eq "$(run || true)" $'inside\n4711\n7:8\n/etc/passwd\ntouch: /data/x: Read-only file system'
  expect_eq "$(ls "$TMP/bundle/rootfs/data")" $'deep\nlink'
}

test_id_mapped_binds() {
  bundle
  user_namespace
  mkdir "$TMP/mapped"
  touch "$TMP/mapped/file"
  edit '.mounts += [{"destination": "/own", "source": "'"$TMP/mapped"'", "options": ["bind", "idmap"]},
    {"destination": "/absolute", "source": "'"$TMP/mapped"'", "options": ["bind", "idmap=uids=0-300005-1;gids=0-300006-1"]},
    {"destination": "/relative", "source": "'"$TMP/mapped"'", "options": ["bind", "idmap=uids=@0-7-1;gids=@0-8-1"]},
    {"destination": "/members", "source": "'"$TMP/mapped"'", "options": ["bind"],
     "uidMappings": [{"containerID": 0, "hostID": 300009, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 300010, "size": 1}]},
    {"destination": "/plain", "source": "'"$TMP/mapped"'", "options": ["bind"]}]'
  command_is 'stat -c "%u:%g" /own/file /absolute/file /relative/file /members/file /plain/file'
  expect_eq "$(run | xargs)" "0:0 5:6 7:8 9:10 65534:65534"
  refused 'idmap .*range' '.mounts[-1].options = ["bind", "idmap=uids=@0-70000-1;gids=@0-0-1"]'
}

test_propagation() {
  bundle
  mkdir -p "$TMP/shared" "$TMP/quiet"
  mount -t tmpfs shared "$TMP/shared"
  mount --make-shared "$TMP/shared"
  mkdir "$TMP/shared/inner"
  edit '.mounts += [{"destination": "/s", "source": "'"$TMP/shared"'", "options": ["rbind", "rshared"]},
    {"destination": "/d", "source": "'"$TMP/shared"'", "options": ["rbind", "rslave"]},
    {"destination": "/p", "source": "'"$TMP/shared"'", "options": ["rbind"]},
    {"destination": "/u", "type": "tmpfs", "options": ["unbindable"]}] | .linux.rootfsPropagation = "shared"
    | .process.capabilities.bounding += ["CAP_SYS_ADMIN"] | .process.capabilities.effective = .process.capabilities.bounding
    | .process.capabilities.permitted = .process.capabilities.bounding | del(.linux.resources)'
  command_is 'awk "\$5 ~ /^\/[sdpu]?\$/ { print \$5, \$7 }" /proc/self/mountinfo | sed "s/:.*//" | sort; mount -t tmpfs x /s/inner && touch /s/inner/made; ls /d/inner; ls /p/inner'
  expect_eq "$(run | xargs)" "/ shared /d master /p - /s shared /u unbindable made"
  expect_eq "$(ls "$TMP/shared/inner")" made "what was mounted below the shared mount"
  umount "$TMP/shared/inner" "$TMP/shared"
}

test_namespaces_by_path() {
  bundle
  holder --net --ipc --uts --cgroup --time --mount
  local types='["network", "ipc", "uts", "cgroup", "time"]'
  edit '.linux.namespaces = [{"type": "mount"}, {"type": "pid"}, ('"$types"'[] | {type: ., path: ("/proc/'"$HOLDER"'/ns/" + (if . == "network" then "net" else . end))})]
    | del(.hostname)'
  command_is 'for n in net ipc uts cgroup time; do readlink /proc/self/ns/$n; done'
  expect_eq "$(run)" "$(for n in net ipc uts cgroup time; do readlink "/proc/$HOLDER/ns/$n"; done)"
  refused 'no network namespace' '.linux.namespaces[2].path = "/proc/'"$HOLDER"'/ns/uts"'
  edit '.linux.namespaces = [{"type": "mount", "path": "/proc/'"$HOLDER"'/ns/mnt"}, {"type": "pid"}]'
  command_is 'readlink /proc/self/ns/mnt'
  expect_eq "$(run)" "$(readlink "/proc/$HOLDER/ns/mnt")"
  refused "machine's own" '.linux.namespaces[0].path = "/proc/self/ns/mnt"'
  kill "$HOLDER"
}

# As the second container of a pod: all of the first one's, its user namespace among them.
test_a_pod_with_a_user_namespace() {
  bundle
  user_namespace
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" "$ID" </dev/null >/dev/null 2>&1
  local pid ns
  pid=$(oci state "$ID" | jq -r .pid)
  ns=/proc/$pid/ns
  edit '.linux.namespaces = [{"type": "mount"}, {"type": "cgroup"}, {"type": "pid", "path": "'"$ns/pid"'"}, {"type": "user", "path": "'"$ns/user"'"},
      {"type": "network", "path": "'"$ns/net"'"}, {"type": "ipc", "path": "'"$ns/ipc"'"}, {"type": "uts", "path": "'"$ns/uts"'"}] | del(.hostname)'
  command_is 'for n in user net ipc; do readlink /proc/self/ns/$n; done; id -u; cat /proc/1/comm; stat -f -c %T /sys; cat /proc/self/uid_map | xargs'
  expect_eq "$(oci run -b "$TMP/bundle" "$ID-second" </dev/null)" \
    "$(readlink "$ns/user" "$ns/net" "$ns/ipc")"$'\n0\nsleep\nsysfs\n0 300000 65536'
  # A container with a user namespace of its own in a network that is not its own.
  edit '.linux.namespaces = [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "user"}, {"type": "network", "path": "'"$ns/net"'"}]'
  command_is 'readlink /proc/self/ns/net; ls -d /sys/class'
  expect_eq "$(oci run -b "$TMP/bundle" "$ID-third" </dev/null)" "$(readlink "$ns/net")"$'\n/sys/class'
}

test_clocks_are_shifted() {
  bundle
  edit '.linux.namespaces += [{"type": "time"}] | .linux.timeOffsets = {"monotonic": {"secs": 172800}, "boottime": {"secs": 864000, "nanosecs": 5}}'
  command_is 'cat /proc/self/timens_offsets | xargs; cut -d. -f1 /proc/uptime'
  out=$(run)
  expect_match "$out" 'monotonic 172800 0 boottime 864000 5'
  (($(tail -n 1 <<<"$out") > 864000)) || fail "uptime inside is $(tail -n 1 <<<"$out")"
}

test_sysctls_of_its_own_namespaces() {
  bundle
  edit '.linux.sysctl = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.lo.forwarding": "0", "kernel.msgmax": "9000", "fs.mqueue.msg_max": "11", "kernel.domainname": "example"}'
  command_is 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max /proc/sys/kernel/domainname | xargs'
  local before
  before=$(cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward)
  expect_eq "$(run)" "1 9000 11 example"
  expect_eq "$(cat /proc/sys/kernel/msgmax /proc/sys/net/ipv4/ip_forward)" "$before" "the machine's own"
  refused 'linux.sysctl.kernel.shm_rmid_forced\+kernel.core_pattern: it belongs to the machine' '.linux.sysctl = {"kernel.shm_rmid_forced+kernel.core_pattern": "1"}'
  refused "linux.sysctl.net.ipv4.ip_forward: .*machine's own network" \
    '.linux.namespaces = [.linux.namespaces[] | if .type == "network" then .path = "/proc/self/ns/net" else . end] | .linux.sysctl = {"net.ipv4.ip_forward": "1"}'
  user_namespace
  edit '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.hostname": "container"}'
  command_is 'cat /proc/sys/net/ipv4/ip_forward; hostname'
  expect_eq "$(run | xargs)" "1 container"
}

# CVE-2019-16884, CVE-2025-52881: what the configuration mounts on /proc is not what we write to.
test_sysctls_are_not_written_to_a_false_proc() {
  bundle
  mkdir -p "$TMP/false/sys/net/ipv4"
  echo untouched >"$TMP/false/sys/net/ipv4/ip_forward"
  edit '.mounts = [.mounts[] | if .destination == "/proc" then {"destination": "/proc", "source": "'"$TMP/false"'", "options": ["bind"]} else . end]
    | .linux.sysctl = {"net.ipv4.ip_forward": "1"} | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
  command_is 'cat /proc/sys/net/ipv4/ip_forward; mkdir /real; mount -t proc proc /real; cat /real/sys/net/ipv4/ip_forward'
  edit '.process.capabilities.bounding += ["CAP_SYS_ADMIN"] | .process.capabilities.effective = .process.capabilities.bounding
    | .process.capabilities.permitted = .process.capabilities.bounding | del(.linux.resources)'
  expect_eq "$(run)" $'untouched\n1'
}

test_devices_have_mode_and_owner() {
  bundle
  edit '.linux.devices = [{"path": "/dev/mine", "type": "c", "major": 1, "minor": 5, "fileMode": 416, "uid": 3, "gid": 4},
    {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 384}, {"path": "/dev/deep/pipe", "type": "p", "fileMode": 438}] | del(.linux.resources)'
  command_is 'stat -c "%F %a %u:%g %t:%T" /dev/mine /dev/null /dev/deep/pipe; head -c 2 /dev/mine | wc -c; echo >/dev/null; stat -c "%t:%T" /dev/zero'
  expect_eq "$(run)" $'character special file 640 3:4 1:5\ncharacter special file 600 0:0 1:3\nfifo 666 0:0 0:0\n2\n1:5'
  ln -s /etc "$TMP/bundle/rootfs/evil"
  refused 'symbolic link' '.linux.devices[0].path = "/evil/passwd"'
  user_namespace
  edit '.linux.devices = [{"path": "/dev/full", "type": "c", "major": 1, "minor": 7}]'
  command_is 'stat -c "%t:%T" /dev/full'
  expect_eq "$(run)" 1:7
  refused 'this machine has another one there' '.linux.devices[0].minor = 8'
}

test_devices_are_bound_where_they_cannot_be_made() {
  bundle
  edit '.linux.devices = [{"path": "/elsewhere/zero", "type": "c", "major": 1, "minor": 5}] | del(.linux.resources)
    | .root.readonly = false | .mounts |= map(if .destination == "/dev" then .options += ["nodev"] else . end)'
  command_is 'stat -c %t:%T /dev/null /elsewhere/zero; echo >/dev/null; head -c 2 /elsewhere/zero | wc -c; grep -c "/dev/\(null\|tty\) " /proc/self/mountinfo'
  expect_eq "$(run)" $'1:3\n1:5\n2\n2'
  [[ ! -s $TMP/bundle/rootfs/elsewhere/zero ]] || fail "a node is in the bundle's directory"
}

# Root of a container without a user namespace is root of the machine, and may change the owner and mode of files.
test_the_machines_devices_cannot_be_changed() {
  bundle
  edit '.linux.maskedPaths = ["/proc/keys"]'
  command_is 'stat -c %d:%i /dev/null /dev/tty; chmod 666 /proc/keys 2>&1'
  out=$(expect_fail 1 run)
  expect_match "$out" 'chmod: /proc/keys: Read-only file system'
  local file
  for file in null tty; do
    [[ $out != *"$(stat -c %d:%i "/dev/$file")"* ]] || fail "/dev/$file is the machine's own"
  done
}

# As getenv(3) and the shell see it.
test_the_last_of_two_variables_holds() {
  bundle
  edit '.process.env += ["A=1", "AB=x", "A=2"]'
  edit '.process.args = ["grep", "-z", "^A", "/proc/self/environ"]'
  expect_eq "$(run | tr '\0' ' ')" "AB=x A=2 "
}

# Its file system belongs to who makes the namespace.
test_message_queues_belong_to_root_of_the_user_namespace() {
  bundle
  user_namespace
  command_is 'stat -c %u:%g /dev/mqueue'
  expect_eq "$(run)" 0:0
}

test_scheduler_io_priority_and_personality() {
  bundle
  edit '.process.scheduler = {"policy": "SCHED_BATCH", "nice": 7} | .process.ioPriority = {"class": "IOPRIO_CLASS_BE", "priority": 6}
    | .linux.personality = {"domain": "LINUX32"} | .domainname = "example.org"'
  command_is 'awk "{ print \$19, \$41 }" /proc/self/stat; ionice; uname -m; cat /proc/sys/kernel/domainname'
  expect_eq "$(run)" $'7 3\nbest-effort: prio 6\ni686\nexample.org'
}

test_exec_runs_on_the_processors_that_it_is_given() {
  (($(nproc) > 1)) || skip "one processor only"
  bundle
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" "$ID" </dev/null >/dev/null 2>&1
  jq '.process | .args = ["grep", "Cpus_allowed_list", "/proc/self/status"] | .execCPUAffinity = {"initial": "0", "final": "1"}' "$TMP/bundle/config.json" >"$TMP/process.json"
  expect_match "$(oci exec --process "$TMP/process.json" "$ID")" $'\t1$'
}

# What exec gives its processes besides: personality and memory policy are every process's of the container.
test_exec_has_the_personality_and_memory_policy_of_the_container() {
  bundle
  edit '.linux.personality = {"domain": "LINUX32"} | .linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "0"}'
  command_is 'sleep 1000'
  oci run -d -b "$TMP/bundle" "$ID" </dev/null >/dev/null 2>&1
  expect_eq "$(oci exec "$ID" sh -c 'uname -m; grep -c bind:0 /proc/self/numa_maps >/dev/null && echo bound' | xargs)" 'i686 bound'
  jq '.process | .args = ["sh", "-c", "uname -m; grep -q bind:0 /proc/self/numa_maps && echo bound"]' "$TMP/bundle/config.json" >"$TMP/process.json"
  expect_eq "$(oci exec --process "$TMP/process.json" "$ID" | xargs)" 'i686 bound'
}

test_memory_policy() {
  [[ -e /proc/self/numa_maps ]] || skip "this kernel has no memory policies"
  bundle
  edit '.linux.memoryPolicy = {"mode": "MPOL_INTERLEAVE", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}'
  command_is 'cat /proc/self/numa_maps'
  expect_match "$(run)" ' interleave=static:0 '
  edit '.linux.memoryPolicy = {"mode": "MPOL_LOCAL"}'
  expect_match "$(run)" ' local '
  refused "set the memory policy for nodes 1000: Invalid argument" '.linux.memoryPolicy = {"mode": "MPOL_BIND", "nodes": "1000"}'
  refused "memoryPolicy.mode: 'MPOL_BEST' is unknown" '.linux.memoryPolicy = {"mode": "MPOL_BEST"}'
}

test_intel_rdt_needs_a_machine_that_has_it() {
  bundle
  grep -q ' - resctrl ' /proc/self/mountinfo ||
    refused 'linux.intelRdt: resctrl is not mounted on this machine' '.linux.intelRdt = {"closID": "gold"}'
  refused 'linux.intelRdt.closID: expected the name of a directory' '.linux.intelRdt = {"closID": "../gold"}'
}

# device NAME: an interface of this machine with addresses, an MTU and a hardware address of its own.
device() {
  ip link add "$1" type veth peer name "peer-$1"
  ip link set "$1" mtu 1333 address 02:00:00:00:00:07 up
  ip addr add 192.0.2.7/24 dev "$1"
  ip -6 addr add 2001:db8::7/64 dev "$1" nodad
}

test_network_devices_move_with_their_addresses() {
  bundle
  device lan0
  device lan1
  edit '.linux.netDevices = {"lan0": {"name": "eth7"}, "lan1": {}}'
  command_is 'ip addr show dev eth7; ip addr show dev lan1 | grep -c "inet 192.0.2.7/24"'
  local text
  text=$(run)
  expect_match "$text" 'UP.*mtu 1333'
  expect_match "$text" '02:00:00:00:00:07'
  expect_match "$text" 'inet 192.0.2.7/24'
  expect_match "$text" 'inet6 2001:db8::7/64'
  expect_match "$text" $'\n1$'
  expect_fail 1 ip link show lan0
}

test_network_devices_stay_when_the_start_fails() {
  bundle
  device lan2
  refused 'linux.netDevices nosuch: no such interface' '.linux.netDevices = {"lan2": {}, "nosuch": {}}'
  refused 'no-such-fs' '.linux.netDevices = {"lan2": {"name": "eth0"}} | .mounts += [{"destination": "/x", "type": "no-such-fs"}]'
  expect_match "$(ip addr show dev lan2)" 'UP.*mtu 1333.*inet 192.0.2.7/24.*inet6 2001:db8::7/64'
  refused 'network namespace' '.linux.netDevices = {"lan2": {}} | .linux.namespaces -= [{"type": "network"}]'
  # In a namespace that is joined, the name may be taken.
  holder --net
  ip link add eth0 netns "$HOLDER" type veth peer name elsewhere netns "$HOLDER"
  refused 'netDevices eth0: the container has an interface of that name' '.linux.netDevices = {"lan2": {"name": "eth0"}}
    | .linux.namespaces = [.linux.namespaces[] | if .type == "network" then .path = "/proc/'"$HOLDER"'/ns/net" else . end]'
  refused "the network namespace is the machine's own" '.linux.netDevices = {"lan2": {"name": "eth0"}}
    | .linux.namespaces = [.linux.namespaces[] | if .type == "network" then .path = "/proc/'"$$"'/ns/net" else . end]'
  ip link show lan2
}

test_labels_need_their_module() {
  bundle
  [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]] ||
    refused 'process.apparmorProfile: AppArmor is not enabled' '.process.apparmorProfile = "docker-default"'
  [[ -e /sys/fs/selinux/enforce ]] || {
    refused 'process.selinuxLabel: SELinux is not enabled' '.process.selinuxLabel = "system_u:system_r:x_t:s0"'
    refused 'linux.mountLabel: SELinux is not enabled' '.linux.mountLabel = "system_u:object_r:x_t:s0"'
  }
}

run_tests "$@"
