#!/usr/bin/env bash
# container run --boot: a root tree with the SDK's own systemd, started in a user namespace as a machine, asked, entered and stopped.
. "$(dirname "$0")/../lib/own_machine.sh"
own_machine "$@"
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/leaks.sh"

TEST_TIMEOUT=120
# The SDK's own root is an overlay, which cannot be id-mapped: the tree is a copy of what a small system needs.
TREE=$OWN_MACHINE/tree
PACKAGES=(systemd systemd-sysv libsystemd-shared libsystemd0 libudev1 dbus dbus-daemon dbus-bin dbus-system-bus-common bash coreutils util-linux mount
  base-files)
export CLUSTEROS_RUNTIME_ROOT=$OWN_MACHINE/root
export CLUSTEROS_RUNTIME_STATE=$OWN_MACHINE/state

container() { applet container "$@"; }

packaged_files() {
  dpkg -L "${PACKAGES[@]}" 2>/dev/null | grep -vE '^(/\.|/usr/share/(doc|man|locale|lintian|bash-completion|zsh)(/.*)?)$' | sort -u
}

tree() {
  [[ ! -d $TREE ]] || return 0
  local file
  mkdir -p "$TREE"/{etc,proc,sys,dev,run,tmp,var/log,root,usr/lib64}
  packaged_files | while read -r file; do
    if [[ -d $file && ! -L $file ]]; then mkdir -p "$TREE$(realpath "$file")"; elif [[ -e $file || -L $file ]]; then echo "$file"; fi
  done >"$TMP/files"
  tar -C / -cf - --no-recursion -T <(sed 's|^/||' "$TMP/files") | tar -C "$TREE" -xf -
  for file in bin sbin lib lib64; do ln -sfn "usr/$file" "$TREE/$file"; done
  # The libraries of its programs, which other packages have.
  find "$TREE/usr" -type f \( -perm -100 -o -name '*.so*' \) -print0 | { xargs -0 ldd 2>/dev/null || true; } | grep -oP '(=> |^\t)\K/[^ ]+' | sort -u |
    while read -r file; do
      [[ -e $TREE$file ]] || cp -L "$file" "$TREE$(realpath "$(dirname "$file")")/"
    done
  cp /etc/passwd /etc/group "$TREE/etc/"
  echo 0123456789abcdef0123456789abcdef >"$TREE/etc/machine-id"
  # What this copy has no programs for, and what would ask a person.
  mkdir -p "$TREE/etc/systemd/system"
  for file in ldconfig.service systemd-hwdb-update.service systemd-firstboot.service; do ln -s /dev/null "$TREE/etc/systemd/system/$file"; done
}

machine_is() {
  local system
  system=$(container inspect m | jq -r '.[0] | .system // .status')
  echo "it is $system: $(container exec m systemctl --failed --no-legend --plain 2>&1) $(container exec m systemctl list-jobs --no-legend 2>&1)"
  [[ $system == "$1" ]]
}
boot() {
  tree
  container run --boot -d --name m "$@" "$TREE" >/dev/null
  wait_until 30 machine_is running
}

test_a_tree_boots_is_asked_entered_and_powered_off() {
  boot
  leaks_list_is_not_empty
  expect_eq "$(container exec m systemctl is-system-running)" running
  expect_match "$(container ps)" 'm .*running .*, system running'
  expect_eq "$(container exec m systemctl --failed --no-legend)" ""
  expect_eq "$(container exec m systemd-detect-virt)" container-other
  # Its root is nobody here, its cgroups are its own to manage.
  expect_match "$(container exec m cat /proc/1/uid_map | xargs)" '^0 [1-9][0-9]+ 65536$'
  expect_eq "$(container exec m cat /proc/1/cgroup | grep -c '^0::/init.scope$')" 1
  container exec m systemd-run --quiet --wait --collect -p ExecStartPre='/bin/mkdir /run/made' /bin/true
  container exec m test -d /run/made
  # Its console is the log, its end is one that it made itself.
  expect_match "$(container logs m)" 'Welcome to Debian'
  expect_eq "$(container stop -t 30 m)" m
  expect_eq "$(container inspect m | jq -c '.[0] | [.status, .exitCode]')" '["exited",0]'
  container rm m >/dev/null
}
leaks_list_is_not_empty() { python3 "$ROOT/tests/lib/leaks.py" list | grep -q '^process .* systemd'; }

test_in_front_a_term_powers_it_off() {
  tree
  start_daemon first "$CLUSTERCTL" container run --boot --rm --name m --net none "$TREE"
  local front=$PID code=0
  wait_until 60 machine_is running
  kill -TERM "$front"
  wait "$front" || code=$?
  expect_eq "$code" 0 "exit code"
  expect_match "$(<"$TMP/first.log")" 'Reached target'
  expect_eq "$(container ps -aq)" ""
}

test_nothing_of_the_host_is_in_reach() {
  boot
  expect_match "$(container exec m bash -c 'echo x >/proc/sys/kernel/core_pattern' 2>&1 || true)" 'Read-only|denied|permitted'
  expect_match "$(container exec m bash -c 'umount /proc/sys; echo x >/proc/sys/kernel/core_pattern' 2>&1 || true)" 'Read-only|denied|permitted'
  expect_match "$(container exec m mknod /sda b 8 0 2>&1 || true)" 'not permitted'
  expect_match "$(container exec m bash -c 'echo 1000 >/sys/fs/cgroup/pids.max' 2>&1 || true)" 'denied|nonexistent|No such'
  expect_match "$(container exec m date -s 2001-01-01 2>&1 || true)" 'not permitted'
  # Nor is the tree itself written to.
  container exec m touch /written
  [[ ! -e $TREE/written ]] || fail "the tree was written to"
  leaks_before_stop
  container rm -f m >/dev/null
  leaks_after "$CLUSTEROS_RUNTIME_STATE" "$CLUSTEROS_RUNTIME_ROOT"
}
# As it will be without the machine: what its bridge, packet filter's table and the record of events are stays.
leaks_before_stop() {
  leaks_before "$CLUSTEROS_RUNTIME_STATE" "$CLUSTEROS_RUNTIME_ROOT"
  grep -vE "^(process|namespace|cgroup .*/clusteros/|link cv|file .*/(state|containers)/[^.])" "$TMP/leaks" >"$TMP/leaks.without"
  mv "$TMP/leaks.without" "$TMP/leaks"
}

test_wrong_words() {
  expect_match "$(expect_fail 125 container run --boot /no/such/tree 2>&1)" '/no/such/tree: No such file'
  expect_match "$(expect_fail 2 container run --boot --net host / 2>&1)" 'exclude each other'
  expect_match "$(expect_fail 2 container run --boot --user app / 2>&1)" 'exclude each other'
}

run_tests "$@"
