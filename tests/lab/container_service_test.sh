#!/usr/bin/env bash
# container run -d under a real systemd: a service of its own, kept by PID 1, with no process of ours beside it.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"
. "$(dirname "$0")/container_node.sh"

field() { container inspect "$1" | jq -r ".[0]$2"; }
has_status() { [[ $(field "$1" .status) == "$2" ]]; }
has_logged() { container logs "$1" 2>&1 | grep -q "$2"; }
loop='while :; do busybox sleep 0.05; done'

test_no_process_of_ours_stays_and_all_is_adopted() {
  local unit pid
  node_with_image
  # A port whose socket nobody of ours holds.
  unit=container-$(container run -d --name app -p 8080:80 "$IMAGE" sh -c "echo serving; echo wrong >&2; $loop").service
  pid=$(field app .pid)
  expect_eq "$(in_node systemctl show -P MainPID "$unit")" "$pid"
  expect_match "$(in_node systemctl show -P ControlGroup "$unit")" "/machine.slice/$unit$"
  expect_eq "$(in_node bash -c "ps -eo comm= | grep -c '^container$'" || true)" 0
  wait_until 10 has_logged app serving
  expect_eq "$(container logs app 2>/dev/null)" serving
  expect_eq "$(container logs app 2>&1 >/dev/null)" wrong
  expect_match "$(expect_fail 125 container run -p 8080:80 "$IMAGE" true 2>&1)" 'publish port 8080/tcp: Address already in use'
  # An upgrade: another file under the name; and restarts of what we talk to.
  in_node bash -c 'cp /usr/bin/container /usr/bin/container.new && mv /usr/bin/container.new /usr/bin/container'
  in_node systemctl restart systemd-journald
  in_node systemctl daemon-reload
  in_node systemctl restart dbus
  expect_eq "$(field app '|.status+" "+(.pid|tostring)')" "running $pid"
  expect_eq "$(container exec app busybox sh -c 'echo inside')" inside
  container stop -t 0 app >/dev/null
  expect_eq "$(field app '|.status+" "+(.exitCode|tostring)')" "exited 137"
  expect_eq "$(container logs app 2>/dev/null)" serving
  container rm app
  wait_until 10 nothing_is_left
}

# The image's timer: samples of all containers, with nothing of ours in between, and no run where there is none.
test_a_timer_of_the_image_takes_samples() {
  node_with_image
  lab_copy a "$ROOT/image/units/clusteros-stats.service" /etc/systemd/system/clusteros-stats.service
  lab_copy a "$ROOT/image/units/clusteros-stats.timer" /etc/systemd/system/clusteros-stats.timer
  in_node systemctl daemon-reload
  in_node systemctl start clusteros-stats.service
  expect_eq "$(in_node systemctl show -P ConditionResult clusteros-stats.service)" no
  container run -d --name app "$IMAGE" sh -c "$loop" >/dev/null
  in_node systemctl start clusteros-stats.timer
  wait_until 30 has_history app
  expect_eq "$(container stats --history --json app | jq ".[0].cpuMicroseconds > 0")" true
  expect_eq "$(in_node systemctl show -P Result clusteros-stats.service)" success
  expect_eq "$(in_node journalctl -q -u clusteros-stats.service)" ""
  container rm -f app >/dev/null
}
has_history() { [[ $(container stats --history --json "$1" | jq length) -ge 1 ]]; }

nothing_is_left() {
  [[ ! $(in_node systemctl list-units --all --plain --no-legend 'container-*') ]] &&
    [[ ! $(in_node ip -o link show type veth) ]] &&
    ! in_node ls /run/clusteros/containers /run/runtime/containers | grep -q '^[0-9a-f]\{12\}$' &&
    [[ ! $(in_node find /sys/fs/cgroup -name 'container-*') ]]
}

test_exit_codes_signals_and_rm() {
  node_with_image
  container run -d --name nine "$IMAGE" sh -c 'exit 9' >/dev/null
  expect_eq "$(container wait nine)" 9
  container run -d --name polite --stop-signal USR1 "$IMAGE" sh -c "trap 'echo bye; exit 3' USR1; echo up; $loop" >/dev/null
  wait_until 10 has_logged polite up
  container stop polite >/dev/null
  expect_eq "$(field polite '|.status+" "+(.exitCode|tostring)')" "exited 3"
  wait_until 10 has_logged polite bye
  container run -d --name gone --rm "$IMAGE" sh -c "$loop" >/dev/null
  container kill gone >/dev/null
  wait_until 10 is_unknown gone
  # Stopped as any unit is, from outside.
  container run -d --name unit "$IMAGE" sh -c "trap 'exit 0' TERM; echo up; $loop" >/dev/null
  wait_until 10 has_logged unit up
  in_node systemctl stop "container-$(field unit .id).service"
  expect_eq "$(field unit '|.status+" "+(.exitCode|tostring)')" "exited 0"
  container rm nine polite unit >/dev/null
  wait_until 10 nothing_is_left
}
is_unknown() { ! container inspect "$1"; }

test_what_cannot_be_started_leaves_nothing() {
  node_with_image
  expect_match "$(expect_fail 127 container run -d --name bad "$IMAGE" no-such 2>&1)" 'execute no-such: No such file'
  expect_match "$(expect_fail 127 container run -d --name bad --restart always "$IMAGE" no-such 2>&1)" 'No such file'
  wait_until 10 nothing_is_left
  container create --name later "$IMAGE" no-such >/dev/null
  expect_fail 127 container start later 2>/dev/null
  expect_eq "$(field later '|.status+" "+(.exitCode|tostring)')" "exited 127"
  container rm later
}

test_restart_policy_is_systemds() {
  node_with_image
  container run -d --name often --restart on-failure:2 "$IMAGE" sh -c 'echo once; exit 5' >/dev/null
  wait_until 20 has_ended_after often 2
  expect_eq "$(field often .exitCode)" 5
  expect_eq "$(container logs often | xargs)" "once once once"
  container run -d --name ever --restart always -p 8081:80 "$IMAGE" busybox true >/dev/null
  wait_until 10 has_status ever restarting
  expect_match "$(container ps)" 'ever.*restarting .0.'
  container stop ever >/dev/null
  expect_eq "$(field ever '|.status+" "+(.exitCode|tostring)')" "exited 0"
  # Killed from outside: started again, with everything it had.
  container run -d --name back --restart unless-stopped -p 8082:80 "$IMAGE" sh -c "$loop" >/dev/null
  in_node kill -KILL "$(field back .pid)"
  wait_until 10 has_come_back back
  expect_match "$(container port back)" '80/tcp -> 0.0.0.0:8082'
  container rm -f often ever back >/dev/null
  wait_until 10 nothing_is_left
}
has_ended_after() { [[ $(field "$1" '|.status+" "+(.restarts|tostring)') == "exited $2" ]]; }
has_come_back() { [[ $(field "$1" '|.status+" "+(.restarts|tostring)') == "running 1" ]]; }

test_logs_follow_to_the_end() {
  node_with_image
  container run -d --name talk "$IMAGE" sh -c 'for i in 1 2 3; do echo $i; busybox sleep 0.2; done' >/dev/null
  expect_eq "$(container logs -f talk | xargs)" "1 2 3"
  expect_eq "$(container logs --tail 1 talk | xargs)" 3
  expect_match "$(container logs -t talk | head -n 1)" '^20[0-9-]+T[0-9:.]+Z 1$'
  container start talk
  expect_eq "$(container logs -f --since 1h talk | xargs)" "1 2 3 1 2 3"
  container rm -f talk
}

test_attach_shows_what_the_journal_gets_and_ends_as_the_container() {
  node_with_image
  container run -d --name talk "$IMAGE" sh -c 'until busybox test -e /go; do echo tick; busybox sleep 0.1; done; echo after; exit 7' >/dev/null
  start_daemon attached bash -c "$(declare -f lab_run lab_container lab_is_running in_node container); LAB=$LAB CLUSTERCTL=$CLUSTERCTL; container attach talk; echo code \$?"
  shows() { grep -q "^$1" "$TMP/attached.log"; }
  wait_until 10 shows tick
  container exec talk busybox touch /go
  wait_until 10 shows code
  expect_eq "$(tail -n 2 "$TMP/attached.log" | xargs)" "after code 7"
  container rm -f talk >/dev/null
}

test_the_local_log_is_a_choice() {
  node_with_image
  container run -d --name file --log-driver local "$IMAGE" sh -c "echo kept >/dev/stdout; $loop" >/dev/null
  wait_until 10 has_logged file kept
  expect_eq "$(field file .keeper)" process
  container rm -f file >/dev/null
}

test_a_pods_container_restarts_alone() {
  local net
  node_with_image
  container pod create -p 8083:80 web >/dev/null
  # It makes the namespaces, and is the one that goes.
  container run -d --pod web --name maker --restart always "$IMAGE" sh -c "$loop" >/dev/null
  container run -d --pod web --name app --restart always "$IMAGE" sh -c 'mkdir /www; echo hello >/www/index.html; exec busybox httpd -f -p 80 -h /www' >/dev/null
  expect_eq "$(in_node bash -c "ps -eo comm= | grep -c '^container$'" || true)" 0
  wait_until 10 pod_answers
  net=$(network_of app)
  expect_eq "$(network_of maker)" "$net"
  in_node kill -KILL "$(field maker .pid)"
  pod_answers || fail "the port went with a container"
  wait_until 20 has_come_back maker
  expect_eq "$(network_of maker) $(network_of app)" "$net $net"
  expect_match "$(expect_fail 125 container run -p 8083:80 "$IMAGE" busybox true 2>&1)" 'publish port 8083/tcp: Address already in use'
  # All at once: the lock says who makes the next ones.
  in_node kill -KILL "$(field maker .pid)" "$(field app .pid)"
  wait_until 20 has_come_back app
  wait_until 20 is_back_twice maker
  expect_eq "$(network_of maker)" "$(network_of app)"
  wait_until 10 pod_answers
  container pod rm -f web >/dev/null
  wait_until 10 nothing_is_left
  expect_eq "$(in_node ls -A /run/clusteros/containers | grep -c pods || true)" 0
}
pod_answers() { [[ $(in_node curl -fsS -m 2 http://127.0.0.1:8083/) == hello ]]; }
network_of() { in_node readlink "/proc/$(field "$1" .pid)/ns/net"; }
is_back_twice() { [[ $(field "$1" '|.status+" "+(.restarts|tostring)') == "running 2" ]]; }

run_tests "$@"
