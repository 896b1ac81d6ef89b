#!/usr/bin/env bash
# kill -9 of `container` and `oci-runtime` at any system call of theirs: the next command finds a consistent state, and after it has
# removed the container nothing is left. The points are counted, from a seed: CHAOS_SEED=N gives the same ones again, CHAOS_POINTS=N more.
. "$(dirname "$0")/../lib/own_machine.sh"
own_machine "$@"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/busybox.sh"
. "$(dirname "$0")/../lib/leaks.sh"

TEST_TIMEOUT=300
SEED=${CHAOS_SEED:-$SRANDOM}
POINTS=${CHAOS_POINTS:-100}
KILL_AT=$ROOT/out/release/kill_at
export CLUSTEROS_RUNTIME_ROOT=$OWN_MACHINE/root
export CLUSTEROS_RUNTIME_STATE=$OWN_MACHINE/state
OCI_STATE=$OWN_MACHINE/oci
BUNDLE=$OWN_MACHINE/bundle

begin() {
  [[ -x $KILL_AT ]] || fail "out/release/kill_at was not built (./dev test does)"
  RANDOM=$SEED
  echo "CHAOS_SEED=$SEED"
}

# killed_at POINT COMMAND…: the command, ended at this call of its; CALLS becomes how many it made.
killed_at() {
  local point=$1
  shift
  "$KILL_AT" "$point" "$TMP/calls" "$CLUSTERCTL" "$@" </dev/null >"$TMP/command.log" 2>&1 || true
  CALLS=$(cat "$TMP/calls")
}

# chaos PREFIX OPERATION…: for each operation PREFIX_OPERATION says what comes first and sets COMMAND; PREFIX_consistent is what must hold
# after it was killed, PREFIX_clean takes everything away.
chaos() {
  local prefix=$1 operation point i
  local -A calls=()
  shift
  local -a operations=("$@") COMMAND=()
  for operation in "${operations[@]}"; do
    "${prefix}_$operation"
    killed_at 0 "${COMMAND[@]}"
    calls[$operation]=$CALLS
    "${prefix}_clean"
  done
  leaks_before "${WATCHED[@]}"
  for ((i = 0; i < POINTS; i++)); do
    operation=${operations[RANDOM % ${#operations[@]}]}
    point=$((1 + (RANDOM * 32768 + RANDOM) % calls[$operation]))
    echo "$operation at call $point of ${calls[$operation]}"
    "${prefix}_$operation"
    killed_at "$point" "${COMMAND[@]}"
    "${prefix}_consistent" "$operation"
    "${prefix}_clean"
    leaks_after "${WATCHED[@]}"
  done
}

# --- container

first_image() {
  [[ -d $CLUSTEROS_RUNTIME_ROOT ]] || busybox_image "$CLUSTEROS_RUNTIME_ROOT"
}

running_box() { applet container run -d --name box "$BUSYBOX" sleep 1000 >/dev/null; }

container_run() { COMMAND=(container run --rm --name box -p 8080:80 "$BUSYBOX" true); }
container_detach() { COMMAND=(container run -d --name box -p 8080:80 "$BUSYBOX" sleep 1000); }
container_exec() { running_box && COMMAND=(container exec box true); }
container_rm() { running_box && COMMAND=(container rm -f box); }
container_stop() { running_box && COMMAND=(container stop -t 0 box); }

# A container whose supervisor was killed is attended until its first process has died of that, a moment later.
container_consistent() {
  local text
  text=$(applet container ps -a --json 2>&1) || fail "ps: $text"
  wait_until 5 container_settled "$1"
  [[ $1 != exec ]] || applet container exec box true || fail "exec after a killed exec"
}
container_settled() {
  local states
  states=$(applet container ps -a --json | jq -r 'map(.status) | unique | join(" ")')
  echo "states: $states"
  case $1 in
    run) [[ ! $states ]] ;;
    *) [[ $states =~ ^(exited)?\ ?(running)?$ ]] ;;
  esac
}
container_clean() {
  local id
  for id in $(applet container ps -aq); do applet container rm -f "$id" >/dev/null; done
}

test_container_killed_anywhere() {
  WATCHED=("$CLUSTEROS_RUNTIME_STATE" "$CLUSTEROS_RUNTIME_ROOT")
  begin
  first_image
  chaos container run detach exec rm stop
}

# --- a pod's containers

running_pod() {
  applet container pod create --name web -p 8080:80 >/dev/null
  applet container run -d --pod web --name first "$BUSYBOX" sleep 1000 >/dev/null
}

pod_create() { COMMAND=(container pod create --name web -p 8080:80); }
pod_new() { COMMAND=(container run -d --pod new:web -p 8080:80 --name box "$BUSYBOX" sleep 1000); }
pod_make() { applet container pod create --name web -p 8080:80 >/dev/null && COMMAND=(container run -d --pod web --name box "$BUSYBOX" sleep 1000); }
pod_join() { running_pod && COMMAND=(container run -d --pod web --name box "$BUSYBOX" sleep 1000); }
pod_leave() { running_pod && COMMAND=(container rm -f first); }
pod_rm() { running_pod && COMMAND=(container pod rm -f web); }

# Whatever was killed: one more joins those that run, or makes it all, and has the pod's network.
pod_consistent() {
  local text
  text=$(applet container pod ls --json 2>&1) || fail "pod ls: $text"
  jq -e '.[0].removing != true or (.[0].containers | length) > 0' <<<"$text" >/dev/null || fail "a removal was not finished: $text"
  wait_until 5 container_settled "$1"
  jq -e 'length == 0 or .[0].removing' <<<"$text" >/dev/null ||
    applet container run --rm --pod web "$BUSYBOX" ls /sys/class/net/eth0/address >/dev/null || fail "the pod cannot be used"
}
pod_clean() {
  local id
  for id in $(applet container pod ls -q); do applet container pod rm -f "$id" >/dev/null; done
  container_clean
}

test_pod_killed_anywhere() {
  WATCHED=("$CLUSTEROS_RUNTIME_STATE" "$CLUSTEROS_RUNTIME_ROOT")
  begin
  first_image
  chaos pod create new make join leave rm
}

# --- oci-runtime

oci() { applet oci-runtime --root "$OCI_STATE" "$@"; }
OCI=(oci-runtime --root "$OCI_STATE")

created() { oci create -b "$BUNDLE" box </dev/null >/dev/null 2>&1; }

oci_create() { COMMAND=("${OCI[@]}" create -b "$BUNDLE" box); }
oci_start() { created && COMMAND=("${OCI[@]}" start box); }
oci_run() { COMMAND=("${OCI[@]}" run -d -b "$BUNDLE" box); }
oci_exec() { created && oci start box && COMMAND=("${OCI[@]}" exec box true); }
oci_delete() { created && oci start box && COMMAND=("${OCI[@]}" delete -f box); }
oci_kill() { created && oci start box && COMMAND=("${OCI[@]}" kill box KILL); }

oci_consistent() {
  local text
  text=$(oci list -f json 2>&1) || fail "list: $text"
  jq -e 'all(.[]; .status | IN("creating", "created", "running", "stopped"))' <<<"$text" >/dev/null || fail "states: $text"
  [[ $1 != exec ]] || oci exec box true || fail "exec after a killed exec"
}
# As podman and containerd do it: whatever the state, delete --force takes it away.
oci_clean() { oci delete -f box; }

test_oci_runtime_killed_anywhere() {
  WATCHED=("$OCI_STATE")
  begin
  busybox_bundle "$BUNDLE"
  edit_bundle "$BUNDLE" '.process.args = ["sleep", "1000"]'
  chaos oci create start run exec delete kill
}

# --- the checker itself

test_the_checker_sees_what_is_left() {
  mkdir -p "$TMP/state"
  leaks_before "$TMP/state"
  mkdir /sys/fs/cgroup/left "$TMP/state/box"
  ip link add left type veth peer name left0
  nft 'add table ip left { set ports { type inet_service; elements = { 80 }; }; }'
  mount -t tmpfs left "$TMP"/state/box
  echo '{"box": "172.31.128.2"}' >"$TMP/state/.network.json"
  unshare --uts sleep 1000 &
  local new
  wait_until 5 in_another_namespace "$!"
  new=$(python3 "$ROOT/tests/lib/leaks.py" after "$TMP/leaks" 0 "$TMP/state") && fail "nothing was seen"
  echo "$new"
  for line in "cgroup /sys/fs/cgroup/left" "link left" "nft element 80" "mount $TMP/state/box tmpfs /" "address box" "process $! sleep" \
    "namespace uts" "file $TMP/state/box"; do
    [[ $new == *"$line"* ]] || fail "not seen: $line"
  done
  kill "$!"
  umount "$TMP/state/box"
  rm -r "$TMP/state/box" "$TMP/state/.network.json"
  ip link del left
  nft delete table ip left
  rmdir /sys/fs/cgroup/left
  leaks_after "$TMP/state"
}
in_another_namespace() { [[ $(readlink "/proc/$1/ns/uts") != "$(readlink /proc/self/ns/uts)" ]]; }

run_tests "$@"
