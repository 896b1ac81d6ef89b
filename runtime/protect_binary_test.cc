#include "runtime/protect_binary.h"

#include <doctest/doctest.h>

namespace runtime {
namespace {

struct stat file_of(unsigned owner, unsigned mode) {
  struct stat file = {};
  file.st_uid = owner;
  file.st_mode = S_IFREG | mode;
  return file;
}

}  // namespace

TEST_CASE("a file is beyond the reach of users who do not own it and whom its mode does not let write") {
  const std::vector<IdMapping> users = {{.inside = 0, .outside = 100000, .count = 65536}};
  CHECK(is_beyond_reach(file_of(0, 0755), users));
  CHECK(is_beyond_reach(file_of(99999, 0755), users));
  CHECK_FALSE(is_beyond_reach(file_of(100000, 0755), users));
  CHECK_FALSE(is_beyond_reach(file_of(165535, 0755), users));
  CHECK(is_beyond_reach(file_of(165536, 0755), users));
  CHECK_FALSE(is_beyond_reach(file_of(0, 0775), users));
  CHECK_FALSE(is_beyond_reach(file_of(0, 0757), users));
}

TEST_CASE("a map with the host's root in any of its lines does not protect, and neither does none") {
  const std::vector<IdMapping> shifted = {{.inside = 1, .outside = 100000, .count = 10},
                                          {.inside = 0, .outside = 0, .count = 1}};
  CHECK_FALSE(is_beyond_reach(file_of(0, 0755), shifted));
  CHECK_FALSE(is_beyond_reach(file_of(0, 0755), {}));
}

TEST_CASE("the kernel's text of a map") {
  const std::vector<IdMapping> map =
      id_map_from_text("         0     100000      65536\n     70000          0          1\n");
  REQUIRE(map.size() == 2);
  CHECK(map[0].outside == 100000);
  CHECK(map[0].count == 65536);
  CHECK(map[1].inside == 70000);
  CHECK(map[1].outside == 0);
  // A machine without user namespaces of its own: everybody is mapped.
  CHECK_FALSE(is_beyond_reach(file_of(0, 0755), id_map_from_text("0 0 4294967295\n")));
}

}  // namespace runtime
