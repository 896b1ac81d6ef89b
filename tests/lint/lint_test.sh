#!/usr/bin/env bash
# Each check of ./dev lint can fail: a small tree that passes, and one bad file for each check.
. "$(dirname "$0")/../lib/test.sh"
TEST_TIMEOUT=120

# A tree with our settings and tools, one room, and no history.
make_tree() {
  TREE=$TMP/tree
  mkdir -p "$TREE"/{base,kv/client,sched,clusterctl,tools}
  cp "$ROOT"/tools/{common.sh,sources.sh,lint.sh,compile_checks.py} "$TREE/tools/"
  cp "$ROOT"/{.clang-format,.clang-tidy,.shellcheckrc} "$TREE/"
  cat >"$TREE/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.28)
project(sample LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
include_directories(${CMAKE_SOURCE_DIR})
file(GLOB_RECURSE sources CONFIGURE_DEPENDS base/*.cc sched/*.cc kv/*.cc clusterctl/*.cc)
add_library(sample STATIC ${sources})
END
  cat >"$TREE/CMakePresets.json" <<'END'
{ "version": 6, "configurePresets": [ { "name": "dev", "generator": "Ninja", "binaryDir": "${sourceDir}/out/dev" } ] }
END
  put base/text.h '#pragma once' '' '#include <string>' '' 'namespace base {' 'std::string text();' '}  // namespace base'
  put base/text.cc '#include "base/text.h"' '' 'namespace base {' 'std::string text() {' '  return "a";' '}' '}  // namespace base'
  local room
  for room in base kv sched clusterctl tools; do echo "# $room" >"$TREE/$room/README.md"; done
}

put() { printf '%s\n' "${@:2}" >"$TREE/$1"; }

# lint CHECK: sets OUT and STATUS.
lint() {
  STATUS=0
  OUT=$(CLUSTEROS_CACHE=$TMP/cache "$TREE/tools/lint.sh" "$@" 2>&1) || STATUS=$?
}

passes() {
  lint "$1"
  expect_eq "$STATUS" 0 "exit code of $1 with: $OUT"
  expect_match "$OUT" "PASS lint: $1 "
}

# finds CHECK REGEX
finds() {
  lint "$1"
  expect_eq "$STATUS" 1 "exit code of $1 with: $OUT"
  expect_match "$OUT" "FAIL lint: $1 "
  expect_match "$OUT" "$2"
  expect_eq "$(tail -n 1 <<<"$OUT")" "0 passed, 1 failed, 0 skipped"
}

test_format() {
  make_tree
  passes format
  put base/bad.h '#pragma once' 'int  f( );'
  finds format 'base/bad.h:2:'
}

test_words() {
  make_tree
  passes words
  put base/bad.h '#pragma once' "// TO""DO: later"
  finds words 'base/bad.h:2:'
  put base/bad.h '#pragma once' "// good enough For N""ow"
  finds words 'base/bad.h:2:'
}

test_includes() {
  make_tree
  put sched/good.cc '#include "base/text.h"' '#include "kv/client/client.h"' '#include "sched/other.h"'
  put clusterctl/main.cc '#include "sched/good.h"'
  put kv/client/good.cc '#include "base/text.h"' '#include "kv/client/client.h"'
  passes includes
  put sched/bad.cc '#include "kv/store.h"'
  finds includes 'sched/bad.cc:1: includes "kv/store.h": sched/ includes only'
  rm "$TREE/sched/bad.cc"
  put base/bad.h '#pragma once' '#include "kv/client/client.h"'
  finds includes 'base/bad.h:2: .* base/ includes only base/'
  rm "$TREE/base/bad.h"
  put kv/client/bad.h '#  include "kv/store.h"'
  finds includes 'kv/client/bad.h:1: '
  rm "$TREE/kv/client/bad.h"
  put kv/bad.cc '#include "store.h"'
  finds includes 'kv/bad.cc:1: .*from the top of the tree'
}

test_size() {
  make_tree
  passes size
  seq -f '// %.0f' 401 >"$TREE/base/long.h"
  finds size 'base/long.h:400: has 401 lines'
}

test_shell() {
  make_tree
  passes shell
  put tools/bad.sh '#!/bin/bash' 'rm $1'
  finds shell 'tools/bad.sh:2:4: .*SC2086'
}

test_rooms() {
  make_tree
  passes rooms
  rm "$TREE/base/README.md"
  finds rooms 'base: has no README.md'
}

test_headers() {
  make_tree
  passes headers
  put base/bad.h '#pragma once' 'std::string f();'
  finds headers '--- base/bad.h'
  # Not because it was remembered: found again.
  finds headers '--- base/bad.h'
  put base/bad.h '#pragma once' '#include "base/text.h"' 'std::string f();'
  passes headers
  # What passed is looked at again when a header below it changes.
  put base/text.h '#pragma once'
  finds headers '--- base/bad.h'
}

test_header_without_guard() {
  make_tree
  put base/bad.h 'struct Bad {};'
  finds headers 'redefinition'
}

test_tidy() {
  make_tree
  put base/more.cc '#include "base/text.h"' 'std::string more() { return base::text(); }'
  passes tidy
  # Both together, at the first attempt: one thing to remember.
  expect_eq "$(find "$TMP/cache/lint" -type f | wc -l)" 1 "checks made"
  # A moved-from value is used, in a file that is checked together with a good one.
  put base/bad.cc '#include <string>' '#include <utility>' '#include "base/text.h"' \
    'std::string twice(std::string a) {' '  std::string b = std::move(a);' '  return a + b;' '}'
  finds tidy 'base/bad.cc:6:.*bugprone-use-after-move'
  finds tidy 'base/bad.cc:6:.*bugprone-use-after-move'
  [[ $OUT != *"--- base/text.cc"* ]] || fail "a good file was blamed"
}

test_tidy_of_files_that_do_not_fit_together() {
  make_tree
  put base/a.cc 'namespace {' 'int helper() { return 1; }' '}' 'int a() { return helper(); }'
  put base/b.cc 'namespace {' 'int helper() { return 2; }' '}' 'int b() { return helper(); }'
  passes tidy
}

test_tidy_in_a_header() {
  make_tree
  put base/bad.h '#pragma once' 'struct Bad {' '  Bad(int a) : a_(a) {}' '  int a_;' '};'
  put base/bad.cc '#include "base/bad.h"' 'Bad f() { return Bad(1); }'
  finds tidy 'base/bad.h:3:.*google-explicit-constructor'
}

test_unknown_check_is_refused() {
  make_tree
  lint tidi
  expect_eq "$STATUS" 2
  expect_match "$OUT" "unknown check 'tidi' \\(did you mean 'tidy'\\?"
}

run_tests "$@"
