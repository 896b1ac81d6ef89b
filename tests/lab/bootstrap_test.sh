#!/usr/bin/env bash
# bootstrap on a real systemd: a cloud-config applied at boot makes the machine; a broken one leaves it reachable.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/lab.sh"

# A node with our units and keys to log in with.
prepare() {
  lab_network
  lab_install a
  ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$TMP/key"
  KEY=$(cat "$TMP/key.pub")
}

over_ssh() {
  local user=$1
  shift
  lab_outside ssh -q -i "$TMP/key" -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 "$user@$(lab_address a)" "$@"
}

step_result() { lab_run a bootstrap status --json | jq -r --arg key "$1" --arg action "$2" \
  '[.steps[] | select(.key == $key and .action == $action) | .result] | join(" ")'; }

test_first_boot() {
  prepare operator
  cat >"$TMP/config.yaml" <<END
#cloud-config
hostname: node-7
ssh_authorized_keys:
  - $KEY
users:
  - name: alice
    gecos: Alice A.
    groups: [systemd-journal]
    ssh-authorized-keys: ["$KEY"]
  - name: worker
    system: true
    no-create-home: true
    shell: /usr/sbin/nologin
write_files:
  - path: /etc/lab/message
    permissions: "0640"
    owner: alice:systemd-journal
    content: |
      written by cloud-config
coreos:
  units:
    - name: hello.service
      enable: true
      command: start
      content: |
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -c 'echo "hello from \$GREETING"'
        [Install]
        WantedBy=multi-user.target
      drop_ins:
        - name: 10-greeting.conf
          content: |
            [Service]
            Environment=GREETING=drop-in
    - name: after.service
      command: start
      content: |
        [Unit]
        After=multi-user.target
        [Service]
        ExecStart=/usr/bin/sleep infinity
    - name: fstrim.timer
      mask: true
clusteros:
  store:
    endpoints: ["http://10.99.0.1:2379"]
colour: blue
END
  lab_cloud_config a "$TMP/config.yaml"
  lab_start a
  expect_eq "$(lab_run a systemctl is-active bootstrap.service)" active
  expect_eq "$(lab_run a hostname)" node-7
  expect_eq "$(lab_run a cat /etc/hostname)" node-7
  # People get in, as themselves.
  expect_eq "$(over_ssh core id -un)" core
  expect_eq "$(over_ssh alice id -un)" alice
  expect_match "$(over_ssh alice id -Gn)" systemd-journal
  expect_eq "$(over_ssh alice pwd)" /home/alice
  expect_fail 255 over_ssh worker true
  expect_eq "$(lab_run a getent passwd alice | cut -d: -f5,6)" "Alice A.:/home/alice"
  [[ $(lab_run a id -u worker) -lt 1000 ]] || fail "worker has no system user's number"
  expect_eq "$(lab_run a stat -c '%A %U' /home/alice/.ssh /home/alice/.ssh/authorized_keys | tr '\n' ' ')" \
    "drwx------ alice -rw------- alice "
  # Files and units.
  expect_eq "$(lab_run a stat -c '%a %U %G' /etc/lab/message)" "640 alice systemd-journal"
  expect_eq "$(lab_run a cat /etc/lab/message)" "written by cloud-config"
  expect_eq "$(lab_run a systemctl is-active hello.service)" active
  expect_eq "$(lab_run a systemctl is-enabled hello.service)" enabled
  lab_run a journalctl --sync
  expect_match "$(lab_run a journalctl --unit hello.service --output cat)" "hello from drop-in"
  wait_until 10 lab_run a systemctl is-active after.service
  expect_eq "$(lab_run a systemctl is-enabled fstrim.timer || true)" masked
  expect_eq "$(lab_run a cat /etc/clusteros/cluster.env)" "CLUSTEROS_ENDPOINTS=http://10.99.0.1:2379"
  # It says what it did, key by key.
  expect_match "$(lab_run a journalctl --unit bootstrap --output cat)" "write_files\[0\] \(line [0-9]+\): write /etc/lab/message: changed"
  expect_match "$(lab_run a journalctl --unit bootstrap --output cat)" 'unrecognized key "colour"'
  expect_eq "$(step_result hostname 'set hostname')" changed
  expect_eq "$(step_result 'coreos.units[0].command' start)" changed
  lab_run a bootstrap status >/dev/null
  # A second run, and the next boot, change nothing.
  lab_run a bootstrap apply
  expect_eq "$(lab_run a bootstrap status --json | jq '[.steps[] | select(.result != "unchanged")] | length')" 0 "steps that did something"
  lab_reboot a
  expect_eq "$(step_result 'users[0]' user)" unchanged
  expect_eq "$(step_result 'write_files[0]' write)" unchanged
  expect_eq "$(lab_run a systemctl is-active hello.service)" active
  expect_eq "$(over_ssh alice id -un)" alice
}

test_removed_key_is_gone_and_own_keys_stay() {
  prepare operator
  printf '#cloud-config\nssh_authorized_keys:\n  - %s\n' "$KEY" >"$TMP/config.yaml"
  lab_cloud_config a "$TMP/config.yaml"
  lab_start a
  over_ssh core 'ssh-keygen -q -t ed25519 -N "" -C by-hand -f /tmp/other && cat /tmp/other.pub >>.ssh/authorized_keys'
  ssh-keygen -q -t ed25519 -N '' -C second -f "$TMP/second"
  printf '#cloud-config\nssh_authorized_keys:\n  - %s\n' "$(cat "$TMP/second.pub")" >"$TMP/config.yaml"
  lab_copy a "$TMP/config.yaml" /etc/next.yaml
  lab_run a bootstrap apply --from-file /etc/next.yaml
  expect_fail 255 over_ssh core true
  mv "$TMP/second" "$TMP/key"
  mv "$TMP/second.pub" "$TMP/key.pub"
  expect_eq "$(over_ssh core grep -c by-hand .ssh/authorized_keys)" 1
}

test_broken_config_is_refused_but_keys_let_in() {
  prepare operator
  cat >"$TMP/config.yaml" <<END
#cloud-config
hostname: never
ssh_authorized_keys:
  - $KEY
write_files:
  - path: /etc/lab/never
    content: never
    permissions: "0999"
coreos:
  units:
    - name: [web.service
      command: start
END
  lab_cloud_config a "$TMP/config.yaml"
  lab_start a
  expect_eq "$(lab_run a systemctl is-system-running || true)" degraded
  expect_eq "$(lab_run a systemctl is-active bootstrap.service || true)" failed
  expect_eq "$(lab_run a hostname)" a "hostname"
  expect_fail 1 lab_run a test -e /etc/lab/never
  expect_eq "$(over_ssh core id -un)" core
  expect_match "$(lab_run a journalctl --unit bootstrap --output cat)" "user-data:1[12]:[0-9]+: error: .*did not find expected"
  local status
  status=$(expect_fail 1 lab_run a bootstrap status)
  expect_match "$status" "refused the cloud-config"
  # The corrected one is applied as if nothing had been.
  sed -i 's/\[web.service/web.service/; s/0999/0644/; s/command: start/command: stop/' "$TMP/config.yaml"
  lab_cloud_config a "$TMP/config.yaml"
  lab_reboot a
  expect_eq "$(lab_run a hostname)" never
  expect_eq "$(lab_run a cat /etc/lab/never)" never
}

test_no_config_is_fine() {
  lab_install a
  lab_start a
  expect_eq "$(lab_run a systemctl is-active bootstrap.service)" active
  expect_match "$(lab_run a bootstrap status)" "no cloud-config was found"
}

test_network_unit_restarts_networkd() {
  lab_install a
  cat >"$TMP/config.yaml" <<'END'
#cloud-config
coreos:
  units:
    - name: 50-extra.netdev
      content: |
        [NetDev]
        Name=extra0
        Kind=bridge
    - name: 50-extra.network
      content: |
        [Match]
        Name=extra0
        [Network]
        Address=192.0.2.77/24
        ConfigureWithoutCarrier=yes
END
  lab_cloud_config a "$TMP/config.yaml"
  lab_start a
  wait_until 15 lab_run a bash -c 'ip -4 addr show extra0 | grep -q 192.0.2.77'
  expect_eq "$(step_result coreos.units restart)" changed
}

run_tests "$@"
