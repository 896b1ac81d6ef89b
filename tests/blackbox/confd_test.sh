#!/usr/bin/env bash
# confd: resources and templates as confd's users have them, keys in a real kvd written by curl: files are rendered,
# checked, swapped and reloaded, and come back when the reload fails.
. "$(dirname "$0")/../lib/test.sh"
. "$(dirname "$0")/../lib/kvd.sh"

put() { curl -sf -o "$TMP/put" -X PUT "$CLUSTEROS_ENDPOINTS/v2/keys$1" --data-urlencode "value=$2"; }

# make_nginx [LINE…]: confd's own example, with further lines for the resource. A reload leaves a line in $TMP/reloads.
make_nginx() {
  C=$TMP/confd
  OUT=$TMP/nginx.conf
  mkdir -p "$C/conf.d" "$C/templates"
  : >"$TMP/reloads"
  {
    printf '[template]\nsrc = "nginx.tmpl"\ndest = "%s"\nkeys = [\n  "/nginx",\n  "/app/upstream", # both\n]\n' "$OUT"
    printf '%s\n' "$@"
  } >"$C/conf.d/nginx.toml"
  cat >"$C/templates/nginx.tmpl" <<'END'
{{/* as in confd's documentation */ -}}
worker_processes {{getv "/nginx/workers" "1"}};
upstream app {
{{- range gets "/app/upstream/*"}}
    server {{.Value}}; # {{base .Key}}
{{- end}}
}
server_name www.{{getv "/nginx/domain"}};
END
  put /nginx/domain example.com
  put /app/upstream/app1 10.0.1.100:80
  put /app/upstream/app2 10.0.1.101:80
}

WANTED='worker_processes 1;
upstream app {
    server 10.0.1.100:80; # app1
    server 10.0.1.101:80; # app2
}
server_name www.example.com;'

confd() { applet confd -confdir "$C" -config-file /dev/null "$@"; }
reloads() { wc -l <"$TMP/reloads"; }
staged_files() { find "$TMP" -maxdepth 1 -name '.nginx.conf*' | wc -l; }
has() { grep -q "$1" "$OUT"; }

test_onetime_renders_and_leaves_alone_what_is_right() {
  start_store
  make_nginx 'mode = "0640"' "reload_cmd = \"echo \$PPID >>$TMP/reloads\""
  confd -onetime
  expect_eq "$(cat "$OUT")" "$WANTED"
  expect_eq "$(stat -c %a "$OUT")" 640
  expect_eq "$(reloads)" 1 reloads
  local inode
  inode=$(stat -c %i "$OUT")
  confd -onetime -backend etcdv3
  expect_eq "$(stat -c %i "$OUT") $(reloads)" "$inode 1" 'inode and reloads of the second run'
  put /nginx/workers 4
  chmod 600 "$OUT"
  confd -onetime
  expect_eq "$(head -1 "$OUT") $(stat -c %a "$OUT") $(reloads)" 'worker_processes 4; 640 2'
  expect_eq "$(staged_files)" 0 'staged files left'
}

test_prefix_and_node() {
  start_store
  make_nginx 'prefix = "/staging"'
  put /production/nginx/domain prod.example.com
  put /staging/nginx/domain stage.example.com
  local url=$CLUSTEROS_ENDPOINTS
  unset CLUSTEROS_ENDPOINTS
  confd -onetime -node "$url"
  expect_match "$(cat "$OUT")" 'www\.stage\.example\.com'
  confd -onetime -node "${url#http://}" -prefix /production
  expect_match "$(cat "$OUT")" 'www\.prod\.example\.com'
}

test_a_check_that_fails_keeps_the_old_file() {
  start_store
  make_nginx 'check_cmd = "grep -q worker {{ .src }} && ! grep -q 666 {{.src}} || { echo broken >&2; exit 7; }"' \
    "reload_cmd = \"echo x >>$TMP/reloads\""
  confd -onetime
  put /nginx/workers 666
  local text
  text=$(expect_fail 1 confd -onetime 2>&1)
  expect_match "$text" "check $OUT: .* ended with exit code 7: broken; the file stays as it is"
  expect_eq "$(cat "$OUT")" "$WANTED"
  expect_eq "$(reloads) $(staged_files)" '1 0'
  confd -onetime -sync-only
  expect_match "$(cat "$OUT")" 'worker_processes 666'
  expect_eq "$(reloads)" 1 reloads
}

test_a_reload_that_fails_rolls_back() {
  start_store
  make_nginx "reload_cmd = \"cp $TMP/nginx.conf $TMP/seen; echo x >>$TMP/reloads; ! grep -q bad $TMP/nginx.conf\""
  confd -onetime
  put /nginx/domain bad.example.com
  local text
  text=$(expect_fail 1 confd -onetime 2>&1)
  expect_match "$text" "reload $OUT: .*exit code 1; the file of before is back, and the reload succeeded with it"
  expect_eq "$(cat "$OUT")" "$WANTED"
  expect_eq "$(cat "$TMP/seen")" "$WANTED" 'what the last reload saw'
  expect_eq "$(reloads) $(staged_files)" '3 0'
  rm "$OUT"
  text=$(expect_fail 1 confd -onetime 2>&1)
  expect_match "$text" 'is removed again'
  [[ ! -e $OUT ]] || fail 'the file is still there'
}

test_a_bind_mount_is_written_over() {
  start_store
  make_nginx
  echo old >"$OUT"
  # shellcheck disable=SC2016
  unshare --mount sh -ec 'mount --bind "$1" "$1"; shift; exec "$@"' sh "$OUT" \
    "$CLUSTERCTL" confd -confdir "$C" -config-file /dev/null -onetime
  expect_eq "$(cat "$OUT")" "$WANTED"
  expect_eq "$(staged_files)" 0 'staged files left'
}

test_noop_changes_nothing() {
  start_store
  make_nginx "reload_cmd = \"echo x >>$TMP/reloads\""
  local text
  text=$(confd -onetime -noop 2>&1)
  expect_match "$text" "target config $OUT out of sync: it does not exist"
  expect_match "$text" "noop mode enabled, $OUT will not be modified"
  [[ ! -e $OUT ]] || fail 'the file was written'
  confd -onetime -noop -keep-stage-file
  expect_eq "$(cat "$TMP"/.nginx.conf.*)" "$WANTED" 'the staged file'
  expect_eq "$(reloads)" 0 reloads
}

test_watch_follows_the_store() {
  start_store
  make_nginx "reload_cmd = \"echo x >>$TMP/reloads\""
  start_daemon confd "$CLUSTERCTL" confd -confdir "$C" -config-file /dev/null -watch
  local pid=$PID
  wait_until 20 test -e "$OUT"
  put /nginx/workers 8
  wait_until 20 has 'worker_processes 8;'
  # A burst of changes is one reload or few, not one each.
  local before i
  before=$(reloads)
  for i in {1..40}; do put /nginx/workers "$((100 + i))"; done
  wait_until 20 has 'worker_processes 140;'
  (($(reloads) - before < 20)) || fail "$(($(reloads) - before)) reloads for 40 changes in a burst"
  # It follows again after the store was away.
  kill -9 "$STORE_PID"
  wait "$STORE_PID" || true
  start_store
  put /nginx/workers 9
  wait_until 20 has 'worker_processes 9;'
  stop_daemon "$pid"
}

test_intervals_take_new_templates() {
  start_store
  make_nginx
  start_daemon confd "$CLUSTERCTL" confd -confdir "$C" -config-file /dev/null -interval 1
  wait_until 20 test -e "$OUT"
  echo 'domain={{getv "/nginx/domain" | toUpper}}' >"$C/templates/nginx.tmpl"
  wait_until 20 has '^domain=EXAMPLE.COM$'
}

test_what_is_not_supported_is_refused_with_its_line() {
  start_store
  make_nginx
  printf 'a\n{{range lookupIP "example.com"}}{{.}}{{end}}\n' >"$C/templates/nginx.tmpl"
  expect_match "$(expect_fail 1 confd -onetime 2>&1)" "$C/templates/nginx\.tmpl:2: function 'lookupIP' is not supported"
  expect_match "$(expect_fail 1 confd -watch 2>&1)" "nginx\.tmpl:2: function 'lookupIP' is not supported"
  echo '{{getv "/none"}}' >"$C/templates/nginx.tmpl"
  expect_match "$(expect_fail 1 confd -onetime 2>&1)" 'nginx\.tmpl:1: getv: key does not exist: /none'
  echo 'owner = "root"' >>"$C/conf.d/nginx.toml"
  expect_match "$(expect_fail 1 confd -onetime 2>&1)" "nginx\.toml:9: unknown key 'owner' \(allowed: src, "
  expect_match "$(expect_fail 2 confd -onetime -backend consul 2>&1)" "confd: backend 'consul' is not supported"
  expect_match "$(expect_fail 2 confd -onetim 2>&1)" "unknown option '-onetim' \(did you mean '--onetime'\?\)"
  [[ ! -e $OUT ]] || fail 'the file was written'
}

test_a_store_that_is_away_is_an_error_and_nothing_is_lost() {
  start_store
  make_nginx
  confd -onetime
  expect_match "$(expect_fail 1 confd -onetime -node http://127.0.0.1:1 2>&1)" '127\.0\.0\.1:1'
  expect_eq "$(cat "$OUT")" "$WANTED"
}

test_usage() {
  expect_match "$(applet confd --help)" '-node'
  expect_match "$(applet confd -version)" '^confd [0-9]'
  expect_match "$(expect_fail 1 applet confd -onetime -confdir "$TMP/none" 2>&1)" "$TMP/none/conf\.d: No such file"
}

run_tests "$@"
