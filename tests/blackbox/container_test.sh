#!/usr/bin/env bash
# container: an application from an image runs isolated, limited and looked after, and nothing of it stays behind.
. "$(dirname "$0")/../lib/container.sh"

test_pid_1_and_nothing_else() {
  expect_eq "$(run_sh 'set -- /proc/[0-9]*; echo $$ $#')" "1 1"
}

test_exit_codes() {
  expect_fail 7 run_sh 'exit 7'
  expect_fail 127 run "$IMAGE" no-such-program 2>/dev/null
  expect_fail 126 run "$IMAGE" /etc/passwd 2>/dev/null
  expect_fail 143 run_sh 'trap "exit 143" TERM; kill -TERM $$; exit 1'
  expect_match "$(expect_fail 125 run 127.0.0.1:1/none true 2>&1)" '^container: '
  expect_match "$(expect_fail 2 run --memroy 1 "$IMAGE" 2>&1)" "unknown option '--memroy' .did you mean '--memory'"
}

test_root_inside_is_nobody_outside() {
  read -r inside outside count <<<"$(run_sh 'cat /proc/self/uid_map')"
  expect_eq "$inside $count" "0 65536"
  ((outside >= 524288)) || fail "root inside is $outside outside"
}

test_two_containers_have_different_ids() {
  local first second
  first=$(run_sh 'cat /proc/self/uid_map')
  second=$(run_sh 'cat /proc/self/uid_map')
  [[ $first != "$second" ]] || fail "both have $first"
}

test_the_host_cannot_be_seen() {
  local out
  touch "$TMP/secret"
  out=$(run_sh "ls $TMP 2>&1; hostname; cat /proc/1/cmdline | tr '\\0' ' '; cat /proc/self/mountinfo; ls /proc/1/root/")
  [[ $out != *secret* ]] || fail "a file of the host: $out"
  [[ $out != *"$(hostname)"* ]] || fail "the host's name: $out"
  expect_eq "$(run_sh 'ls /sys/class/net | sort | xargs')" "eth0 lo"
}

test_capabilities_and_filter() {
  local status
  status=$(run_sh 'cat /proc/self/status')
  expect_match "$status" 'CapInh:.0000000000000000'
  expect_match "$status" 'CapEff:.00000000a80425fb'
  expect_match "$status" 'CapBnd:.00000000a80425fb'
  expect_match "$status" 'CapAmb:.0000000000000000'
  expect_match "$status" 'NoNewPrivs:.1'
  expect_match "$status" 'Seccomp:.2'
  status=$(run --user app "$IMAGE" cat /proc/self/status)
  expect_match "$status" 'CapEff:.0000000000000000'
}

test_mounting_and_namespaces_are_denied() {
  expect_match "$(run_sh 'mount -t tmpfs t /tmp 2>&1; unshare -r true 2>&1; umount /proc/acpi 2>&1; true')" \
    'permission denied.*ermitted'
  expect_match "$(run_sh 'mount -o remount,rw /sys/fs/cgroup 2>&1; true')" 'denied|permitted'
}

test_masked_and_read_only_paths() {
  expect_eq "$(run_sh 'cat /proc/timer_list /proc/keys /proc/interrupts; ls /sys/firmware | wc -l')" 0
  expect_match "$(run_sh 'echo 1 >/proc/sys/kernel/panic' 2>&1 || true)" 'Read-only|Permission'
  expect_match "$(run_sh 'echo b >/proc/sysrq-trigger' 2>&1 || true)" 'Read-only|Permission|nonexistent'
  expect_match "$(run_sh 'mkdir /sys/fs/cgroup/x' 2>&1 || true)" 'Read-only'
}

test_device_nodes_are_the_standard_ones() {
  expect_eq "$(run_sh 'cd /dev; ls -d full null random tty urandom zero ptmx shm mqueue pts | wc -l; ls | wc -l')" $'10\n14'
  expect_match "$(run_sh 'mknod /sda b 8 0' 2>&1 || true)" 'not permitted'
  expect_eq "$(run_sh 'echo x >/dev/null && head -c 3 /dev/zero | wc -c')" 3
}

# CVE-2019-5736: the runtime's own file, reached from inside as the interpreter of a script, stays as it is.
test_the_binary_cannot_be_written() {
  local before
  before=$(sha256sum <"$CLUSTERCTL")
  run_sh 'printf "#!/proc/self/exe\n" >/evil; chmod 755 /evil; /evil & cd /proc
    for pid in [0-9]*; do (echo broken >/proc/$pid/exe) 2>/dev/null; done; true' >/dev/null 2>&1 || true
  applet container run -d --name victim "$IMAGE" sh -c 'while :; do for f in /proc/[0-9]*/exe; do
    case $(readlink $f) in *busybox*) ;; *) (echo broken >$f) 2>/dev/null && touch /written; readlink $f >>/seen;; esac
    done; done' >/dev/null
  for _ in 1 2 3 4 5; do applet container exec victim true; done
  expect_fail 1 applet container exec victim test -e /written
  applet container rm -f victim >/dev/null
  expect_eq "$(sha256sum <"$CLUSTERCTL")" "$before"
}

# CVE-2024-21626: no descriptor of the host, none as the working directory.
test_no_descriptor_of_the_host_is_left() {
  expect_eq "$(run_sh 'ls /proc/self/fd | xargs')" "0 1 2 3"
  for fd in 3 4 5 6 7 8 9 10; do
    expect_match "$(expect_fail 125 run --workdir "/proc/self/fd/$fd" "$IMAGE" true 2>&1)" 'working directory|in the container'
  done
}

test_environment_user_and_workdir() {
  expect_eq "$(run -e A=1 -e A=2 "$IMAGE" sh -c 'echo $A $FROM_IMAGE $HOME')" "2 yes /root"
  expect_eq "$(run --user app "$IMAGE" id)" "uid=1000(app) gid=1000(app) groups=10(wheel)"
  expect_eq "$(run --user 7:8 "$IMAGE" sh -c 'id -u; id -g')" $'7\n8'
  expect_match "$(expect_fail 125 run --user 1000abc "$IMAGE" id 2>&1)" "1000abc: not in the container's /etc/passwd"
  expect_eq "$(run --workdir /made/here "$IMAGE" pwd)" /made/here
  expect_eq "$(run --hostname web1 "$IMAGE" cat /etc/hostname)" web1
  expect_eq "$(run --user app "$IMAGE" sh -c 'echo through >/dev/stdout')" through
}

test_volumes_keep_their_owner() {
  mkdir "$TMP/data"
  echo mine >"$TMP/data/in"
  chmod 600 "$TMP/data/in"
  expect_eq "$(run -v "$TMP/data:/data" "$IMAGE" sh -c 'cat /data/in; echo yours >/data/out')" mine
  expect_eq "$(stat -c %u "$TMP/data/out")" 0
  expect_match "$(run -v "$TMP/data:/data:ro" "$IMAGE" touch /data/x 2>&1 || true)" 'Read-only'
  expect_match "$(expect_fail 125 run -v "$TMP/none:/data" "$IMAGE" true 2>&1)" "bind $TMP/none: No such file"
  # A link on the way stays inside: /var/run is one.
  expect_eq "$(run -v "$TMP/data:/var/run/data" "$IMAGE" cat /run/data/in)" mine
}

test_read_only_root() {
  expect_match "$(run --read-only "$IMAGE" touch /x 2>&1 || true)" 'Read-only'
  run --read-only "$IMAGE" touch /dev/shm/x
}

test_network_none_has_loopback_only() {
  expect_eq "$(run --net none "$IMAGE" sh -c 'ls /sys/class/net')" lo
}

test_two_containers_talk_and_a_port_is_published() {
  local port address
  port=$(free_port)
  applet container run -d --name page -p "$port:80" "$IMAGE" \
    sh -c 'mkdir /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www' >/dev/null
  wait_until 10 curl -fsS -m 2 "http://127.0.0.1:$port/"
  expect_eq "$(curl -fsS -m 5 "http://127.0.0.1:$port/")" hello
  address=$(applet container inspect page | jq -r '.[0].address')
  expect_eq "$(run "$IMAGE" wget -q -T 5 -O - "http://$address/")" hello
  expect_eq "$(run "$IMAGE" wget -q -T 5 -O - "http://172.31.128.1:$port/")" hello
  expect_match "$(expect_fail 125 run -p "$port:80" "$IMAGE" true 2>&1)" "publish port $port/tcp: Address already in use"
  # Another machine reaches the published port, and no other one.
  ip netns add outside
  ip link add wan type veth peer name wan0 netns outside
  ip addr add 192.0.2.1/24 dev wan && ip link set wan up
  ip -n outside addr add 192.0.2.2/24 dev wan0 && ip -n outside link set wan0 up
  ip -n outside route add default via 192.0.2.1
  local from_outside blocked=0
  from_outside=$(ip netns exec outside curl -fsS -m 5 "http://192.0.2.1:$port/") || true
  ip netns exec outside curl -fsS -m 2 "http://$address/" >/dev/null 2>&1 && blocked=1
  ip netns del outside
  expect_eq "$from_outside" hello "the page from outside"
  expect_eq "$blocked" 0 "reaching an address that is not published"
  applet container rm -f page >/dev/null
}

# The kernel takes the link away with the namespace; somebody may still be in that.
test_an_address_is_given_out_when_its_link_is_gone() {
  local link first holder
  address_of() { applet container inspect "$1" | jq -r '.[0].address'; }
  applet container run -d --name first "$IMAGE" sleep 1000 >/dev/null
  first=$(address_of first)
  link=$(ip -o link show type veth | grep -o 'cv[0-9a-f]*')
  nsenter --target "$(applet container inspect first | jq -r '.[0].pid')" --net sleep 1000 &
  holder=$!
  has_entered() { [[ $(readlink "/proc/$holder/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
  wait_until 5 has_entered
  applet container rm -f first >/dev/null
  applet container run -d --name second "$IMAGE" sleep 1000 >/dev/null
  [[ $(address_of second) != "$first" ]] || fail "two links have $first"
  kill "$holder"
  is_gone() { [[ ! -e /sys/class/net/$link ]]; }
  wait_until 5 is_gone
  applet container run -d --name third "$IMAGE" sleep 1000 >/dev/null
  expect_eq "$(address_of third)" "$first" "the address, free again"
  applet container rm -f second third >/dev/null
}

test_a_link_of_the_last_run_is_not_in_the_way() {
  local holder
  applet container run -d --name box "$IMAGE" sleep 1000 >/dev/null
  nsenter --target "$(applet container inspect box | jq -r '.[0].pid')" --net sleep 1000 &
  holder=$!
  has_entered() { [[ $(readlink "/proc/$holder/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
  wait_until 5 has_entered
  applet container stop -t 0 box >/dev/null
  applet container start box >/dev/null
  expect_match "$(applet container exec box ip -o addr show eth0)" "inet $(applet container inspect box | jq -r '.[0].address')/"
  kill "$holder"
  applet container rm -f box >/dev/null
}

# CVE-2020-8558: route_localnet must not open the host's loopback services to containers.
test_the_hosts_loopback_cannot_be_reached() {
  start_daemon server busybox httpd -f -p 127.0.0.1:8099 -h "$TMP"
  wait_until 5 curl -s http://127.0.0.1:8099/
  expect_fail 1 run "$IMAGE" sh -c 'wget -q -T 2 -O - http://172.31.128.1:8099/ || exit 1' 2>/dev/null
}

test_exec_joins_everything() {
  applet container run -d --name box "$IMAGE" sleep 1000 >/dev/null
  expect_eq "$(applet container exec box sh -c 'hostname')" "$(applet container exec box cat /etc/hostname)"
  for name in user pid mnt net ipc uts cgroup; do
    expect_eq "$(applet container exec box readlink /proc/self/ns/"$name")" \
      "$(applet container exec box readlink /proc/1/ns/"$name")" "namespace $name"
  done
  local status
  status=$(applet container exec box cat /proc/self/status)
  expect_match "$status" 'CapInh:.0000000000000000'
  expect_match "$status" 'CapEff:.00000000a80425fb'
  expect_match "$status" 'Seccomp:.2'
  expect_match "$status" 'NoNewPrivs:.1'
  expect_eq "$(echo words | applet container exec -i box cat)" words
  expect_fail 9 applet container exec box sh -c 'exit 9'
  expect_fail 127 applet container exec box no-such 2>/dev/null
  expect_match "$(applet container exec --user app -e X=1 box sh -c 'id -un; echo $X' | xargs)" '^app 1$'
  applet container rm -f box >/dev/null
  expect_match "$(expect_fail 125 applet container exec box true 2>&1)" 'container box: there is none'
}

test_logs_of_both_streams_follow_and_stay() {
  applet container run -d --name talk "$IMAGE" sh -c 'for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.2; done' >/dev/null
  expect_eq "$(applet container logs -f talk 2>/dev/null | xargs)" "out 1 out 2 out 3"
  expect_eq "$(applet container logs talk 2>&1 >/dev/null | xargs)" "err 1 err 2 err 3"
  expect_match "$(applet container logs -t talk | head -n 1)" '^20[0-9-]+T[0-9:.]+Z out 1$'
  applet container rm talk >/dev/null
}

test_stop_asks_then_kills() {
  local begin
  applet container run -d --name polite "$IMAGE" sh -c 'trap "echo bye; exit 3" TERM; while :; do sleep 0.1; done' >/dev/null
  applet container stop polite >/dev/null
  expect_match "$(applet container ps -a)" 'polite.*exited .3.'
  expect_eq "$(applet container logs polite)" bye
  applet container run -d --name deaf "$IMAGE" sh -c 'trap "" TERM; while :; do sleep 0.1; done' >/dev/null
  begin=$SECONDS
  applet container stop -t 1 deaf >/dev/null
  ((SECONDS - begin <= 5)) || fail "stop took $((SECONDS - begin)) s"
  expect_match "$(applet container ps -a)" 'deaf.*exited .137.'
  applet container rm polite deaf >/dev/null
  expect_eq "$(applet container ps -aq)" ""
}

test_a_signal_to_run_reaches_the_application() {
  start_daemon front "$CLUSTERCTL" container run --rm --name front "$IMAGE" \
    sh -c 'trap "echo got it; exit 5" TERM; echo up; while :; do sleep 0.1; done'
  local pid=$PID code=0
  wait_until 10 grep -q up "$TMP/front.log"
  kill -TERM "$pid"
  wait "$pid" || code=$?
  expect_eq "$code" 5
  expect_match "$(cat "$TMP/front.log")" 'got it'
}

test_names_are_unique_and_checked() {
  applet container run -d --name one "$IMAGE" sleep 1000 >/dev/null
  expect_match "$(expect_fail 125 run --name one "$IMAGE" true 2>&1)" 'the name is in use by'
  expect_match "$(expect_fail 1 applet container rm one 2>&1)" 'it is running'
  expect_fail 2 run --name ../up "$IMAGE" true 2>/dev/null
  applet container rm -f one >/dev/null
}

test_a_killed_supervisor_leaves_nothing() {
  start_daemon front "$CLUSTERCTL" container run --name orphan "$IMAGE" sh -c 'echo up; sleep 1000'
  local supervisor=$PID inner
  wait_until 10 grep -q up "$TMP/front.log"
  inner=$(applet container inspect orphan | jq -r '.[0].pid')
  kill -KILL "$supervisor"
  wait_until 10 lib_has_ended "$inner"
  expect_match "$(applet container ps -a)" 'orphan.*exited .137.'
  applet container rm orphan >/dev/null
  check_no_leaks
}

test_nothing_is_left_after_rm() {
  local port cgroup
  port=$(free_port)
  applet container run -d --name full -p "$port:80" "$IMAGE" sh -c 'dd if=/dev/zero of=/big bs=1M count=2; sleep 1000' >/dev/null 2>&1
  cgroup=$(applet container inspect full | jq -r '.[0].cgroup')
  [[ ! $cgroup || -d $cgroup ]] || fail "no cgroup $cgroup"
  applet container rm -f full >/dev/null
  [[ ! $cgroup || ! -d $cgroup ]] || fail "cgroup $cgroup is left"
  run "$IMAGE" true
  expect_fail 127 run -p "$port:80" "$IMAGE" no-such 2>/dev/null
  check_no_leaks
}

# On a machine without the controller in cgroup v2, a limit is an error and not a wish.
test_a_limit_that_cannot_be_set_is_an_error() {
  if grep -qw memory "$(findmnt -nt cgroup2 -o TARGET | tail -n 1)/cgroup.controllers"; then
    skip "cgroup v2 has the memory controller here (tests/vm covers the limits)"
  fi
  expect_match "$(expect_fail 125 run --memory 64m "$IMAGE" true 2>&1)" "controller 'memory' is not available"
  check_no_leaks
}

has_history() { [[ $(applet container stats --history --json "$1" | jq length) -ge 1 ]]; }

# Nobody asks for them: by the process that looks after a container, and for all of the machine by what a timer starts.
test_samples_are_taken() {
  applet container run -d --name watched "$IMAGE" sh -c 'while :; do sleep 0.05; done' >/dev/null
  trap 'applet container rm -f watched ended >/dev/null 2>&1 || true' EXIT
  applet container run -d --name ended "$IMAGE" true >/dev/null
  applet container wait ended >/dev/null
  applet container unit-stats
  has_history watched
  expect_eq "$(applet container stats --history --json ended)" "[]"
  rm "$CLUSTEROS_RUNTIME_STATE/$(applet container inspect watched | jq -r '.[0].id')/stats"
  wait_until 30 has_history watched
}

test_stats_top_pause_and_history() {
  local out
  applet container run -d --name busy "$IMAGE" sh -c 'while :; do :; done' >/dev/null
  trap 'applet container rm -f busy >/dev/null 2>&1 || true' EXIT
  out=$(applet container stats --no-stream --json busy)
  expect_eq "$(jq -r '.name, (.cpuPercent > 0), (.cpuMicroseconds > 0)' <<<"$out" | xargs)" "busy true true"
  expect_match "$(applet container stats --no-stream)" $'^ID +NAME +CPU.*\n.* busy '
  expect_eq "$(applet container stats --history --json busy | jq 'length >= 1')" true
  expect_match "$(applet container stats --history busy)" '^TIME +CPU'
  expect_match "$(applet container top busy)" $'^PID +INSIDE.*\n.* 1 .* sh -c while'
  expect_eq "$(applet container top --json busy | jq '.[0].pidInside')" 1
  expect_eq "$(applet container pause busy)" busy
  expect_match "$(expect_fail 1 applet container pause busy 2>&1)" 'paused already'
  expect_match "$(expect_fail 125 applet container exec busy true 2>&1)" 'it is paused'
  expect_eq "$(applet container stats --no-stream --json busy | jq .cpuPercent)" 0.0
  expect_eq "$(applet container unpause busy)" busy
  expect_match "$(expect_fail 1 applet container unpause busy 2>&1)" 'not paused'
  applet container exec busy true
  applet container rm -f busy >/dev/null
  expect_match "$(expect_fail 1 applet container stats busy 2>&1)" 'there is none'
}

test_update_takes_docker_s_names_and_says_what_is_wrong() {
  applet container run -d --name limited "$IMAGE" sleep 60 >/dev/null
  trap 'applet container rm -f limited >/dev/null 2>&1 || true' EXIT
  expect_match "$(expect_fail 2 applet container update limited 2>&1)" 'update needs a limit'
  expect_match "$(expect_fail 2 applet container update --cpuset-cpus all limited 2>&1)" "--cpuset-cpus 'all': expected a list"
  expect_match "$(expect_fail 2 applet container update --device-read-bps sda limited 2>&1)" '/DEVICE:BYTES'
  expect_match "$(expect_fail 1 applet container update --device-read-bps /dev/null:1m limited 2>&1)" 'not a block device'
  if ! grep -qw pids "$(findmnt -nt cgroup2 -o TARGET | tail -n 1)/cgroup.controllers"; then
    expect_match "$(expect_fail 1 applet container update --pids 9 limited 2>&1)" "controller 'pids' is not available"
  fi
  applet container rm -f limited >/dev/null
}

run_tests "$@"
