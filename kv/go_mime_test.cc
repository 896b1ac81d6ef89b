#include "kv/go_mime.h"

#include <doctest/doctest.h>

TEST_CASE("a media type is read as Go's mime.ParseMediaType reads it") {
  struct Case {
    const char* text;
    const char* name;
    const char* error;
  };
  for (auto [text, name, error] : {
           Case{"text/plain", "text/plain", ""},
           {"  Text/PLAIN ; Charset=utf-8", "text/plain", ""},
           {"a/b;", "a/b", ""},
           {"a/b; c=d;e=\"f;\\\"g\"", "a/b", ""},
           {"a", "a", ""},
           {"a/b; c", "a/b", "mime: invalid media parameter"},
           {"a/b; c=\"d", "a/b", "mime: invalid media parameter"},
           {"a/b; c=", "a/b", "mime: invalid media parameter"},
           {"a/b; c=1; C=2", "", "mime: duplicate parameter name"},
           {"", "", "mime: no media type"},
           {";", "", "mime: no media type"},
           {"a b", "", "mime: expected slash after first token"},
           {"a/", "", "mime: expected token after slash"},
           {"a/b/c", "", "mime: unexpected content after media subtype"},
       }) {
    CAPTURE(text);
    kv::MediaType type = kv::parse_media_type(text);
    CHECK(type.name == name);
    CHECK(type.error == error);
  }
}
