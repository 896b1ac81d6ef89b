# Bundles for tests of oci-runtime. Source it after test.sh, and begin the file with:
#
#   if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
#     exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
#   fi
#
# Verbs: oci, bundle, edit, command_is, stopped. What a test leaves in $TMP/state goes with it, also when it fails, so that no container
# outlives it. Its cgroup is the machine's: bundle gives it a path that no other test has; without bundle it needs an id of that kind.
# shellcheck shell=bash

# Runs at the end of each test. A test with a trap for EXIT of its own calls it there.
oci_clean_up() {
  local id
  [[ ${TMP:-} && -d $TMP/state ]] || return 0
  for id in $("$CLUSTERCTL" oci-runtime --root "$TMP/state" list --quiet 2>/dev/null || :); do
    "$CLUSTERCTL" oci-runtime --root "$TMP/state" delete --force "$id" >/dev/null 2>&1 || :
  done
}
trap oci_clean_up EXIT

# oci ARGUMENT…: the runtime, with its state in $TMP.
oci() { "$CLUSTERCTL" oci-runtime --root "$TMP/state" "$@"; }

# bundle: $TMP/bundle with busybox and our own example, made writable. For one container at a time.
bundle() {
  local tree=$TMP/bundle/rootfs
  mkdir -p "$tree"/{bin,etc,tmp,usr/bin}
  cp /usr/bin/busybox "$tree/usr/bin/busybox"
  ln "$tree/usr/bin/busybox" "$tree/bin/busybox"
  busybox --install -s "$tree/bin"
  oci spec -b "$TMP/bundle"
  # A cgroup of the test's own, since others may run on this machine at the same time.
  edit ".root.readonly = false | .linux.cgroupsPath = \"/clusteros/$(basename "$TMP")\""
}

# edit FILTER: changes config.json with jq.
edit() {
  jq "$1" "$TMP/bundle/config.json" >"$TMP/bundle/new.json"
  mv "$TMP/bundle/new.json" "$TMP/bundle/config.json"
}

# command_is TEXT: what the container's shell runs.
command_is() { edit ".process.args = [\"sh\", \"-c\", $(jq -n --arg text "$1" '$text')]"; }

# stopped ID: true once its program has ended.
stopped() { [[ $(oci state "$1" | jq -r .status) == stopped ]]; }
