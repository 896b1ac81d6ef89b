#include "runtime/copy_path.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

TEST_CASE("a colon makes it a container's, unless the path can only be this machine's") {
  CHECK(parse_copy_operand("web:/etc/hosts").container == "web");
  CHECK(parse_copy_operand("web:/a:b").path == "/a:b");
  CHECK(parse_copy_operand("web:relative").path == "relative");
  CHECK(parse_copy_operand("/tmp/a:b").container.empty());
  CHECK(parse_copy_operand("./a:b").path == "./a:b");
  CHECK(parse_copy_operand("file").path == "file");
  CHECK(parse_copy_operand("-").stream);
  for (const char* text : {"", ":", ":/etc", "web:"}) CHECK_THROWS_AS(parse_copy_operand(text), base::UsageError);
}

TEST_CASE("what is copied has the last component's name, or only contents") {
  CHECK(copied_name("/srv/data").name == "data");
  CHECK(copied_name("/srv/data//").name == "data");
  CHECK(copied_name("data").name == "data");
  for (const char* path : {"/srv/data/.", "/", ".", "..", "a/..", "./"}) CHECK(copied_name(path).contents);
  CHECK_FALSE(copied_name("/srv/..data").contents);
  CHECK(names_a_directory("a/"));
  CHECK(names_a_directory("a/."));
  CHECK_FALSE(names_a_directory("a"));
}

TEST_CASE("an entry's name stays below where it is put") {
  CHECK(archived_path("./a//b/.") == std::vector<std::string>{"a", "b"});
  CHECK(archived_path("/etc/passwd") == std::vector<std::string>{"etc", "passwd"});
  CHECK(archived_path(".").empty());
  CHECK(archived_path("..a/b..").size() == 2);
  for (const char* name : {"..", "../a", "a/../b", "/..", "a/.."}) CHECK_THROWS_AS(archived_path(name), base::Error);
  CHECK_THROWS_AS(archived_path(std::string(4096, 'a')), base::Error);
}

}  // namespace
}  // namespace runtime
