#include "runtime/id_range.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

namespace runtime {

TEST_CASE("each container has a range of its own, and keeps it") {
  base::TempDir directory;
  std::uint32_t a = allocate_ids(directory.path(), "a", {"a", "b"});
  std::uint32_t b = allocate_ids(directory.path(), "b", {"a", "b"});
  CHECK(a == kFirstId);
  CHECK(b == kFirstId + kIdsPerContainer);
  CHECK(allocate_ids(directory.path(), "a", {"a", "b"}) == a);
}

TEST_CASE("a range that was given back rests before it is used again") {
  base::TempDir directory;
  std::uint32_t a = allocate_ids(directory.path(), "a", {"a"});
  release_ids(directory.path(), "a");
  CHECK(allocate_ids(directory.path(), "b", {"b"}) != a);
}

TEST_CASE("the range of a container that is gone is free, and the last range is followed by the first") {
  base::TempDir directory;
  base::write_file_atomic(directory.path() + "/ids.json", R"({"ranges": {"gone": 524288}, "next": 1879048192})");
  CHECK(allocate_ids(directory.path(), "a", {"a"}) == kFirstId);
}

TEST_CASE("a range that is shared is taken until both are gone") {
  base::TempDir directory;
  std::uint32_t a = allocate_ids(directory.path(), "a", {"a"});
  CHECK(share_ids(directory.path(), "b", "a") == a);
  release_ids(directory.path(), "a");
  base::write_file_atomic(directory.path() + "/ids.json", R"({"ranges": {"b": 524288}, "next": 524288})");
  CHECK(allocate_ids(directory.path(), "c", {"b", "c"}) != a);
  CHECK_THROWS_AS(share_ids(directory.path(), "d", "a"), base::Error);
}

TEST_CASE("a damaged file is refused, not overwritten") {
  base::TempDir directory;
  base::write_file_atomic(directory.path() + "/ids.json", "{\"ranges\": [");
  CHECK_THROWS_AS(allocate_ids(directory.path(), "a", {"a"}), base::Error);
  CHECK(base::read_file(directory.path() + "/ids.json") == "{\"ranges\": [");
}

}  // namespace runtime
