#!/usr/bin/env bash
# bootstrap without a running machine: what validate says, and what apply makes of a directory (--root).
. "$(dirname "$0")/../lib/test.sh"

KEY="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJh8e7j3pW8Qp7z2Lr1b3O0Y6V9uWkT5QmYF0xC4nD2s someone"

# config <<END: writes the cloud-config of this test.
config() { cat >"$TMP/config.yaml"; }

# A tree with accounts like a fresh Debian's.
make_root() {
  mkdir -p "$TMP/root/etc/skel" "$TMP/root/bin"
  touch "$TMP/root/bin/bash"
  echo "alias ll='ls -l'" >"$TMP/root/etc/skel/.bashrc"
  printf 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' >"$TMP/root/etc/passwd"
  printf 'root:*:20000:0:99999:7:::\nnobody:*:20000:0:99999:7:::\n' >"$TMP/root/etc/shadow"
  printf 'root:x:0:\nsudo:x:27:\nusers:x:100:\nnogroup:x:65534:\n' >"$TMP/root/etc/group"
  printf 'root:*::\nsudo:*::\nusers:*::\nnogroup:*::\n' >"$TMP/root/etc/gshadow"
  chmod 640 "$TMP/root/etc/shadow" "$TMP/root/etc/gshadow"
}

apply() { applet bootstrap apply --from-file "$TMP/config.yaml" --root "$TMP/root" "$@"; }

# expect_remark LINE:COLUMN TEXT: validate says that, at that place.
expect_remark() {
  local output
  output=$(applet bootstrap validate "$TMP/config.yaml") || true
  [[ $output == *"config.yaml:$1: $2"* ]] || fail "no '$1: $2' in: $output"
}

test_examples_are_valid() {
  local output
  output=$(applet bootstrap validate "$ROOT"/examples/*.yaml)
  [[ $output != *warning* ]] || fail "$output"
}

test_good_config() {
  config <<END
#cloud-config
hostname: node-1
ssh-authorized-keys: ["$KEY"]
END
  expect_eq "$(applet bootstrap validate "$TMP/config.yaml")" "$TMP/config.yaml: good"
  expect_eq "$(applet coreos-cloudinit -validate -from-file="$TMP/config.yaml")" ""
}

test_errors_have_line_and_column() {
  config <<'END'
#cloud-config
hostname: -not-a-name-
ssh_authorized_keys: one key
users:
  - gecos: no name
  - name: bob
    system: maybe
    passwd: hunter2
write_files:
  - path: /usr/bin/ls
  - path: relative
  - path: /etc/x
    permissions: "0888"
    encoding: base64
    content: "***"
  - path: /etc/y
    encoding: rot13
coreos:
  write_files: []
  units:
    - name: web.exe
    - just text
    - name: a.service
      command: explode
    - name: b.service
      drop_ins: [{name: x.txt}]
END
  expect_fail 1 applet bootstrap validate "$TMP/config.yaml" >"$TMP/out"
  expect_remark 2:11 'error: invalid value -not-a-name-'
  expect_remark 3:22 'error: incorrect type for "ssh_authorized_keys" (want slice)'
  expect_remark 5:5 'error: a user needs a "name"'
  expect_remark 7:13 'error: incorrect type for "system" (want bool)'
  expect_remark 8:13 'error: "passwd" must be a hash'
  expect_remark 10:11 "error: file cannot be written to a read-only filesystem"
  expect_remark 11:11 "error: invalid value relative"
  expect_remark 13:18 "error: invalid value 0888"
  expect_remark 15:14 'error: content cannot be decoded as "base64"'
  expect_remark 17:15 "error: invalid value rot13"
  expect_remark 19:16 "error: write_files doesn't belong under coreos"
  expect_remark 21:13 "error: invalid value web.exe"
  expect_remark 22:7 'error: incorrect type for "units[1]" (want struct)'
  expect_remark 24:16 "error: invalid value explode"
  expect_remark 26:25 "error: invalid value x.txt"
  ! grep -q hunter2 "$TMP/out" || fail "a password was printed"
}

test_syntax_error_has_line_and_column() {
  printf '#cloud-config\nhostname: a\nusers:\n  - name: [a\n' >"$TMP/config.yaml"
  expect_remark 5:1 "error: while parsing a flow sequence: did not find expected ',' or ']'"
  printf '#cloud-config\nhostname: @a\n' >"$TMP/config.yaml"
  expect_remark 2:11 "error: while scanning for the next token: found character that cannot start any token"
  printf '#cloud-config\nkey: a\n\tb: c\n' >"$TMP/config.yaml"
  expect_remark 3:1 "error: "
  printf '#cloud-config\nhostname: "\xff\xfe"\n' >"$TMP/config.yaml"
  expect_remark 2:12 "error: invalid leading UTF-8 octet"
}

test_old_name_and_format() {
  printf '#cloud-config\nhostnam: a\nhostname: _\n' >"$TMP/config.yaml"
  expect_eq "$(expect_fail 1 applet coreos-cloudinit --validate --from-file "$TMP/config.yaml")" \
    $'line 2: warning: unrecognized key "hostnam" (did you mean "hostname"?)\nline 3: error: invalid value _'
  printf 'hostname: a\n' >"$TMP/config.yaml"
  expect_eq "$(expect_fail 1 applet coreos-cloudinit --validate --from-file "$TMP/config.yaml")" \
    'line 1: error: must be "#cloud-config" or begin with "#!"'
  printf '{"ignition": {"version": "3.4.0"}}' >"$TMP/config.yaml"
  expect_eq "$(applet coreos-cloudinit --validate --from-file "$TMP/config.yaml")" "Detected an Ignition config. Exiting..."
}

test_usage_errors() {
  expect_match "$(expect_fail 2 applet bootstrap aply 2>&1)" "did you mean 'apply'"
  expect_match "$(expect_fail 2 applet bootstrap apply --from-fil x 2>&1)" "did you mean '--from-file'"
  expect_fail 2 applet bootstrap
  expect_fail 2 applet bootstrap validate
  expect_match "$(expect_fail 1 applet bootstrap validate "$TMP/nothing" 2>&1)" "nothing: No such file"
  expect_match "$(expect_fail 1 applet bootstrap status --root "$TMP" 2>&1)" "has not run on this machine"
}

test_bombs_end_early() {
  local i
  { echo "#cloud-config"; echo 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
    for i in {1..9}; do echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]"; done; } >"$TMP/config.yaml"
  expect_match "$(expect_fail 1 timeout 10 "$CLUSTERCTL" bootstrap validate "$TMP/config.yaml")" "too many values"
  { echo "#cloud-config"; printf 'a: %s' "$(printf '[%.0s' {1..5000})"; } >"$TMP/config.yaml"
  expect_match "$(expect_fail 1 timeout 10 "$CLUSTERCTL" bootstrap validate "$TMP/config.yaml")" "nested too deeply"
  printf '#cloud-config\na: &a [*a]\n' >"$TMP/config.yaml"
  expect_remark 2:8 "error: anchor 'a' value contains itself"
  { echo "#cloud-config"; printf 'write_files: [{path: /x, encoding: gz+b64, content: "%s"}]' "$(head -c 100M /dev/zero | gzip -9 | base64 -w0)"; } >"$TMP/config.yaml"
  expect_remark 2:53 'error: content cannot be decoded as "gz+b64"'
  head -c 5M /dev/zero >"$TMP/config.yaml"
  expect_fail 1 applet bootstrap validate "$TMP/config.yaml" 2>/dev/null
}

test_apply_makes_users() {
  make_root
  config <<END
#cloud-config
users:
  - name: alice
    gecos: Alice
    passwd: \$6\$salt\$hash
    groups: [sudo]
    ssh_authorized_keys: ["$KEY"]
  - name: bob
    no_user_group: true
    homedir: /srv/bob
    shell: /bin/sh
  - name: daemon
    system: true
    no_create_home: true
END
  apply 2>"$TMP/journal"
  expect_eq "$(grep -E 'alice|bob|daemon' "$TMP/root/etc/passwd")" \
    "alice:x:1000:1000:Alice:/home/alice:/bin/bash
bob:x:1001:100::/srv/bob:/bin/sh
daemon:x:999:999::/home/daemon:/bin/bash"
  expect_eq "$(grep -E 'alice|bob|daemon' "$TMP/root/etc/group")" $'sudo:x:27:alice\nalice:x:1000:\ndaemon:x:999:'
  expect_match "$(grep alice "$TMP/root/etc/shadow")" '^alice:\$6\$salt\$hash:[0-9]{5}:0:99999:7:::$'
  expect_match "$(grep bob "$TMP/root/etc/shadow")" '^bob:\*:'
  expect_eq "$(grep sudo "$TMP/root/etc/gshadow")" 'sudo:*::alice'
  expect_eq "$(stat -c '%a %u' "$TMP/root/etc/shadow")" "640 0"
  expect_eq "$(cd "$TMP/root/home/alice" && stat -c '%n %A %u %g' . .bashrc .ssh .ssh/authorized_keys)" \
    ". drwx------ 1000 1000
.bashrc -rw-r--r-- 1000 1000
.ssh drwx------ 1000 1000
.ssh/authorized_keys -rw------- 1000 1000"
  [[ ! -e $TMP/root/home/daemon ]] || fail "a home was made for daemon"
  ! grep -q hash "$TMP/journal" || fail "a password hash was logged"
  ! grep -rq hash "$TMP/root/run" "$TMP/root/var" || fail "a password hash is in the report"
  # The same again changes nothing, byte for byte.
  cp -a "$TMP/root/etc" "$TMP/before"
  apply 2>"$TMP/journal"
  expect_match "$(tail -n 1 "$TMP/journal")" ": 0 changed, "
  diff -r "$TMP/before" "$TMP/root/etc"
  # Of a user who is there, only the password and keys are applied.
  config <<END
#cloud-config
users:
  - {name: alice, gecos: Other, shell: /bin/sh, passwd: \$6\$salt\$new}
END
  apply 2>/dev/null
  expect_match "$(grep alice "$TMP/root/etc/passwd")" ":Alice:/home/alice:/bin/bash"
  expect_match "$(grep alice "$TMP/root/etc/shadow")" '^alice:\$6\$salt\$new:'
}

test_one_failing_step_does_not_stop_others() {
  make_root
  config <<'END'
#cloud-config
users:
  - {name: carol, primary_group: nosuch}
write_files:
  - {path: /etc/a, content: a, owner: nobody:nogroup}
  - {path: /etc/b, content: b, owner: nosuch}
END
  expect_fail 1 apply 2>"$TMP/journal"
  expect_match "$(cat "$TMP/journal")" 'users\[0\] \(line 3\): user carol: failed: .*there is no group nosuch'
  expect_match "$(cat "$TMP/journal")" 'write_files\[1\] \(line 6\): write /etc/b: failed: find user nosuch: there is none'
  expect_eq "$(stat -c '%u %g' "$TMP/root/etc/a")" "65534 65534"
  ! grep -q carol "$TMP/root/etc/passwd" "$TMP/root/etc/shadow" "$TMP/root/etc/group" || fail "carol is there in part"
  expect_eq "$(applet bootstrap status --root "$TMP/root" --json | jq -r .result || true)" failed
}

test_links_of_users_are_not_followed() {
  make_root
  config <<END
#cloud-config
users:
  - {name: mallory, ssh_authorized_keys: ["$KEY"]}
write_files:
  - {path: /home/mallory/dir/file, content: text}
END
  mkdir -p "$TMP/root/home/mallory" "$TMP/root/etc/victim"
  echo "mallory:x:1000:1000::/home/mallory:/bin/sh" >>"$TMP/root/etc/passwd"
  ln -s ../../etc/victim "$TMP/root/home/mallory/.ssh"
  ln -s ../../etc/victim "$TMP/root/home/mallory/dir"
  chown -hR 1000:1000 "$TMP/root/home/mallory"
  expect_fail 1 apply 2>"$TMP/journal"
  expect_match "$(cat "$TMP/journal")" "install keys mallory: failed"
  expect_match "$(cat "$TMP/journal")" "/home/mallory/dir: a symbolic link that is not root's"
  expect_eq "$(ls -A "$TMP/root/etc/victim")" ""
  # A link in the place of the file is replaced, not followed; root's own links on the way are fine.
  rm "$TMP/root/home/mallory/.ssh" "$TMP/root/home/mallory/dir"
  mkdir "$TMP/root/home/mallory/.ssh" "$TMP/root/var.home"
  ln -s ../../../etc/victim/keys "$TMP/root/home/mallory/.ssh/authorized_keys"
  chown -hR 1000:1000 "$TMP/root/home/mallory"
  mv "$TMP/root/home" "$TMP/root/var.home/home"
  ln -s var.home/home "$TMP/root/home"
  apply 2>/dev/null
  expect_eq "$(ls -A "$TMP/root/etc/victim")" ""
  expect_eq "$(grep -c someone "$TMP/root/var.home/home/mallory/.ssh/authorized_keys")" 1
}

test_files_and_units() {
  make_root
  local packed
  packed=$(echo packed | gzip | base64 -w0)
  config <<END
#cloud-config
hostname: node-1
write_files:
  - {path: /etc/deep/er/file, content: "a\n", permissions: 0600}
  - {path: /etc/packed, content: $packed, encoding: gzip+base64}
coreos:
  units:
    - name: a.service
      content: "[Service]\nExecStart=/bin/true\n"
      drop_ins: [{name: 10-x.conf, content: "[Unit]\nDescription=x\n"}]
    - {name: b.service, mask: true}
    - {name: c.service, runtime: true, content: "[Service]\nExecStart=/bin/true\n"}
    - {name: d.network, content: "[Match]\nName=d\n"}
  etcd2: {listen-client-urls: "http://0.0.0.0:2379,http://127.0.0.1:4001"}
clusteros:
  store: {endpoints: ["http://\$private_ipv4:2379"]}
END
  export COREOS_PRIVATE_IPV4=10.1.2.3
  apply 2>/dev/null
  cd "$TMP/root"
  expect_eq "$(cat etc/hostname)" node-1
  expect_eq "$(stat -c %a etc/deep/er/file) $(cat etc/deep/er/file)" "600 a"
  expect_eq "$(cat etc/packed)" packed
  expect_eq "$(head -n 1 etc/systemd/system/a.service)" "[Service]"
  expect_eq "$(tail -n 1 etc/systemd/system/a.service.d/10-x.conf)" "Description=x"
  expect_eq "$(readlink etc/systemd/system/b.service)" /dev/null
  [[ -s run/systemd/system/c.service && -s etc/systemd/network/d.network ]]
  expect_eq "$(cat etc/clusteros/cluster.env)" \
    $'CLUSTEROS_ENDPOINTS=http://10.1.2.3:2379\nCLUSTEROS_KV_LISTEN_CLIENT_URLS=http://0.0.0.0:2379,http://127.0.0.1:4001'
  expect_eq "$(cat etc/environment)" COREOS_PRIVATE_IPV4=10.1.2.3
  # A mask is taken away again, and lines that others wrote stay.
  echo OTHER=1 >>etc/clusteros/cluster.env
  sed -i 's/mask: true/mask: false/; s/2379"\]/2380"]/' "$TMP/config.yaml"
  apply 2>/dev/null
  [[ ! -L etc/systemd/system/b.service ]] || fail "still masked"
  expect_match "$(cat etc/clusteros/cluster.env)" $'10.1.2.3:2380\n.*\nOTHER=1'
}

test_broken_config_changes_nothing_but_keys() {
  make_root
  config <<END
#cloud-config
hostname: never
ssh_authorized_keys:
  - $KEY
  - ssh-ed25519 AAAA-cut-off
users:
  - {name: dave, ssh_authorized_keys: ["$KEY"]}
write_files:
  - {path: /etc/never, content: never}
  - {path: /etc/never2, content: never, permissions: rwx}
END
  expect_fail 1 apply 2>"$TMP/journal"
  expect_match "$(cat "$TMP/journal")" "config.yaml:10:54: error: invalid value rwx"
  expect_eq "$(cd "$TMP/root/etc" && ls -d hostname never* 2>/dev/null || true)" "" "files"
  ! grep -q dave "$TMP/root/etc/passwd" || fail "dave was made"
  expect_eq "$(grep -c someone "$TMP/root/home/core/.ssh/authorized_keys")" 1
  ! grep -q cut-off "$TMP/root/home/core/.ssh/authorized_keys" || fail "a key that is none was installed"
  expect_match "$(expect_fail 1 applet bootstrap status --root "$TMP/root")" "refused the cloud-config"
  # A refused config takes no key away that an earlier one gave.
  printf '#cloud-config\nssh_authorized_keys: ["%s2"]\nhostname: [\n' "$KEY" >"$TMP/config.yaml"
  expect_fail 1 apply 2>/dev/null
  expect_eq "$(grep -c someone "$TMP/root/home/core/.ssh/authorized_keys")" 2
}

test_installed_file_and_metadata() {
  make_root
  mkdir -p "$TMP/root/var/lib/clusteros/bootstrap"
  cd "$TMP/root/var/lib/clusteros/bootstrap"
  touch user-data
  printf 'instance-id: i-1\nlocal-hostname: from-metadata\npublic-keys:\n  - %s\n' "$KEY" >meta-data
  applet bootstrap apply --datasource installed --root "$TMP/root" 2>/dev/null
  expect_eq "$(cat "$TMP/root/etc/hostname")" from-metadata
  expect_eq "$(grep -c someone "$TMP/root/home/core/.ssh/authorized_keys")" 1
  expect_eq "$(jq -r '.instance_id + " " + .result' report.json)" "i-1 applied"
  printf '#cloud-config\nhostname: from-user-data\n' >user-data
  applet bootstrap apply --datasource installed --root "$TMP/root" 2>/dev/null
  expect_eq "$(cat "$TMP/root/etc/hostname")" from-user-data
  head -c 5M /dev/zero >user-data
  expect_fail 1 applet bootstrap apply --datasource installed --root "$TMP/root" 2>"$TMP/journal"
  expect_match "$(cat "$TMP/journal")" "^error: read user-data: .*more than 4194304 bytes"
  expect_eq "$(jq -r .result report.json)" failed
  rm user-data
  applet bootstrap apply --datasource installed --root "$TMP/root" 2>"$TMP/journal"
  expect_match "$(cat "$TMP/journal")" "no cloud-config was found"
}

run_tests "$@"
