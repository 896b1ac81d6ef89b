#!/usr/bin/env bash
# etcdctl's commands about users, roles, rights and members, against kvd and against the real etcd side by side.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/etcd.sh"
. "$(dirname "$0")/../lib/etcdctl.sh"

test_roles() {
  start_both
  works role list
  works role add reader
  fails 1 role add reader
  works role get reader
  fails 1 role get none
  works role grant reader --path '/a/*' --read
  works role grant reader --path '/a/b' --readwrite
  works role get reader
  fails 1 role grant reader --path '/a/*' --read
  fails 1 role grant reader --path 'a' --read
  fails 1 role grant reader --read
  fails 1 role grant reader --path '/a' --read --write
  works role revoke reader --path '/a/b' --write
  works role get reader
  works role list
  works role remove reader
  fails 1 role remove reader
  fails 1 role remove root
}

test_users() {
  start_both
  works user list
  works user add root:sesame
  works user add jo:secret
  works user add jo:secret # etcdctl asks for a user named "jo:secret" first, and finds none
  works user get jo
  fails 1 user get none
  works role add reader
  works user grant jo --roles reader
  works user get jo
  fails 1 user grant jo --roles reader
  works user revoke jo --roles reader
  fails 1 user revoke jo --roles reader
  works user list
  works user remove jo
  fails 1 user remove jo
}

# The new password is asked for on a terminal.
test_passwd() {
  start_both
  works user add root:sesame
  works auth enable
  local url
  for url in "$KVD_URL" "$ETCD_URL"; do
    printf 'open\n' | script -qec "'$ETCD34/etcdctl' --no-sync --endpoints $url -u root:sesame user passwd root" "$TMP/typescript" |
      tr -d '\r' >"$TMP/said"
    expect_match "$(cat "$TMP/said")" 'Password updated'
  done
  USER_PASS=root:sesame
  fails 1 user list
  USER_PASS=root:open
  works user list
}

test_rights() {
  start_both
  fails 1 auth enable
  works user add root:sesame
  works user add jo:secret
  works role add reader
  works role grant reader --path '/a/*' --read
  works user grant jo --roles reader
  works set /a/x 1
  works auth enable
  # Who gives no name is the guest, who may do everything until that is taken away.
  works get /a/x
  fails 1 user list
  USER_PASS=root:sesame
  works role get guest
  works role revoke guest --path '/*' --readwrite
  works user list
  works set /a/x 2
  USER_PASS=
  fails 4 get /a/x
  fails 4 set /a/x 3
  USER_PASS=jo:secret
  works get /a/x
  fails 4 ls /a # /a itself is not in /a/*
  works ls /a/x
  fails 4 set /a/x 3
  fails 4 get /b
  fails 1 user list
  USER_PASS=jo:wrong
  fails 4 get /a/x
  USER_PASS=root:sesame
  fails 1 user remove root
  works auth disable
  USER_PASS=
  works set /a/x 4
}

# A second voter that is not there stops a cluster of one, in etcd as here: so what is added is the last thing asked for.
test_members() {
  start_both
  works member list
  fails 1 member remove 1234
  fails 1 member remove
  fails 1 member update 1234
  fails 1 member add one
}

run_tests "$@"
