#!/usr/bin/env bash
# container: named volumes: made, filled from the image, shared, kept, removed; and killed at any point while one is filled.
. "$(dirname "$0")/../lib/container.sh"

volumes() { container volume ls --json | jq -c "$1"; }
data() { echo "$CLUSTEROS_RUNTIME_ROOT/volumes/$1/data"; }

test_a_volume_outlives_its_containers_and_is_shared() {
  run -v pages:/www "$IMAGE" sh -c 'echo hello >/www/page; chown app /www/page'
  expect_eq "$(stat -c '%u %n' "$(data pages)/page")" "1000 $(data pages)/page"
  expect_eq "$(run --mount type=volume,source=pages,target=/else,readonly "$IMAGE" sh -c 'cat /else/page; stat -c %U /else/page; touch /else/x 2>&1' || true)" \
    $'hello\napp\ntouch: /else/x: Read-only file system'
  container run -d --name one -v pages:/www "$IMAGE" sleep 1000 >/dev/null
  run -v pages:/www "$IMAGE" sh -c 'echo more >>/www/page'
  expect_eq "$(container exec one cat /www/page)" $'hello\nmore'
  expect_eq "$(volumes '[.[]|[.name,.kind,.filled,.containers]]')" '[["pages","directory",true,["one"]]]'
  expect_match "$(container volume ls)" 'NAME.*pages +directory +.* one'
  expect_match "$(expect_fail 1 container volume rm pages 2>&1)" 'volume pages: in use by one'
  expect_eq "$(container volume prune)" ""
  container stop -t 0 one >/dev/null
  expect_match "$(expect_fail 1 container volume rm pages 2>&1)" 'in use by one'
  container rm one
  expect_eq "$(container volume rm pages)" pages
  expect_eq "$(volumes .)" '[]'
  expect_eq "$(find "$CLUSTEROS_RUNTIME_ROOT/volumes" -mindepth 1 -maxdepth 1 ! -name .lock)" ""
  check_no_leaks
}

test_the_first_use_fills_it_with_what_the_image_has() {
  expect_eq "$(run -v conf:/etc "$IMAGE" sh -c 'head -n 1 /etc/passwd; rm /etc/group')" 'root:x:0:0:root:/root:/bin/sh'
  # Only the first one: what was removed stays away, and another place of the image changes nothing.
  expect_eq "$(run -v conf:/etc "$IMAGE" sh -c 'ls /etc/group 2>&1; ls /etc/passwd' || true)" $'ls: /etc/group: No such file or directory\n/etc/passwd'
  expect_eq "$(run -v conf:/bin2 "$IMAGE" ls /bin2/passwd)" /bin2/passwd
  expect_eq "$(run -v sbin:/bin:ro "$IMAGE" sh -c 'readlink /bin/cat; touch /bin/x 2>&1' || true)" $'busybox\ntouch: /bin/x: Read-only file system'
  expect_eq "$(stat -c %u "$(data sbin)/busybox")" "$(stat -c %u /usr/bin/busybox)"
  container volume create --kind empty bare >/dev/null
  # What we provide is each start's own, whatever is mounted above it.
  expect_eq "$(run -v conf:/etc --hostname first "$IMAGE" cat /etc/hostname)" first
  expect_eq "$(run -v conf:/etc --hostname second "$IMAGE" cat /etc/hostname)" second
  expect_eq "$(run -v bare:/etc "$IMAGE" ls /etc | xargs)" "hostname hosts resolv.conf"
  expect_eq "$(run --mount type=volume,source=plain,target=/root/x,volume-nocopy "$IMAGE" ls /root/x)" ""
  container volume create --kind tmpfs --size 1m fast >/dev/null
  expect_match "$(run -v fast:/fast "$IMAGE" grep ' /fast ' /proc/mounts)" 'tmpfs.*size=1024k'
  expect_eq "$(container volume prune | xargs)" "bare conf fast plain sbin"
  check_no_leaks
}

test_an_empty_one_goes_with_its_container() {
  container create --name own --mount type=empty,target=/cache "$IMAGE" sh -c 'cat /cache/x; echo kept >/cache/x' >/dev/null
  expect_match "$(container start -a own 2>&1)" "can't open '/cache/x'"
  expect_eq "$(container start -a own)" kept
  container rm own
  expect_eq "$(volumes .)" '[]'
  check_no_leaks
}

test_an_images_volumes_are_each_containers_own() {
  local image=127.0.0.1:5000/declares:latest first second
  BUSYBOX=$image busybox_image "$CLUSTEROS_RUNTIME_ROOT" --config.volume /etc --config.volume /data >/dev/null
  container create --name one "$image" sh -c 'cat /etc/passwd >/data/copy; echo mine >/etc/mine' >/dev/null
  # Not filled yet, and seen all the same.
  container cp one:/etc/group - | tar -xO group | head -n 1 >"$TMP/group"
  expect_eq "$(cat "$TMP/group")" 'root:x:0:'
  container start -a one
  expect_eq "$(container inspect one | jq -c '[.[0].mounts[]|[.type,.destination,.readOnly,.anonymous]]')" \
    '[["volume","/data",false,true],["volume","/etc",false,true]]'
  expect_eq "$(volumes '[.[]|[.anonymous,.filled,.containers]]')" '[[true,true,["one"]],[true,true,["one"]]]'
  second=$(container inspect one | jq -r '.[0].mounts[]|select(.destination == "/etc").source')
  expect_eq "$(head -n 1 "$(data "$second")/passwd")" root:x:0:0:root:/root:/bin/sh
  expect_eq "$(container cp one:/data/copy - | tar -xO copy | head -n 1)" root:x:0:0:root:/root:/bin/sh
  # Kept from start to start, and another container has others.
  container start -a one
  expect_eq "$(cat "$(data "$second")/mine")" mine
  expect_eq "$(run "$image" sh -c 'ls /data; test -e /etc/mine || echo none')" none
  expect_eq "$(volumes length)" 2 "--rm took its volumes"
  # What is mounted over the same place is there in place of it.
  expect_eq "$(run -v mine://data/ --tmpfs /etc "$image" sh -c 'ls /etc; touch /data/x' | xargs)" "hostname hosts resolv.conf"
  expect_eq "$(ls "$(data mine)")" x
  # With rm they stay, as nobody's; with rm -v they go, and those with names stay.
  container rm one
  expect_eq "$(volumes '[.[]|[.anonymous,.containers]]|sort')" '[[false,[]],[true,[]],[true,[]]]'
  expect_eq "$(container volume prune | wc -l)" 3
  container create --name two -v mine:/data -v /root "$image" true >/dev/null
  first=$(container inspect two | jq -r '.[0].mounts[]|select(.destination == "/root").source')
  expect_eq "$(volumes length)" 3
  container create --name borrows -v "$first:/b" "$image" true >/dev/null
  container rm -v two
  expect_eq "$(container volume inspect "$first" | jq -c '.[0].containers')" '["borrows"]'
  container rm -v borrows
  expect_eq "$(volumes '[.[].name]|length')" 2 "a volume that was named by hand stays, also where its name was ours"
  # One that does not start leaves none, and a mount below a volume is seen whatever the order.
  expect_fail 127 container run -v /x "$image" no-such-program 2>/dev/null
  expect_eq "$(run --tmpfs /srv/a -v /srv "$image" stat -f -c %T /srv/a)" tmpfs
  expect_eq "$(volumes length)" 2
  container volume prune >/dev/null
  check_no_leaks
}

# What a kill leaves is in the list, as nobody's, for prune; and one with --rm takes its own along when the next command comes.
test_killed_at_any_point_no_anonymous_volume_is_lost() {
  local point calls step seen=0 kill_at=$ROOT/out/release/kill_at command
  [[ -x $kill_at ]] || fail "out/release/kill_at was not built (./dev test does)"
  container create --name gone -v /x "$IMAGE" true >/dev/null
  "$kill_at" 0 "$TMP/calls" "$CLUSTERCTL" container rm -v gone >/dev/null
  calls=$(cat "$TMP/calls")
  step=$((calls > 60 ? calls / 60 : 1))
  for ((point = 1; point < calls; point += step)); do
    container create --name gone -v /x "$IMAGE" true >/dev/null
    "$kill_at" "$point" "$TMP/calls" "$CLUSTERCTL" container rm -v gone >/dev/null 2>&1 || true
    container ps -a >/dev/null
    container rm -v gone >/dev/null 2>&1 || true
    expect_eq "$(find "$CLUSTEROS_RUNTIME_ROOT/volumes" -mindepth 1 -maxdepth 1 ! -name .lock)" "" "rm -v killed at $point of $calls"
    check_no_leaks
  done
  for command in create run; do
    "$kill_at" 0 "$TMP/calls" "$CLUSTERCTL" container "$command" --rm -v /x "$IMAGE" true >/dev/null
    calls=$(cat "$TMP/calls")
    wait_until 5 none_is_left
    step=$((calls / 40))
    for ((point = step; point < calls; point += step)); do
      "$kill_at" "$point" "$TMP/calls" "$CLUSTERCTL" container "$command" --rm -v /x "$IMAGE" true >/dev/null 2>&1 || true
      wait_until 5 none_is_left
      seen=$((seen + $(volumes length)))
      container volume prune >/dev/null
      expect_eq "$(find "$CLUSTEROS_RUNTIME_ROOT/volumes" -mindepth 1 -maxdepth 1 ! -name .lock)" "" "$command killed at $point of $calls"
      check_no_leaks
    done
  done
  echo "left for prune: $seen times"
}

# One that was killed half-way may be settled by the very rm that was to remove it, which then finds none.
none_is_left() {
  local id
  for id in $(container ps -aq); do container rm -f "$id" >/dev/null 2>&1 || true; done
  [[ ! $(container ps -aq) ]]
}

test_names_and_words_are_checked() {
  for name in ../x .x 'a b' a/b ''; do
    expect_match "$(expect_fail 2 container volume create "$name" 2>&1)" 'expected letters, digits'
  done
  expect_match "$(expect_fail 2 container volume make x 2>&1)" "volume 'make': expected create, ls, inspect, rm, prune"
  expect_match "$(expect_fail 2 container volume create --size 1m x 2>&1)" '--size needs --kind tmpfs'
  expect_match "$(expect_fail 2 container volume create 2>&1)" 'volume create: an argument is missing'
  container volume create twice >/dev/null
  expect_match "$(expect_fail 1 container volume create twice 2>&1)" 'volume twice: there is one already'
  expect_eq "$(container volume inspect twice | jq -c '.[0]|[.kind,.filled,.path,.containers]')" "[\"directory\",false,\"$(data twice)\",[]]"
  expect_match "$(expect_fail 1 container volume rm twice none 2>&1)" 'volume none: there is none'
  expect_eq "$(container volume rm twice)" twice
}

# Two that come first at once: one fills it, the other waits.
test_two_first_uses_at_once() {
  local i
  for i in 1 2 3 4; do run -v both:/bin2/x -v conf:/etc "$IMAGE" sh -c "ls /etc/passwd; echo $i >/etc/$i" >"$TMP/$i" & done
  wait
  for i in 1 2 3 4; do
    expect_eq "$(cat "$TMP/$i")" /etc/passwd
    expect_eq "$(cat "$(data conf)/$i")" "$i"
  done
  container volume rm both conf >/dev/null
  check_no_leaks
}

# Killed at points all along its system calls, the copying of the image's files among them: a volume that says it is filled is, and the next
# use of any other fills it.
test_killed_at_any_point_no_half_volume_counts() {
  local point calls step unfilled=0 filled=0 files name kill_at=$ROOT/out/release/kill_at
  [[ -x $kill_at ]] || fail "out/release/kill_at was not built (./dev test does)"
  files=$(run "$IMAGE" sh -c 'ls /bin | wc -l')
  "$kill_at" 0 "$TMP/calls" "$CLUSTERCTL" container run --rm -v count:/bin "$IMAGE" true
  calls=$(cat "$TMP/calls")
  step=$((calls / 50))
  for ((point = step; point < calls; point += step)); do
    name=v$point
    "$kill_at" "$point" "$TMP/calls" "$CLUSTERCTL" container run --rm -v "$name:/bin" "$IMAGE" true >/dev/null 2>&1 || true
    if container volume ls -q | grep -qx "$name"; then
      if [[ $(container volume inspect "$name" | jq '.[0].filled') == true ]]; then
        filled=$((filled + 1))
        expect_eq "$(find "$(data "$name")" -mindepth 1 | wc -l)" "$files" "killed at $point of $calls: files of a volume that counts as filled"
      else
        unfilled=$((unfilled + 1))
      fi
    fi
    expect_eq "$(run -v "$name:/bin" "$IMAGE" sh -c 'ls /bin | wc -l')" "$files" "killed at $point of $calls: the next use"
    container volume rm "$name" >/dev/null
  done
  echo "$calls calls: unfilled $unfilled times, filled $filled times"
  ((unfilled > 5 && filled > 1)) || fail "the kills missed the filling: $unfilled, $filled"
  container volume rm count >/dev/null
  expect_eq "$(find "$CLUSTEROS_RUNTIME_ROOT/volumes" -mindepth 1 -maxdepth 1 ! -name .lock)" ""
  check_no_leaks
}

run_tests "$@"
