#!/usr/bin/env bash
# container cp: Docker's rules for names, both ways, running or not; and that a container cannot lead it out of its root.
. "$(dirname "$0")/../lib/container.sh"

# A container that runs: start NAME [OPTION...].
start() {
  container rm -f "$1" >/dev/null 2>&1 || true
  container run -d --name "$1" "${@:2}" "$IMAGE" sh -c 'trap exit TERM; while :; do sleep 0.05; done' >/dev/null
  container exec "$1" mkdir -p /opt /root
}
in_it() { container exec app sh -c "$1"; }

test_dockers_rules_for_the_destination() {
  start app
  in_it 'mkdir -p /src/sub; echo one >/src/a; echo two >/src/sub/b; ln -s a /src/link'
  cd "$TMP" || exit
  container cp app:/src/a new && expect_eq "$(cat new)" one "a file under a new name"
  mkdir dir
  container cp app:/src/a dir && expect_eq "$(cat dir/a)" one "a file into a directory"
  container cp app:src/a dir/b && expect_eq "$(cat dir/b)" one "a relative path is relative to /"
  container cp app:/src tree && expect_eq "$(cat tree/sub/b)" two "a directory that becomes the destination"
  container cp app:/src dir && expect_eq "$(cat dir/src/sub/b)" two "a directory into a directory"
  container cp app:/src/. dir && expect_eq "$(cat dir/sub/b)" two "its contents into a directory"
  expect_eq "$(readlink dir/link)" a "a link stays one"
  container cp app:/src/link plain-link && expect_eq "$(readlink plain-link)" a "the link itself"
  container cp -L app:/src/link followed && expect_eq "$(cat followed)" one "-L: what it leads to"
  expect_match "$(expect_fail 1 container cp app:/src/a nothing/ 2>&1)" "copy to $TMP/nothing/: there is no such directory"
  expect_match "$(expect_fail 1 container cp app:/src/a none/new 2>&1)" 'there is no such directory'
  expect_match "$(expect_fail 1 container cp app:/src new 2>&1)" 'it is a file, and the source is a directory'
  expect_match "$(expect_fail 1 container cp app:/none new 2>&1)" 'copy /none: there is no such file'
  expect_match "$(expect_fail 1 container cp app:/src/a/ dir 2>&1)" 'Not a directory'
  expect_eq "$(cat new)" one "what a refused copy leaves"
  expect_match "$(expect_fail 2 container cp new dir 2>&1)" 'neither side is a container'
  expect_match "$(expect_fail 1 container cp ghost:/a dir 2>&1)" 'container ghost: there is none'
  container rm -f app >/dev/null
}

test_into_a_container_that_runs() {
  start app
  cd "$TMP" || exit
  mkdir -p local/sub
  echo in >local/file
  echo deep >local/sub/x
  chmod 4711 local/file
  touch -d '2001-02-03 04:05:06 UTC' local/sub/x
  container cp local/file app:/root/renamed
  container cp local app:/opt
  container cp local/. app:/root
  expect_eq "$(in_it 'cat /root/renamed /opt/local/sub/x /root/sub/x' | xargs)" "in deep deep"
  expect_eq "$(in_it 'stat -c "%u:%g %a" /root/renamed')" "0:0 711" "the copy is root's, without setuid"
  expect_eq "$(in_it 'stat -c %Y /root/sub/x')" 981173106 "the time of the last change"
  chown 12:34 local/file
  chmod 4711 local/file
  container cp -a local/file app:/root/kept
  expect_eq "$(in_it 'stat -c "%u:%g %a" /root/kept')" "12:34 4711" "-a keeps"
  chown 70000 local/file
  expect_match "$(expect_fail 1 container cp -a local/file app:/root/kept 2>&1)" 'give to its owner'
  expect_eq "$(in_it 'stat -c %u /root/kept')" 12 "what was there"
  expect_eq "$(in_it 'ls -A /root | grep -c container-cp || true')" 0 "files of a copy that failed"
  container cp app:/root/kept mine && expect_eq "$(stat -c '%u:%g %a' mine)" "0:0 711"
  container cp -a app:/root/kept theirs && expect_eq "$(stat -c '%u:%g %a' theirs)" "12:34 4711" "ids as inside"
  echo '10.0.0.1 added' >hosts
  container cp hosts app:/etc/hosts
  expect_eq "$(in_it 'cat /etc/hosts')" '10.0.0.1 added' "a file that is mounted on its own"
  container rm -f app >/dev/null
}

# a_tree DIRECTORY: files with all that a copy keeps.
a_tree() {
  mkdir -p "$1/sub"
  echo one >"$1/a"
  ln "$1/a" "$1/sub/also-a"
  ln "$1/a" "$1/third"
  python3 -c 'import os, sys; os.setxattr(sys.argv[1] + "/a", "user.colour", b"red"); os.setxattr(sys.argv[1] + "/sub", "user.of.dir", b"yes")' "$1"
  cp /usr/bin/true "$1/tool"
  setcap cap_net_raw+ep "$1/tool"
  touch -d '2001-02-03 04:05:06.123456789 UTC' "$1/a" "$1/sub"
  echo odd >"$1"/$'odd-\xff-\xc3\xbc'
}

attribute() { python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], sys.argv[2]).decode())' "$1" "$2"; }

test_attributes_links_and_nanoseconds_are_kept() {
  start app
  cd "$TMP" || exit
  a_tree tree
  container cp tree app:/opt
  container cp app:/opt/tree back
  expect_eq "$(stat -c '%h %i' back/a)" "3 $(stat -c %i back/sub/also-a)" "names of one file"
  expect_eq "$(stat -c %i back/a)" "$(stat -c %i back/third)"
  expect_eq "$(attribute back/third user.colour) $(attribute back/sub user.of.dir)" "red yes"
  expect_eq "$(stat -c %y back/a back/sub | sort -u)" '2001-02-03 04:05:06.123456789 +0000'
  expect_eq "$(cat back/$'odd-\xff-\xc3\xbc')" odd "a name that is no text"
  # Where two names come to lie on two file systems they are two files.
  container run -d --name split --tmpfs /opt/tree/sub "$IMAGE" sleep 1000 >/dev/null
  container cp tree split:/opt
  expect_eq "$(container exec split sh -c 'stat -c %h /opt/tree/a /opt/tree/sub/also-a; cmp /opt/tree/a /opt/tree/sub/also-a && echo same')" $'2\n1\nsame'
  container rm -f split >/dev/null
  # Capabilities are rights, as setuid bits are: with -a only.
  expect_eq "$(getcap back/tool)" ""
  container cp -a tree app:/opt/kept
  container cp app:/opt/kept/tool without
  expect_eq "$(getcap without)" ""
  container cp -a app:/opt/kept/tool with
  expect_match "$(getcap with)" 'cap_net_raw=ep'
  container cp tree/a app:/opt/alone
  expect_eq "$(in_it 'stat -c %h /opt/alone')" 1 "a name alone is a file"
  container cp app:/opt/tree - | tar --warning=no-unknown-keyword -tf - | sort >list
  expect_eq "$(grep -c . list)" 7 "what GNU tar finds in it"
  container rm -f app >/dev/null
}

test_sizes_are_bounded_and_a_full_disk_leaves_what_was_there() {
  start app --tmpfs /small:size=1m
  cd "$TMP" || exit
  in_it 'echo before >/small/file; mkdir /src; truncate -s 3M /src/a; truncate -s 3M /src/b'
  head -c 2M /dev/urandom >file
  expect_match "$(expect_fail 1 container cp file app:/small/file 2>&1)" '^container: write /small/file: No space left on device$'
  expect_eq "$(in_it 'cat /small/file; ls -A /small | wc -l' | xargs)" "before 1"
  expect_match "$(expect_fail 1 container cp --max-size 5m app:/src into 2>&1)" '^container: copy src/b: the files have more than 5.0 MiB together \(--max-size\)$'
  [[ ! -e into/b ]] || fail "a file that is too large is there"
  expect_match "$(tar cf - file | expect_fail 1 container cp --max-size 1m - app:/opt 2>&1)" '^container: copy /?opt/file: the files have more than 1.0 MiB together'
  expect_eq "$(in_it 'ls -A /opt | wc -l')" 0
  container cp --max-size 6m app:/src into
  # More than any disk, and looked at before a byte of it is written.
  in_it 'truncate -s 300G /src/huge'
  expect_match "$(expect_fail 1 container cp app:/src huge 2>&1)" 'more than 256.0 GiB together'
  expect_match "$(expect_fail 2 container cp --max-size much app:/src huge 2>&1)" '--max-size'
  container rm -f app >/dev/null
}

test_tar_on_standard_files() {
  start app
  cd "$TMP" || exit
  in_it 'mkdir /src; echo one >/src/a'
  container cp app:/src - >tar && expect_eq "$(tar tf tar | xargs)" "src/ src/a"
  container cp app:/src/. - | tar tf - >list && expect_eq "$(xargs <list)" "./ ./a"
  mkdir in && echo x >in/x && ln in/x in/y && ln -s x in/z
  tar czf - in | container cp - app:/opt
  expect_eq "$(in_it 'cat /opt/in/x /opt/in/y /opt/in/z; stat -c %h /opt/in/x' | xargs)" "x x x 2"
  expect_match "$(expect_fail 1 container cp - app:/opt/in/x <tar 2>&1)" 'it is no directory'
  expect_match "$(head -c 700 tar | expect_fail 1 container cp - app:/opt 2>&1)" 'read the tar'
  expect_match "$(echo hello | expect_fail 1 container cp - app:/opt 2>&1)" 'read the tar'
  tar cPf up.tar --transform 's,^in/x,../../../../escaped,' in/x
  expect_match "$(expect_fail 1 container cp - app:/opt <up.tar 2>&1)" "'\.\.' in the name of an entry"
  container rm -f app >/dev/null
}

test_one_that_does_not_run() {
  mkdir "$TMP/volume"
  cd "$TMP" || exit
  echo before >file
  container rm -f app >/dev/null 2>&1 || true
  container create --name app -v "$TMP/volume:/etc" "$IMAGE" sh -c 'cat /file /etc/v; echo wrote >/out; chown 7 /out' >/dev/null
  container cp file app:/file
  container cp file app:/etc/v
  expect_eq "$(cat volume/v)" before "a volume of a container that does not run"
  expect_eq "$(container start -a app | xargs)" "before before"
  container cp -a app:/out got && expect_eq "$(cat got && stat -c %u got)" $'wrote\n7'
  expect_match "$(expect_fail 1 container cp app:/out app:/copy 2>&1)" 'another command is at work on it'
  container create --name other "$IMAGE" cat /out >/dev/null
  container cp app:/out other:/
  expect_eq "$(container start -a other)" wrote "from one container to another"
  container create --name fixed --read-only "$IMAGE" true >/dev/null
  expect_match "$(expect_fail 1 container cp file fixed:/ 2>&1)" 'its root is read-only'
  container rm app other fixed >/dev/null
  check_no_leaks
}

# The threat: what is in the container is made by somebody who wants at the host's files.
test_links_of_the_container_stay_in_it() {
  start app
  cd "$TMP" || exit
  mkdir secret && echo secret >secret/key
  in_it "mkdir -p /up $TMP; ln -s $TMP/secret/key /key; ln -s $TMP /tmp-of-host; ln -s ../../../../../../.. /top; ln -s /proc/1/root /magic"
  in_it "ln -s $TMP/secret /up/dir; ln -s $TMP/secret/key /up/file"
  expect_match "$(expect_fail 1 container cp -L app:/key got 2>&1)" 'there is no such file'
  expect_match "$(expect_fail 1 container cp app:/tmp-of-host/secret/key got 2>&1)" 'there is no such file'
  expect_match "$(expect_fail 1 container cp "app:/top$TMP/secret/key" got 2>&1)" 'there is no such file'
  expect_match "$(expect_fail 1 container cp "app:/magic$TMP/secret/key" got 2>&1)" 'Too many levels|there is no such file|Permission denied'
  echo changed >new
  expect_match "$(expect_fail 1 container cp new app:/tmp-of-host/secret/key 2>&1)" 'no such directory'
  container cp new app:/tmp-of-host/inside
  expect_eq "$(in_it "cat $TMP/inside")" changed "the link is followed, within the container"
  [[ ! -e $TMP/inside ]] || fail "it was followed on the host"
  # A tree with links comes out as links, and going through them again changes nothing behind them.
  container cp app:/up out
  expect_eq "$(readlink out/file)" "$TMP/secret/key"
  in_it 'rm /up/dir /up/file; mkdir /up/dir; echo evil >/up/dir/key; echo evil >/up/file'
  expect_match "$(expect_fail 1 container cp app:/up/. out 2>&1)" 'symbolic link is on the way'
  expect_eq "$(cat secret/key)" secret
  container rm -f app >/dev/null
}

test_what_is_no_file_is_not_opened() {
  start app
  cd "$TMP" || exit
  in_it 'mkdir /odd; mkfifo /odd/fifo; echo x >/odd/file; truncate -s 300M /odd/sparse'
  expect_match "$(expect_fail 1 container cp app:/dev/null null 2>&1)" 'null: a device is left out'
  container cp app:/odd odd
  expect_eq "$(stat -c %F odd/fifo)" fifo
  expect_eq "$(stat -c '%s' odd/sparse) $(($(stat -c %b odd/sparse) < 100))" "314572800 1" "zeros become a hole"
  in_it 'cd /odd; i=0; while [ $i -lt 410 ]; do mkdir d; cd d; i=$((i+1)); done'
  expect_match "$(expect_fail 1 container cp app:/odd deep 2>&1)" 'deeper than 400 directories'
  container rm -f app >/dev/null
  check_no_leaks
}

# Files that the container's root may not read are not for cp either, and cp has no more rights inside than that one.
test_cp_has_no_more_rights_than_the_containers_root() {
  mkdir "$TMP/data"
  start app -v "$TMP/data:/data:ro"
  cd "$TMP" || exit
  echo x >file
  expect_match "$(expect_fail 1 container cp file app:/data/ 2>&1)" 'Read-only file system'
  expect_match "$(expect_fail 1 container cp file app:/proc/sys/kernel/core_pattern 2>&1)" 'Read-only|Permission denied|[Nn]o such'
  expect_match "$(expect_fail 1 container cp file app:/sys/kernel/ 2>&1)" 'Read-only|Permission denied'
  container pause app >/dev/null 2>&1 || true
  container cp file app:/opt/file && container cp app:/opt/file back
  container unpause app >/dev/null 2>&1 || true
  container rm -f app >/dev/null
  check_no_leaks
}

run_tests "$@"
