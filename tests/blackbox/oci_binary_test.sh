#!/usr/bin/env bash
# oci-runtime: its own file stays as it is whatever a container does (CVE-2019-5736), with a user namespace, where nothing
# needs to be done for it, and without one, where the program runs from a read-only mount.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# A copy, so that a success of the attack harms nobody.
# (The test is ended by the original: a success of the attack has broken the copy.)
oci() { "$TMP/oci-runtime" --root "$TMP/state" "$@"; }

USER_NAMESPACE='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
  | .linux.gidMappings = .linux.uidMappings'

# bundle FILTER: a container that writes to the file of every process that is not busybox, again and again, and says so when it
# could. No capability and no filter is in its way.
bundle() {
  local tree=$TMP/bundle/rootfs name
  cp "$CLUSTERCTL" "$TMP/oci-runtime"
  before=$(sha256sum <"$TMP/oci-runtime")
  mkdir -p "$tree"/{bin,proc,sys,dev,tmp}
  chmod 755 "$TMP" "$TMP/bundle" "$tree"
  cp /usr/bin/busybox "$tree/bin/busybox"
  for name in sh readlink touch true test; do ln -s busybox "$tree/bin/$name"; done
  printf '#!/proc/self/exe\n' >"$tree/evil"
  chmod 755 "$tree/evil"
  cat >"$tree/attack" <<'ATTACK'
while :; do for file in /proc/[0-9]*/exe; do
  case $(readlink "$file") in
    *busybox*) ;;
    ?*) touch /tmp/seen
      (echo broken >"$file") 2>/dev/null && touch /tmp/written
      # By a descriptor, which outlives the process: the file can be written when nobody executes it any more.
      (exec 7<"$file"; i=0; while [ $i -lt 500 ]; do i=$((i + 1)); echo broken >/proc/self/fd/7 && touch /tmp/written; done) 2>/dev/null ;;
  esac
done; done
ATTACK
  oci spec -b "$TMP/bundle"
  jq '.process.args = ["/bin/sh", "/attack"] | .process.noNewPrivileges = false
    | .mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["mode=1777"]}]
    | .process.capabilities.bounding += ["CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"]
    | .process.capabilities.permitted = .process.capabilities.bounding
    | .process.capabilities.effective = .process.capabilities.bounding | '"$1" "$TMP/bundle/config.json" >"$TMP/new.json"
  mv "$TMP/new.json" "$TMP/bundle/config.json"
  [[ $1 == . ]] || chown -R 100000:100000 "$tree"
}

# Its own script as the program, then many programs of ours beside the attacker.
attack() {
  local i
  id=binary-$$-$RANDOM
  oci create -b "$TMP/bundle" "$id" </dev/null >"$TMP/create.log" 2>&1
  oci start "$id"
  for i in $(seq "$1"); do
    oci exec "$id" true
    oci exec "$id" /evil >/dev/null 2>&1 || true
  done
  oci exec "$id" test -e /tmp/seen
  expect_fail 1 oci exec "$id" test -e /tmp/written
  oci delete --force "$id"
  expect_eq "$(sha256sum <"$TMP/oci-runtime")" "$before"
}

test_with_a_user_namespace() {
  bundle "$USER_NAMESPACE"
  attack 20
}

test_without_a_user_namespace() {
  bundle .
  attack 20
}

# Users of the container own the file, or everybody may write: then a user namespace alone is no protection.
test_with_a_user_namespace_and_a_file_in_reach() {
  bundle "$USER_NAMESPACE"
  chown 100000:100000 "$TMP/oci-runtime"
  attack 20
  chown 0:0 "$TMP/oci-runtime"
  chmod 777 "$TMP/oci-runtime"
  attack 20
}

run_tests "$@"
