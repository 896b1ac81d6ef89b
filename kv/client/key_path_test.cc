#include "kv/client/key_path.h"

#include <doctest/doctest.h>

TEST_CASE("clean_key is Go's path.Clean of a rooted path") {
  for (const char* clean : {"/", "/a", "/a/b.c", "/..a/.b", "/a/..."}) CHECK(kv::is_clean_key(clean));
  for (const char* other : {"", "a", "//", "/a/", "/a//b", "/.", "/a/..", "/./a", "/../a"})
    CHECK(!kv::is_clean_key(other));
  CHECK(kv::clean_key("") == "/");
  CHECK(kv::clean_key("/") == "/");
  CHECK(kv::clean_key("a") == "/a");
  CHECK(kv::clean_key("//a//b/") == "/a/b");
  CHECK(kv::clean_key("/a/./b/../c") == "/a/c");
  CHECK(kv::clean_key("/../../a") == "/a");
  CHECK(kv::clean_key("/a/..") == "/");
  CHECK(kv::clean_key("/...") == "/...");
}

TEST_CASE("below and hidden are judged by whole parts of the path") {
  CHECK(kv::is_below("/a/b", "/a"));
  CHECK(kv::is_below("/a", "/"));
  CHECK_FALSE(kv::is_below("/ab", "/a"));
  CHECK_FALSE(kv::is_below("/a", "/a"));
  CHECK_FALSE(kv::is_below("/", "/"));
  CHECK(kv::is_hidden_below("/_a", "/"));
  CHECK(kv::is_hidden_below("/a/b/_c/d", "/a"));
  CHECK_FALSE(kv::is_hidden_below("/_a/b", "/_a"));
  CHECK_FALSE(kv::is_hidden_below("/a/b_c", "/a"));
}
