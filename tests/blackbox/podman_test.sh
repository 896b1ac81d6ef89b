#!/usr/bin/env bash
# podman with our runtime in place of crun: what its users do, through podman and conmon as they are.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  # conmon is its own session leader: with the namespace of processes it goes, whatever happens.
  exec env OCI_SUITE=1 unshare --net --mount --pid --mount-proc --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/podman.sh"

start_podman() {
  prepare_podman
  trap end_podman EXIT
}

test_run_returns_output_and_exit_code() {
  start_podman
  expect_eq "$(expect_fail 3 podman run --rm busybox:test sh -c 'echo out; id -u; exit 3')" $'out\n0'
  expect_eq "$(echo in | podman run --rm -i busybox:test cat)" in
  expect_match "$(expect_fail 127 podman run --rm busybox:test nosuch 2>&1)" 'nosuch: No such file or directory'
  expect_fail 126 podman run --rm busybox:test /etc 2>/dev/null
  expect_eq "$(podman run --rm -t busybox:test tty | tr -d '\r')" /dev/pts/0
  expect_eq "$(podman run --rm --user 5:6 --workdir /tmp --env A=b --hostname h busybox:test sh -c 'id -u; id -g; pwd; echo $A; hostname' | xargs)" "5 6 /tmp b h"
  expect_eq "$(podman ps --all --quiet)" ""
}

test_options_of_security_arrive() {
  start_podman
  expect_match "$(podman run --rm --cap-drop all --cap-add chown --security-opt no-new-privileges busybox:test grep -E 'CapEff|NoNew|Seccomp:' /proc/self/status | xargs)" \
    '^CapEff: 0000000000000001 NoNewPrivs: 1 Seccomp: 2$'
  expect_match "$(podman run --rm --volume "$TMP/tree:/v:ro" --tmpfs /t busybox:test sh -c 'ls /v; touch /v/x 2>&1; touch /t/x && echo tmpfs' | xargs)" \
    'bin dev.*touch: /v/x: Read-only file system tmpfs'
}

test_exec_kill_and_wait() {
  start_podman
  podman run --detach --name a busybox:test sh -c 'echo started; exec sleep 1000' >/dev/null
  wait_until 5 has_logged a started
  expect_eq "$(expect_fail 4 podman exec --env A=b a sh -c 'echo $A; exit 4')" b
  expect_eq "$(podman exec --tty a tty | tr -d '\r')" /dev/pts/0
  expect_fail 127 podman exec a nosuch 2>/dev/null
  podman exec --detach a touch /made
  wait_until 5 podman exec a test -e /made
  expect_match "$(podman top a pid args | xargs)" '^PID COMMAND 1 sleep 1000'
  podman kill a >/dev/null
  expect_eq "$(podman wait a)" 137
  podman start a >/dev/null
  wait_until 5 is_in_state a running
  podman stop --time 0 a >/dev/null
  podman rm a >/dev/null
}
is_in_state() { [[ $(podman inspect --format '{{.State.Status}}' "$1") == "$2" ]]; }
has_logged() { podman logs "$1" | grep -q "$2"; }

test_pause_and_unpause() {
  start_podman
  podman run --detach --name a busybox:test sh -c 'while :; do date +%s%N >/time; done' >/dev/null
  podman pause a >/dev/null
  is_in_state a paused
  expect_fail 255 podman exec a true 2>/dev/null
  podman unpause a >/dev/null
  is_in_state a running
  podman exec a true
}

test_healthcheck() {
  start_podman
  podman run --detach --name a --health-cmd 'test -e /healthy' --health-interval disable --health-retries 1 busybox:test sleep 1000 >/dev/null
  expect_fail 1 podman healthcheck run a >/dev/null
  podman exec a touch /healthy
  podman healthcheck run a
  expect_eq "$(podman inspect --format '{{.State.Health.Status}}' a)" healthy
}

# The second container finds what the first has written into shared memory, and its processes' sockets.
test_kube_play_of_a_pod_with_two_containers() {
  start_podman
  cat >"$TMP/pod.yaml" <<'END'
apiVersion: v1
kind: Pod
metadata: {name: pair}
spec:
  containers:
  - {name: one, image: "localhost/busybox:test", command: [sh, -c, "echo from one >/dev/shm/file; exec nc -l -p 7777 -e echo answer"]}
  - {name: two, image: "localhost/busybox:test", command: [sleep, "1000"]}
END
  podman kube play --network none "$TMP/pod.yaml" >"$TMP/kube.log" 2>&1
  expect_eq "$(podman ps --format '{{.Names}} {{.State}}' | grep pair- | sort | xargs)" "pair-one running pair-two running"
  wait_until 5 podman exec pair-two grep -q 'from one' /dev/shm/file
  expect_eq "$(podman exec pair-two readlink /proc/self/ns/net)" "$(podman exec pair-one readlink /proc/self/ns/net)"
  [[ $(podman exec pair-two readlink /proc/self/ns/pid) != "$(podman exec pair-one readlink /proc/self/ns/pid)" ]]
  expect_eq "$(podman exec pair-two nc 127.0.0.1 7777)" answer
  podman kube down "$TMP/pod.yaml" >>"$TMP/kube.log" 2>&1
  expect_eq "$(podman ps --all --quiet)" ""
}

run_tests "$@"
