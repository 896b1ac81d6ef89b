#include "base/landlock.h"

#include <doctest/doctest.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>

#include "base/file.h"
#include "base/temp_dir.h"

namespace base {
namespace {

bool kernel_lacks_landlock() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 2;
}

// errno of an open in `directory`, 0 for one that succeeds.
int opens(const Fd& directory, const char* name, int flags) {
  Fd file(openat(directory.get(), name, flags | O_CLOEXEC, 0600));
  return file ? 0 : errno;
}

struct Seen {
  int inside_write = -1, inside_read = -1, outside_read = -1, outside_write = -1, moved_out = -1, moved_within = -1;
  bool restricted = false;
};

// What a thread meets that has given all away but `right` over inside/.
Seen look(const TempDir& top, LandlockRight right) {
  for (const char* name : {"inside", "inside/sub", "outside"}) make_directory_at(top.fd(), name, 0755);
  for (const char* name : {"inside", "outside"}) write_file_atomic_at(open_directory_at(top.fd(), name), "file", "x");
  Seen seen;
  std::thread([&] {
    const Fd inside = open_directory_at(top.fd(), "inside");
    const std::array rules = {LandlockRule{.place = inside, .right = right}};
    seen.restricted = restrict_files(rules);
    seen.inside_write = opens(inside, "file", O_WRONLY | O_TRUNC);
    seen.inside_read = opens(inside, "file", O_RDONLY);
    seen.outside_read = opens(top.fd(), "outside/file", O_RDONLY);
    seen.outside_write = opens(top.fd(), "outside/new", O_WRONLY | O_CREAT);
    seen.moved_out = linkat(inside.get(), "file", top.fd().get(), "outside/linked", 0) == 0 ? 0 : errno;
    seen.moved_within = linkat(inside.get(), "file", inside.get(), "sub/linked", 0) == 0 ? 0 : errno;
  }).join();
  return seen;
}

}  // namespace

TEST_CASE("a thread that may change one directory meets no other file" * doctest::skip(kernel_lacks_landlock())) {
  const TempDir top;
  const Seen seen = look(top, LandlockRight::kChange);
  CHECK(seen.restricted);
  CHECK(seen.inside_write == 0);
  CHECK(seen.inside_read == 0);
  CHECK(seen.moved_within == 0);
  CHECK(seen.outside_read == EACCES);
  CHECK(seen.outside_write == EACCES);
  CHECK(seen.moved_out != 0);
  // The others are as before.
  CHECK(opens(top.fd(), "outside/file", O_RDWR) == 0);
}

TEST_CASE("a thread that may read writes nothing" * doctest::skip(kernel_lacks_landlock())) {
  const TempDir top;
  const Seen seen = look(top, LandlockRight::kRead);
  CHECK(seen.inside_read == 0);
  CHECK(seen.inside_write == EACCES);
  CHECK(seen.moved_within != 0);
  CHECK(seen.outside_read == EACCES);
}

TEST_CASE("a rule may be about one file" * doctest::skip(kernel_lacks_landlock())) {
  const TempDir top;
  for (const char* name : {"a", "b"}) write_file_atomic_at(top.fd(), name, "x");
  int allowed = -1;
  int other = -1;
  std::thread([&] {
    const Fd file = open_at(top.fd(), "a", O_PATH);
    const std::array rules = {LandlockRule{.place = file, .right = LandlockRight::kChange}};
    restrict_files(rules);
    allowed = opens(top.fd(), "a", O_RDWR | O_TRUNC);
    other = opens(top.fd(), "b", O_RDONLY);
  }).join();
  CHECK(allowed == 0);
  CHECK(other == EACCES);
}

}  // namespace base
