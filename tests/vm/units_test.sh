#!/usr/bin/env bash
# What image/ puts on the disk, checked without booting it: systemd reads every unit, preset, tmpfiles and sysusers file
# without a complaint, and each daemon is as confined as the house wants it.
. "$(dirname "$0")/../lib/test.sh"

# A tree of the SDK's systemd with our files over it, and our programs under all their names.
unit_tree() {
  mkdir -p "$TMP/root"/{etc,usr/lib/systemd,usr/bin,run,var}
  cp -r /usr/lib/systemd/system "$TMP/root/usr/lib/systemd/"
  cp -r "$ROOT"/image/root/. "$TMP/root/"
  cp "$ROOT"/image/units/* "$TMP/root/usr/lib/systemd/system/"
  local applet
  for applet in $("$CLUSTERCTL" --list); do ln -sf /bin/true "$TMP/root/usr/bin/$applet"; done
  mkdir -p "$TMP/root/bin"
  cp --parents -rL /bin/true /usr/lib/systemd/systemd-networkd-wait-online "$TMP/root/"
}

test_units_are_correct() {
  unit_tree
  local unit said
  for unit in "$ROOT"/image/units/*; do
    said=$(systemd-analyze verify --man=no --recursive-errors=no --root="$TMP/root" "${unit##*/}" 2>&1) || fail "${unit##*/}: $said"
    # Warnings leave the exit code at 0.
    said=$(grep -F "${unit##*/}" <<<"$said" || true)
    expect_eq "$said" "" "what systemd-analyze says of ${unit##*/}"
  done
}

test_every_unit_has_a_preset_and_the_rest_stays_off() {
  local preset=$ROOT/image/root/usr/lib/systemd/system-preset/10-clusteros.preset unit
  for unit in "$ROOT"/image/units/*; do
    # What a unit of ours starts has no preset, and nothing to be enabled by.
    grep -qx '\[Install\]' "$unit" || continue
    grep -qx "enable ${unit##*/}" "$preset" || fail "${unit##*/} is not in $preset"
  done
  expect_eq "$(tail -n 1 "$preset")" "disable *"
  for unit in "$ROOT"/image/units/*; do
    grep -qx '\[Install\]' "$unit" || [[ -e ${unit%.service}.timer ]] || fail "nothing starts ${unit##*/}"
  done
}

# systemd's own measure: 0 is confined, 10 is not. schedd and the others may not slide back unnoticed.
test_daemons_are_confined() {
  unit_tree
  local unit
  for unit in kvd schedd discoveryd updaterd; do
    systemd-analyze security --offline=yes --root="$TMP/root" --threshold=30 --no-pager "$unit.service" >"$TMP/$unit" ||
      fail "$unit.service: $(tail -n 1 "$TMP/$unit")"
  done
}

test_daemons_are_watched_and_restarted() {
  local unit line
  for unit in kvd schedd discoveryd updaterd; do
    for line in Type=notify Restart=always 'WatchdogSec=[0-9]+' ProtectSystem=strict NoNewPrivileges=yes; do
      grep -qEx "$line" "$ROOT/image/units/$unit.service" || fail "$unit.service has no line $line"
    done
  done
}

test_users_and_folders_can_be_made() {
  mkdir -p "$TMP/root/etc"
  systemd-sysusers --root="$TMP/root" "$ROOT/image/root/usr/lib/sysusers.d/clusteros.conf" 2>"$TMP/sysusers"
  expect_match "$(cat "$TMP/root/etc/passwd")" 'core:x:500:500:.*:/var/home/core:/bin/bash'
  expect_match "$(cat "$TMP/root/etc/shadow")" 'core:![*]:[0-9]*::::::'
  local -a users
  local user
  mapfile -t users < <(sed -n "s/^User=//p" "$ROOT"/image/units/*.service)
  for user in "${users[@]}"; do
    grep -q "^$user:" "$TMP/root/etc/passwd" || fail "no such user: $user"
  done
  systemd-tmpfiles --root="$TMP/root" --create "$ROOT/image/root/usr/lib/tmpfiles.d/clusteros.conf" 2>"$TMP/tmpfiles"
  expect_eq "$(cat "$TMP/tmpfiles")" "" "complaints of systemd-tmpfiles"
  expect_eq "$(stat -c %a:%u "$TMP/root/var/home/core")" 700:500
}

test_sshd_and_sudo_accept_their_files() {
  ssh-keygen -q -t ed25519 -N '' -f "$TMP/key"
  sed "s#/etc/ssh/ssh_host_ed25519_key#$TMP/key#" "$ROOT/image/root/etc/ssh/sshd_config.d/10-clusteros.conf" >"$TMP/sshd_config"
  mkdir -p /run/sshd
  expect_match "$(/usr/sbin/sshd -T -f "$TMP/sshd_config")" 'permitrootlogin no'
  visudo -cf "$ROOT/image/root/etc/sudoers.d/core"
}

test_the_examples_are_valid() {
  local file
  for file in "$ROOT"/examples/*.yaml; do applet bootstrap validate "$file"; done
}

run_tests "$@"
