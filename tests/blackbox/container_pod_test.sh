#!/usr/bin/env bash
# container: pods: what their containers share and what they do not, who makes the namespaces, whose the ports are, and what is left.
. "$(dirname "$0")/../lib/container.sh"

pod() { container pod "$@"; }
member() { container run -d --pod "$@" >/dev/null; }
namespace_of() { readlink "/proc/$(container inspect "$1" | jq '.[0].pid')/ns/$2"; }
shares() {
  local one
  one=$(namespace_of "$2" "$1") && [[ $one && $one == "$(namespace_of "$3" "$1")" ]]
}
is_running() { [[ $(container inspect "$1" | jq -r '.[0].status') == running ]]; }
served() { [[ $(busybox wget -qO- -T 2 "http://127.0.0.1:$1/") == "$2" ]]; }
# Says WORD on PORT, until it is stopped.
server() { echo "mkdir /www; echo $2 >/www/index.html; exec busybox httpd -f -p $1 -h /www"; }

test_what_a_pod_shares_and_what_not() {
  local id
  id=$(pod create --name web -p 8080:80 --hostname front --label tier=one)
  expect_match "$id" '^[0-9a-f]{12}$'
  expect_eq "$(pod ls --json | jq -c '.[0]|[.name,.status,.hostname,.address,.labels.tier,.containers]')" '["web","created","front","","one",[]]'
  member web --name app "$IMAGE" sh -c "$(server 80 hello)"
  member web --name side "$IMAGE" sleep 1000
  for kind in net ipc uts user; do shares $kind app side || fail "not shared: $kind"; done
  for kind in mnt pid; do ! shares $kind app side || fail "shared: $kind"; done
  wait_until 5 served 8080 hello
  expect_eq "$(container exec side wget -qO- http://localhost/)" hello
  expect_eq "$(container exec side hostname) $(container exec app hostname)" "front front"
  container exec app sh -c 'echo x >/dev/shm/x; echo y >/root/y'
  expect_eq "$(container exec side sh -c 'cat /dev/shm/x; ls /root')" x
  expect_eq "$(container exec side ps -o comm | grep -c httpd || true)" 0
  expect_eq "$(container inspect app side | jq -c 'map([.podName,.pod])')" "[[\"web\",\"$id\"],[\"web\",\"$id\"]]"
  expect_eq "$(container inspect app side | jq -r '.[].address' | uniq)" "$(pod inspect web | jq -r '.[0].address')"
  expect_match "$(container ps)" 'NAME +POD +IMAGE'
  expect_eq "$(container ps -q -f pod=web | wc -l)" 2
  expect_eq "$(pod ps --json | jq -c '.[0]|[.status,(.containers|map(.name+" "+.status))]')" '["running",["app running","side running"]]'
  expect_match "$(pod ls)" "$id +web +running .* 2 +172.* 8080->80/tcp"
  expect_match "$(expect_fail 125 container pod rm web 2>&1)" 'remove pod web: app is running'
  expect_eq "$(pod rm -f web)" web
  check_no_leaks
}

# POSIX and System V: one makes it, the other finds it.
test_system_v_ipc_is_shared() {
  pod create ipc >/dev/null
  member ipc --name one "$IMAGE" sleep 1000
  member ipc --name two "$IMAGE" sleep 1000
  # A queue's row in its namespace's own list.
  nsenter --target "$(container inspect one | jq '.[0].pid')" --ipc ipcmk -Q >/dev/null
  expect_eq "$(container exec two sh -c 'wc -l </proc/sysvipc/msg')" 2
  run --name alone "$IMAGE" sh -c 'wc -l </proc/sysvipc/msg' >"$TMP/alone"
  expect_eq "$(cat "$TMP/alone")" 1
  pod rm -f ipc >/dev/null
  check_no_leaks
}

test_only_what_is_asked_for_is_shared() {
  pod create --share net part >/dev/null
  member part --name one --hostname first "$IMAGE" sleep 1000
  member part --name two --ipc host "$IMAGE" sleep 1000
  shares net one two || fail "not shared: net"
  for kind in ipc uts; do ! shares $kind one two || fail "shared: $kind"; done
  expect_eq "$(container exec one hostname)" first
  pod rm -f part >/dev/null
  pod create --share none --name nothing >/dev/null
  member nothing --name one -p 8080:80 "$IMAGE" sh -c "$(server 80 own)"
  member nothing --name two "$IMAGE" sleep 1000
  for kind in net ipc uts; do ! shares $kind one two || fail "shared: $kind"; done
  wait_until 5 served 8080 own
  pod rm -f nothing >/dev/null
  pod create --network none --sysctl kernel.msgmax=4096 --shm-size 1m quiet >/dev/null
  member quiet --name one "$IMAGE" sleep 1000
  expect_eq "$(container exec one sh -c 'ls /sys/class/net; cat /proc/sys/kernel/msgmax; grep -o "size=1024k" /proc/mounts' | xargs)" "lo 4096 size=1024k"
  pod rm -f quiet >/dev/null
  check_no_leaks
}

# Whoever made the namespaces: they are the pod's as long as somebody runs.
test_the_maker_ends_while_another_lives() {
  local address
  pod create -p 8080:80 web >/dev/null
  member web --name maker "$IMAGE" sh -c 'echo kept >/dev/shm/x; exec sleep 1000'
  member web --name app "$IMAGE" sh -c "$(server 80 hello)"
  address=$(pod inspect web | jq -r '.[0].address')
  wait_until 5 served 8080 hello
  container kill maker >/dev/null
  container wait maker >/dev/null
  served 8080 hello || fail "the port went with the maker"
  expect_eq "$(pod inspect web | jq -r '.[0].status')" degraded
  container start maker >/dev/null
  shares net maker app || fail "the maker has made a network again"
  expect_eq "$(container exec maker wget -qO- http://localhost/)" hello
  # (It writes the file at its start.)
  expect_eq "$(container exec app cat /dev/shm/x)" kept
  # All end, and start again: the address stays the pod's.
  expect_eq "$(pod stop -t 0 web)" web
  expect_eq "$(nft list map ip clusteros tcp_ports | grep -c elements || true)" 0
  expect_eq "$(pod inspect web | jq -r '.[0]|.status+" "+.address')" "exited $address"
  expect_eq "$(pod start web)" web
  wait_until 5 served 8080 hello
  expect_eq "$(container inspect app | jq -r '.[0].address')" "$address"
  expect_eq "$(pod restart -t 0 web)" web
  wait_until 5 served 8080 hello
  expect_eq "$(pod kill web)" web
  container wait app >/dev/null
  container wait maker >/dev/null
  expect_eq "$(pod rm web)" web
  check_no_leaks
}

test_a_port_is_one_pods_at_a_time() {
  pod create -p 8080:80 first >/dev/null
  pod create -p 8080:80 second >/dev/null
  member first --name one "$IMAGE" sleep 1000
  member first --name two "$IMAGE" sh -c "$(server 80 first)"
  expect_match "$(expect_fail 125 container run --pod second "$IMAGE" true 2>&1)" 'publish port 8080/tcp: Address already in use'
  expect_match "$(expect_fail 125 container run -p 8080:80 "$IMAGE" true 2>&1)" 'publish port 8080/tcp: Address already in use'
  wait_until 5 served 8080 first
  # Also when the one who came first has ended.
  container rm -f one >/dev/null
  expect_match "$(expect_fail 125 container run -p 8080:80 "$IMAGE" true 2>&1)" 'publish port 8080/tcp: Address already in use'
  python3 -c 'import socket; socket.create_server(("", 8080))' 2>/dev/null && fail "a program of the host got the port"
  wait_until 5 served 8080 first
  pod stop -t 0 first >/dev/null
  member second --name three "$IMAGE" sh -c "$(server 80 second)"
  wait_until 5 served 8080 second
  expect_match "$(expect_fail 125 container start two 2>&1)" 'publish port 8080/tcp: Address already in use'
  served 8080 second || fail "a start that failed took the port away"
  pod rm -f first second >/dev/null
  # And one that a container has is not taken away by a pod.
  container run -d --name alone -p 8080:80 "$IMAGE" sh -c "$(server 80 alone)" >/dev/null
  expect_match "$(expect_fail 125 container run --rm --pod new:third -p 8080:80 "$IMAGE" true 2>&1)" 'Address already in use'
  expect_fail 1 container pod exists third
  wait_until 5 served 8080 alone
  container rm -f alone >/dev/null
  check_no_leaks
}

test_run_makes_a_pod() {
  container run -d --pod new:made --name one -p 8080:80 --hostname box "$IMAGE" sh -c "$(server 80 hello)" >/dev/null
  member made --name two "$IMAGE" sleep 1000
  wait_until 5 served 8080 hello
  expect_eq "$(container exec two hostname)" box
  expect_eq "$(pod inspect made | jq -c '.[0]|[.hostname,.ports[0].hostPort]')" '["box",8080]'
  expect_match "$(expect_fail 125 container run --pod new:made "$IMAGE" true 2>&1)" 'pod made: the name is in use'
  expect_match "$(expect_fail 127 container run --pod new:bad "$IMAGE" no-such 2>&1)" 'No such file'
  expect_match "$(expect_fail 125 container run --pod new:bad --ipc host "$IMAGE" true 2>&1)" "join pod bad: --ipc is the pod's"
  # It cannot be made to its end: what there is of it is removed, with the pod's lock.
  expect_match "$(expect_fail 125 timeout 20 "$CLUSTERCTL" container run --pod new:bad --secret none "$IMAGE" true 2>&1)" 'secret none'
  expect_fail 1 container pod exists bad
  container pod exists made
  pod rm -f made >/dev/null
  check_no_leaks
}

test_wrong_words_are_one_line() {
  local id
  id=$(pod create --name one)
  expect_match "$(expect_fail 1 container pod create one 2>&1)" "pod one: the name is in use by $id"
  expect_match "$(expect_fail 1 container pod create "$id" 2>&1)" "the name is in use by $id"
  expect_match "$(expect_fail 2 container pod create ../x 2>&1)" 'expected letters, digits'
  expect_match "$(expect_fail 2 container pod create --share net,pid x 2>&1)" "share 'pid': expected net, ipc and uts, or none"
  expect_match "$(expect_fail 2 container pod create --share ipc -p 1:1 x 2>&1)" '--publish needs --share net'
  expect_match "$(expect_fail 2 container pod create --network host -p 1:1 x 2>&1)" '--publish needs --share net and --network bridge'
  expect_match "$(expect_fail 2 container pod create --share net --hostname x x 2>&1)" '--hostname needs --share uts'
  expect_match "$(expect_fail 1 container pod create --sysctl vm.swappiness=1 x 2>&1)" 'it belongs to the machine'
  expect_match "$(expect_fail 2 container pod make x 2>&1)" "pod 'make': expected create, ls, ps, inspect"
  expect_match "$(expect_fail 1 container pod rm none 2>&1)" 'pod none: there is none'
  expect_match "$(expect_fail 125 container run --pod none "$IMAGE" true 2>&1)" 'pod none: there is none'
  expect_match "$(expect_fail 2 container run --pod 'a b' "$IMAGE" true 2>&1)" "expected a pod's name, or new:NAME"
  expect_match "$(expect_fail 2 container run --pod one --network container:x "$IMAGE" true 2>&1)" '--pod and namespaces of a container exclude'
  expect_match "$(expect_fail 2 container run --pod one --userns host "$IMAGE" true 2>&1)" 'exclude each other'
  for word in '-p 1:1:--publish' '--network host:--network' '--hostname x:--hostname' '--ipc host:--ipc' '--shm-size 1m:--shm-size'; do
    # shellcheck disable=SC2086
    expect_match "$(expect_fail 125 container run --pod one ${word%:*} "$IMAGE" true 2>&1)" "join pod one: ${word##*:} is the pod's"
  done
  expect_match "$(expect_fail 125 container run --pod one --sysctl net.core.somaxconn=1 "$IMAGE" true 2>&1)" 'needs a network namespace of its own'
  expect_eq "$(pod stop one) $(pod start one) $(pod rm one)" "one one one"
  check_no_leaks
}

# Each is the first at some time: one makes the namespaces, the others find them.
test_many_at_once() {
  local i
  pod create -p 8080:80 web >/dev/null
  for i in 1 2 3 4; do member web --name "c$i" "$IMAGE" sleep 1000 & done
  wait
  for i in 2 3 4; do for kind in net ipc uts user; do shares $kind c1 "c$i" || fail "c$i has its own $kind"; done; done
  for i in 1 2 3 4; do container exec "c$i" sh -c "echo $i >/dev/shm/$i"; done
  expect_eq "$(container exec c1 ls /dev/shm | xargs)" "1 2 3 4"
  for i in 1 2 3 4; do container kill "c$i" >/dev/null & done
  wait
  for i in 1 2 3 4; do container wait "c$i" >/dev/null; done
  for i in 1 2 3 4; do container start "c$i" >/dev/null & done
  wait
  for i in 2 3 4; do shares net c1 "c$i" || fail "c$i has a network of its own"; done
  pod rm -f web >/dev/null
  check_no_leaks
}

# The keeper of one is killed, and with it that one: the other has its network still, and the pod goes on.
test_a_killed_keeper_loses_nothing() {
  local keeper
  pod create -p 8080:80 web >/dev/null
  container run --pod web --name maker "$IMAGE" sleep 1000 &
  keeper=$!
  wait_until 5 is_running maker
  member web --name app "$IMAGE" sh -c "$(server 80 hello)"
  wait_until 5 served 8080 hello
  keeper=$(awk '/^PPid/ {print $2}' "/proc/$(container inspect maker | jq '.[0].pid')/status")
  kill -9 "$keeper"
  container wait maker >/dev/null
  served 8080 hello || fail "the port went with a keeper"
  keeper=$(awk '/^PPid/ {print $2}' "/proc/$(container inspect app | jq '.[0].pid')/status")
  kill -9 "$keeper"
  container wait app >/dev/null
  expect_eq "$(pod inspect web | jq -r '.[0].status')" exited
  expect_eq "$(nft list map ip clusteros tcp_ports | grep -c elements || true)" 0
  pod start web >/dev/null
  wait_until 5 served 8080 hello
  pod rm -f web >/dev/null
  check_no_leaks
}

run_tests "$@"
