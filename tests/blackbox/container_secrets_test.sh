#!/usr/bin/env bash
# container: a secret reaches its container as a file in memory, and nobody else in any way.
. "$(dirname "$0")/../lib/container.sh"

SECRET=uNgUeSsAbLe4711

test_a_secret_is_a_file_in_memory_that_cannot_be_written() {
  printf '%s' "$SECRET" | container secret create key -
  expect_eq "$(run --secret key "$IMAGE" sh -c 'cat /run/secrets/key; stat -c " %u %g %a" /run/secrets/key')" "$SECRET 0 0 444"
  expect_match "$(run --secret key "$IMAGE" grep ' /run/secrets ' /proc/mounts)" 'tmpfs /run/secrets tmpfs ro,nosuid,nodev,noexec'
  expect_match "$(run --secret key "$IMAGE" sh -c 'echo x >/run/secrets/key; rm /run/secrets/key; touch /run/secrets/x' 2>&1 || true)" \
    'Read-only.*Read-only.*Read-only'
  expect_eq "$(run --secret key,target=other,mode=0400,uid=1000,gid=10 "$IMAGE" sh -c 'ls /run/secrets; stat -c "%u %g %a" /run/secrets/other')" \
    $'other\n1000 10 400'
  expect_eq "$(run --secret key,mode=0400,uid=1000 --user app --read-only --tmpfs /run "$IMAGE" cat /run/secrets/key)" "$SECRET"
  expect_match "$(run --secret key,mode=0400 --user app "$IMAGE" cat /run/secrets/key 2>&1 || true)" 'denied'
  expect_eq "$(run --userns host --secret key,uid=7 "$IMAGE" stat -c %u /run/secrets/key 2>/dev/null)" 7
  # Nothing of it is in the layer that stays.
  container create --name kept --secret key "$IMAGE" cat /run/secrets/key >/dev/null
  expect_eq "$(container start -a kept)" "$SECRET"
  expect_eq "$(grep -rl "$SECRET" "$CLUSTEROS_RUNTIME_ROOT/containers" || true)" ""
  expect_match "$(expect_fail 1 container secret rm key 2>&1)" 'secret key: in use by kept'
  container rm kept
  container secret rm key
  check_no_leaks
}

test_a_secret_is_nowhere_else() {
  local id
  printf '%s' "$SECRET" >"$TMP/file"
  container secret create key "$TMP/file"
  rm "$TMP/file"
  id=$(container run -d --name app --secret key "$IMAGE" sh -c 'cat /run/secrets/key >/dev/null; echo up; exec sleep 1000')
  wait_until 10 container_says app up
  container inspect app >"$TMP/inspect"
  container ps --json >"$TMP/ps"
  container secret ls >"$TMP/list"
  container secret ls --json >>"$TMP/list"
  container logs app >"$TMP/logs"
  container exec app env >"$TMP/env"
  cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ >"$TMP/processes" 2>/dev/null || true
  grep -q sleep "$TMP/processes" || fail "no command lines were seen"
  expect_match "$(cat "$TMP/list")" '"name": "key".*"containers"'
  expect_eq "$(jq -c '.request.secrets[0].name' "$CLUSTEROS_RUNTIME_STATE/$id/spec.json")" '"key"'
  # The file itself is the only one that has it, on the host, and only root may read that.
  expect_eq "$(grep -arl "$SECRET" "$TMP" "$CLUSTEROS_RUNTIME_STATE" "$CLUSTEROS_RUNTIME_ROOT" || true)" "$CLUSTEROS_RUNTIME_ROOT/secrets/key"
  expect_eq "$(stat -c %a "$CLUSTEROS_RUNTIME_ROOT/secrets" "$CLUSTEROS_RUNTIME_ROOT/secrets/key" | xargs)" "700 600"
  expect_eq "$(grep -c /run/secrets /proc/self/mountinfo || true)" 0
  container rm -f app >/dev/null
  container secret rm key
  check_no_leaks
}
container_says() { [[ $(container logs "$1") == "$2" ]]; }

test_words_are_checked() {
  echo x | container secret create one -
  expect_match "$(echo y | expect_fail 1 container secret create one - 2>&1)" 'secret one: there is one already'
  expect_match "$(expect_fail 1 container secret create none - </dev/null 2>&1)" 'secret none: it is empty'
  head -c 600000 /dev/zero >"$TMP/large"
  expect_match "$(expect_fail 1 container secret create large "$TMP/large" 2>&1)" "$TMP/large|larger"
  expect_match "$(expect_fail 2 container secret create ../x - </dev/null 2>&1)" 'expected letters, digits'
  expect_match "$(expect_fail 2 container secret create one 2>&1)" 'an argument is missing'
  expect_match "$(expect_fail 2 run --secret one,target=/etc/passwd "$IMAGE" true 2>&1)" 'below /run/secrets'
  expect_match "$(expect_fail 2 run --secret one --secret one "$IMAGE" true 2>&1)" 'another one is /run/secrets/one'
  expect_match "$(expect_fail 125 run --secret none "$IMAGE" true 2>&1)" 'secret none: there is none'
  expect_match "$(expect_fail 1 container secret rm none 2>&1)" 'secret none: there is none'
  expect_eq "$(container secret ls --json | jq -c '[.[]|[.name,.size,.containers]]')" '[["one",2,[]]]'
  container secret rm one
  check_no_leaks
}

run_tests "$@"
