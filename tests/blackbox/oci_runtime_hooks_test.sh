#!/usr/bin/env bash
# oci-runtime: hooks run at their time, in their namespaces, with the state; what a failure of each does.

if [[ ! ${OCI_SUITE:-} && ${1:-} != --list && ${1:-} != --help ]]; then
  exec env OCI_SUITE=1 unshare --net --fork --kill-child bash "$0" "$@"
fi

. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/oci.sh"

# hook KIND SCRIPT: appends a hook that runs a shell script of the host, told the kind as $0.
hook() {
  edit ".hooks.$1 += [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", $(jq -n --arg text "$2" '$text'), \"$1\"],
    \"env\": [\"PATH=/usr/bin:/bin\", \"LOG=$TMP/hooks\"]}]"
}

test_each_hook_runs_once_in_order_with_the_state() {
  bundle
  local kind
  # shellcheck disable=SC2016 # for the hook's shell
  for kind in prestart createRuntime createContainer poststart poststop; do
    hook "$kind" 'echo "$0 $(jq -r "[.status, .id, .bundle, .annotations.a, ((.pid // 0) > 0)] | join(\" \")") $#" >>"$LOG"'
  done
  # In the container there is no jq, and the hook's path is the container's.
  edit '.hooks.startContainer = [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/state; pwd >>/state"]}] | .annotations.a = "b"'
  command_is 'cat /state >/copy; echo ran'
  expect_eq "$(oci run -b "$TMP/bundle" c)" ran
  expect_eq "$(cat "$TMP/hooks")" "prestart creating c $TMP/bundle b true 0
createRuntime creating c $TMP/bundle b true 0
createContainer creating c $TMP/bundle b true 0
poststart running c $TMP/bundle b true 0
poststop stopped c $TMP/bundle b false 0"
  expect_eq "$(head -n 1 "$TMP/bundle/rootfs/copy" | tr '}' '\n' | head -n 1 | grep -o '"status":"created"')" '"status":"created"'
  expect_match "$(cat "$TMP/bundle/rootfs/copy")" '"pid":1[,}]'
}

test_hooks_of_create_start_and_delete_run_with_their_command() {
  bundle
  local kind
  # shellcheck disable=SC2016
  for kind in createRuntime poststart poststop; do hook "$kind" 'echo "$0" >>"$LOG"'; done
  command_is 'exit 0'
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_eq "$(cat "$TMP/hooks")" createRuntime
  oci start c
  expect_eq "$(tail -n 1 "$TMP/hooks")" poststart
  wait_until 5 stopped c
  oci delete c
  expect_eq "$(xargs <"$TMP/hooks")" "createRuntime poststart poststop"
}

# The pid namespace, too: a namespace that the container joins is not the hook's.
test_runtime_hooks_are_in_the_runtime_s_namespaces() {
  bundle
  local kind
  unshare --net --uts --ipc sleep 60 &
  local other=$!
  wait_until 5 bash -c "[[ \$(readlink /proc/$other/ns/net) != \$(readlink /proc/self/ns/net) ]]"
  edit ".linux.namespaces |= map(if .type == \"network\" then .path = \"/proc/$other/ns/net\"
    elif .type == \"uts\" then .path = \"/proc/$other/ns/uts\" elif .type == \"ipc\" then .path = \"/proc/$other/ns/ipc\" else . end) | del(.hostname)"
  # shellcheck disable=SC2016
  for kind in prestart createRuntime poststart poststop; do
    hook "$kind" 'for n in net uts ipc pid mnt; do readlink /proc/self/ns/$n; done | xargs >>"$LOG"'
  done
  command_is 'true'
  oci run -b "$TMP/bundle" c
  expect_eq "$(sort -u "$TMP/hooks")" "$(for n in net uts ipc pid mnt; do readlink "/proc/self/ns/$n"; done | xargs)"
  expect_eq "$(wc -l <"$TMP/hooks")" 4
}

test_create_container_hooks_see_the_mounts_and_may_write_to_a_read_only_root() {
  bundle
  mkdir "$TMP/volume" "$TMP/bundle/rootfs/volume"
  echo inside >"$TMP/volume/file"
  edit ".root.readonly = true | .mounts += [{\"destination\": \"/volume\", \"type\": \"bind\", \"source\": \"$TMP/volume\", \"options\": [\"bind\"]}]"
  hook createContainer "cat $TMP/bundle/rootfs/volume/file >$TMP/bundle/rootfs/made; readlink /proc/self/ns/uts >$TMP/uts; ls -d $TMP/bundle/rootfs/proc/1 >>$TMP/uts"
  command_is 'cat /made; touch /no 2>&1'
  expect_eq "$(expect_fail 1 oci run -b "$TMP/bundle" c)" $'inside\ntouch: /no: Read-only file system'
  expect_eq "$(cat "$TMP/bundle/rootfs/made")" inside
  expect_fail 1 grep -q "$(readlink /proc/self/ns/uts)" "$TMP/uts"
  expect_match "$(cat "$TMP/uts")" 'rootfs/proc/1'
}

# In the process' own user and capabilities: its program is the image's.
test_start_container_hooks_have_no_more_rights_than_the_program() {
  bundle
  edit '.process.user = {"uid": 7, "gid": 8} | .process.noNewPrivileges = true | .process.capabilities = {}
    | .hooks.startContainer = [{"path": "/bin/sh", "args": ["sh", "-c", "id -u; grep -E \"^(CapEff|CapBnd|NoNewPrivs)\" /proc/self/status; exit 9"]}]'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'exit code 9: 7 CapEff:.0000000000000000 CapBnd:.0000000000000000 NoNewPrivs:.1'
}

test_a_failing_hook_ends_the_container() {
  bundle
  cp "$TMP/bundle/config.json" "$TMP/good.json"
  local kind
  for kind in prestart createRuntime createContainer poststart; do
    cp "$TMP/good.json" "$TMP/bundle/config.json"
    # shellcheck disable=SC2016
    hook poststop 'echo "$0" >>"$LOG"'
    hook "$kind" 'echo reason >&2; exit 7'
    command_is 'sleep 100'
    rm -f "$TMP/hooks"
    expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" "$kind hook /bin/sh: exit code 7: reason"
    expect_eq "$(oci list -q)" "" "after $kind"
    expect_eq "$(cat "$TMP/hooks")" poststop "after $kind"
  done
  [[ ! -e /sys/fs/cgroup/clusteros/$(basename "$TMP") ]] || fail "something of it still runs"
}

test_a_failing_start_container_hook_ends_the_container() {
  bundle
  edit '.hooks.startContainer = [{"path": "/bin/false"}]'
  command_is 'echo ran >/ran'
  oci create -b "$TMP/bundle" c </dev/null >/dev/null 2>&1
  expect_match "$(expect_fail 1 oci start c 2>&1)" 'startContainer hook /bin/false: exit code 1'
  expect_eq "$(oci list -q)" ""
  [[ ! -e $TMP/bundle/rootfs/ran ]]
}

test_a_failing_poststop_hook_is_logged_and_the_next_runs() {
  bundle
  hook poststop 'exit 3'
  # shellcheck disable=SC2016
  hook poststop 'echo second >>"$LOG"'
  command_is true
  expect_match "$(oci run -b "$TMP/bundle" c 2>&1)" 'poststop hook /bin/sh: exit code 3'
  expect_eq "$(cat "$TMP/hooks")" second
}

test_a_hook_that_takes_too_long_is_killed() {
  bundle
  hook createRuntime "echo \$\$ >$TMP/pid; exec sleep 1000"
  edit '.hooks.createRuntime[0].timeout = 1'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'no end after 1 s, so it was killed'
  [[ ! -e /proc/$(cat "$TMP/pid") ]]
}

test_a_hook_that_leaves_a_child_holds_nothing_up() {
  bundle
  hook createRuntime 'sleep 30 & exit 0'
  command_is 'echo ran'
  local begin=$SECONDS
  expect_eq "$(oci run -b "$TMP/bundle" c)" ran
  ((SECONDS - begin < 20)) || fail "waited for the child's output"
}

test_a_missing_hook_is_an_error() {
  bundle
  edit '.hooks.prestart = [{"path": "/no/such/hook"}]'
  expect_match "$(expect_fail 1 oci run -b "$TMP/bundle" c 2>&1)" 'prestart hook /no/such/hook: No such file or directory'
}

test_hooks_inherit_no_file_and_no_environment() {
  bundle
  hook createRuntime "env | grep -v -E '^(PWD|SHLVL|_|OLDPWD)=' | sort >$TMP/env; ls /proc/self/fd | wc -l >$TMP/files"
  command_is true
  SECRET=x oci run -b "$TMP/bundle" --preserve-fds 1 c 3</dev/null
  expect_eq "$(cut -d= -f1 "$TMP/env" | xargs)" "LOG PATH"
  # 0, 1, 2 and the directory that ls reads.
  expect_eq "$(cat "$TMP/files")" 4
}

run_tests "$@"
