#!/usr/bin/env bash
# container: options under Docker's names for mounts, devices, sysctls, filters and shared namespaces; what opens the
# container is said to the log.
. "$(dirname "$0")/../lib/container.sh"

test_mount_has_dockers_words() {
  mkdir "$TMP/data"
  echo here >"$TMP/data/file"
  expect_eq "$(run --mount "type=bind,src=$TMP/data,dst=/data,readonly" "$IMAGE" sh -c 'cat /data/file; touch /data/x 2>&1' || true)" \
    $'here\ntouch: /data/x: Read-only file system'
  expect_match "$(run --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=750 "$IMAGE" sh -c 'grep " /t " /proc/mounts; stat -c %a /t')" \
    $'tmpfs .*size=1024k.*\n750'
  expect_match "$(expect_fail 2 run --mount type=bind,source=/etc,target=/e,rslave "$IMAGE" 2>&1)" "'rslave' is none of"
  check_no_leaks
}

test_a_device_is_roots_inside_and_logged() {
  mknod "$TMP/zero" c 1 5
  chmod 600 "$TMP/zero"
  run --device "$TMP/zero:/dev/mine" "$IMAGE" sh -c 'stat -c "%u %a %t:%T" /dev/mine; head -c 3 /dev/mine | wc -c; echo x >/dev/mine' \
    >"$TMP/out" 2>"$TMP/log"
  expect_eq "$(cat "$TMP/out")" $'0 600 1:5\n3'
  expect_match "$(cat "$TMP/log")" "opened by its options: device $TMP/zero"
  expect_match "$(expect_fail 125 run --device /etc/passwd "$IMAGE" true 2>&1)" 'use device /etc/passwd: it is no device'
  expect_match "$(expect_fail 125 run --device /dev/none "$IMAGE" true 2>&1)" 'use device /dev/none: No such file'
  check_no_leaks
}

# What the owner of a file may do with it its mode does not say: the cgroup's filter does.
test_a_device_may_be_for_reading_only() {
  mknod "$TMP/mem" c 1 5
  run --device "$TMP/mem:/dev/mine:r" "$IMAGE" sh -c 'head -c 2 /dev/mine | wc -c' >"$TMP/out" 2>"$TMP/log" ||
    { grep -q 'attach no device filter' "$TMP/log" && skip "device filters cannot be attached here"; }
  # The zero device is one of the standard ones, so another one tells: hwrng's driver need not be there to be denied.
  mknod "$TMP/other" c 1 11
  expect_match "$(run --device "$TMP/other:/dev/mine:r" "$IMAGE" sh -c 'echo x >/dev/mine' 2>&1 || true)" 'ermi'
  expect_eq "$(cat "$TMP/out")" 2
}

test_sysctls_of_its_own_namespaces() {
  expect_eq "$(run --sysctl net.core.somaxconn=77 --sysctl kernel.msgmax=9000 "$IMAGE" sh -c 'cat /proc/sys/net/core/somaxconn /proc/sys/kernel/msgmax')" $'77\n9000'
  expect_match "$(expect_fail 125 run --sysctl kernel.core_pattern=x "$IMAGE" true 2>&1)" \
    'kernel.core_pattern: it belongs to the machine'
  expect_match "$(expect_fail 125 run --network host --sysctl net.core.somaxconn=77 "$IMAGE" true 2>&1)" 'network namespace of its own'
  check_no_leaks
}

test_a_filter_from_a_file_in_dockers_format() {
  cat >"$TMP/filter.json" <<'JSON'
{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}],
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "comment": "no directories"},
              {"names": ["unlink", "unlinkat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7, "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}
JSON
  run --security-opt "seccomp=$TMP/filter.json" "$IMAGE" sh -c 'mkdir /x; touch /y && rm /y && echo removed' >"$TMP/out" 2>"$TMP/log"
  expect_eq "$(cat "$TMP/out")" removed
  expect_match "$(cat "$TMP/log")" "filter of $TMP/filter.json.*Argument list too long"
  # The start after this one needs no file.
  container create --name kept --security-opt "seccomp=$TMP/filter.json" "$IMAGE" mkdir /x >/dev/null
  rm "$TMP/filter.json"
  expect_match "$(expect_fail 1 container start -a kept 2>&1)" 'Argument list too long'
  container rm kept
  if [[ -e /usr/share/containers/seccomp.json ]]; then
    expect_eq "$(run --security-opt seccomp=/usr/share/containers/seccomp.json "$IMAGE" sh -c 'mkdir /x && echo made' 2>/dev/null)" made
  fi
  echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "action": "SCMP_ACT_FLY"}]}' >"$TMP/bad.json"
  expect_match "$(expect_fail 125 run --security-opt "seccomp=$TMP/bad.json" "$IMAGE" true 2>&1)" 'SCMP_ACT_FLY'
  check_no_leaks
}

test_system_paths_are_protected_unless_told_otherwise() {
  local mounts='grep -c " /proc/" /proc/self/mountinfo; echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward'
  expect_match "$(run --cap-add NET_ADMIN "$IMAGE" sh -c "$mounts" 2>&1 || true)" 'Read-only file system'
  expect_eq "$(run --cap-add NET_ADMIN --security-opt systempaths=unconfined "$IMAGE" sh -c "$mounts" 2>"$TMP/log")" $'0\n1'
  expect_match "$(cat "$TMP/log")" 'opened by its options: .*/proc and /sys as they are'
  check_no_leaks
}

# Without a user namespace these are rights over this machine: nobody can give what he does not have.
test_only_capabilities_of_our_own_can_be_given() {
  local -a weak=(setpriv --bounding-set=-sys_time "$CLUSTERCTL" container)
  expect_match "$(expect_fail 125 "${weak[@]}" run --rm --userns host --cap-add sys_time "$IMAGE" true 2>&1)" \
    'add capability sys_time: we do not have it ourselves'
  # (25 is CAP_SYS_TIME.)
  expect_eq "$("${weak[@]}" run --rm --userns host --cap-add ALL "$IMAGE" sh -c \
    'read -r _ set <<EOF
$(grep CapEff /proc/self/status)
EOF
echo $((0x$set >> 25 & 1)) $((0x$set >> 21 & 1))' 2>/dev/null)" "0 1"
  check_no_leaks
}

test_without_a_user_namespace_root_is_root_and_it_is_said() {
  local out
  out=$(run --userns host "$IMAGE" sh -c 'exec 2>&1; cat /proc/self/uid_map; mknod /sda b 8 0 && head -c 1 /sda; id -u' 2>&1)
  expect_match "$out" 'opened by its options: no user namespace.*0 +0 +4294967295.*ermi.*0$'
  expect_eq "$(run --userns host -v "$TMP:/t" "$IMAGE" sh -c 'echo x >/t/file; stat -c %u /t/file' 2>/dev/null)" 0
  check_no_leaks
}

test_an_init_reaps_and_passes_signals_on() {
  local id
  expect_fail 7 run --init "$IMAGE" sh -c 'exit 7'
  expect_fail 127 run --init "$IMAGE" no-such-program 2>/dev/null
  expect_fail 137 run --init "$IMAGE" sh -c 'kill -KILL $$'
  # Somebody else's orphan is gone when it has ended, and the application is not process 1.
  expect_match "$(run --init "$IMAGE" sh -c '(sleep 0.2 & ) ; sleep 0.6; echo $$; cat /proc/[0-9]*/stat')" $'^[2-9]\n1 .init. S'
  expect_eq "$(run --init "$IMAGE" sh -c '(sleep 0.2 & ) ; sleep 0.6; cat /proc/[0-9]*/stat' | grep -c ' Z ' || true)" 0
  container run -d --init --name app "$IMAGE" sh -c 'trap "exit 4" TERM; echo up; while :; do sleep 0.05; done' >/dev/null
  wait_until 10 container_says app up
  # Nobody inside can look into it.
  expect_match "$(container exec app ls -l /proc/1/exe 2>&1 || true)" 'denied'
  container stop app >/dev/null
  expect_eq "$(container inspect app | jq '.[0].exitCode')" 4
  container rm app
  check_no_leaks
}
container_says() { [[ $(container logs "$1") == "$2" ]]; }

test_namespaces_of_another_container() {
  local id
  container run -d --name one --hostname first "$IMAGE" sh -c 'echo shared >/dev/shm/file; httpd -f -p 80 -h /dev/shm' >/dev/null
  wait_until 10 container exec one test -s /dev/shm/file
  # Rights over that network, its sockets on loopback, its processes, its memory, its name.
  expect_eq "$(run --network container:one "$IMAGE" wget -q -T 5 -O - http://127.0.0.1/file)" shared
  expect_eq "$(run --network container:one --cap-add NET_ADMIN "$IMAGE" sh -c 'ip addr add 192.0.2.9/32 dev lo && ip addr del 192.0.2.9/32 dev lo && echo may' 2>/dev/null)" may
  expect_match "$(run --pid container:one "$IMAGE" ps)" 'httpd'
  expect_eq "$(run --ipc container:one "$IMAGE" cat /dev/shm/file)" shared
  expect_eq "$(run --uts container:one "$IMAGE" hostname)" first
  expect_eq "$(run --network container:one "$IMAGE" cat /proc/self/uid_map)" "$(container exec one cat /proc/self/uid_map)"
  # What one writes the other owns, and nobody else gets its ids as long as one of them is there.
  id=$(container create --name two --network container:one --pid container:one "$IMAGE" sleep 1000)
  container start two >/dev/null
  expect_match "$(container exec two ps)" 'httpd'
  container stop -t 0 two >/dev/null
  container rm -f one >/dev/null
  expect_eq "$(jq ".ranges[\"$id\"]" "$CLUSTEROS_RUNTIME_ROOT/ids.json")" "$(container inspect two | jq '.[0].firstId')"
  expect_match "$(expect_fail 125 container start two 2>&1)" 'join container .*: there is none'
  container rm two
  # One whose process is there, but has not become the container yet.
  container run -d --name early "$IMAGE" sleep 1000 >/dev/null
  id=$(container inspect early | jq -r '.[0].id')
  jq '.status = "starting"' "$CLUSTEROS_RUNTIME_STATE/$id/state.json" >"$TMP/state.json"
  cp "$TMP/state.json" "$CLUSTEROS_RUNTIME_STATE/$id/state.json"
  expect_match "$(expect_fail 125 run --ipc container:early "$IMAGE" true 2>&1)" 'join container early: it is not running'
  container rm -f early >/dev/null
  expect_match "$(expect_fail 125 run --network container:one "$IMAGE" true 2>&1)" 'container one: there is none'
  expect_match "$(expect_fail 2 run --network container:a --pid container:b "$IMAGE" true 2>&1)" 'only those of one container'
  check_no_leaks
}

test_namespaces_of_the_host() {
  expect_eq "$(run --uts host "$IMAGE" hostname 2>/dev/null)" "$(hostname)"
  expect_match "$(run --pid host "$IMAGE" sh -c 'ls -d /proc/'$$'; cat /proc/timer_list; echo 1 >/proc/sys/kernel/panic' 2>&1 || true)" \
    "the host.s processes.*/proc/$$.*(denied|Read-only)"
  expect_eq "$(run --ipc host "$IMAGE" stat -Lc %i /proc/self/ns/ipc 2>/dev/null)" "$(stat -Lc %i /proc/self/ns/ipc)"
  # Its other processes end with it, though they are no children of a process 1 of its own.
  container run -d --name all --pid host "$IMAGE" sh -c 'sleep 4242 & sleep 4243' >/dev/null 2>&1
  container rm -f all >/dev/null
  wait_until 5 gone 'sleep 4242'
  check_no_leaks
}
gone() { ! pgrep -f "$1" >/dev/null; }

run_tests "$@"
