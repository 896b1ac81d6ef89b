#include "runtime/confinement.h"

#include <doctest/doctest.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "runtime/layer_testing.h"

namespace runtime {
namespace {

using testing::make_tar;
using testing::Unpacked;
using testing::unprivileged;

bool kernel_lacks_landlock() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 2;
}

int opens(const std::string& path, int flags) {
  base::Fd file(open(path.c_str(), flags | O_CLOEXEC, 0600));
  return file ? 0 : errno;
}

// The exit code of `work` in a process of its own: confinement is for good.
int in_process(const std::function<int()>& work) {
  pid_t pid = fork();
  if (pid == 0) {
    int code = 255;
    try {
      code = work();
    } catch (const base::Error&) {
    }
    _exit(code);
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("who unpacks a layer reaches nothing but its directory" *
          doctest::skip(unprivileged() || kernel_lacks_landlock())) {
  Unpacked box;
  base::write_file_atomic_at(box.top.fd(), "blob",
                             make_tar({{.name = "a/file", .content = "x"},
                                       {.name = "b/link", .content = "a/file", .hard_link = true},
                                       {.name = "a/.wh.gone"}}));
  const base::Fd blob = base::open_at(box.top.fd(), "blob", O_RDONLY);
  int outside = -1;
  unpack_confined(blob, box.layer, {}, [&](std::uint64_t) { outside = opens(box.top.path() + "/blob", O_RDONLY); });
  CHECK(outside == EACCES);
  CHECK(box.read("b/link") == "x");
  CHECK(box.is_whiteout("a/gone"));
  CHECK(opens(box.top.path() + "/blob", O_RDONLY) == 0);
}

TEST_CASE("what goes wrong with a layer comes out of its thread") {
  Unpacked box;
  base::write_file_atomic_at(box.top.fd(), "blob", make_tar({{.name = "../out", .content = "x"}}));
  const base::Fd blob = base::open_at(box.top.fd(), "blob", O_RDONLY);
  CHECK_THROWS_AS(unpack_confined(blob, box.layer, {}, {}), base::Error);
}

TEST_CASE("cp's processes reach what they copy" * doctest::skip(kernel_lacks_landlock())) {
  const base::TempDir top;
  const base::Fd root = base::open_file("/", O_PATH | O_DIRECTORY);
  base::make_directory_at(top.fd(), "there", 0755);
  base::write_file_atomic_at(top.fd(), "neighbour", "x");
  const std::string there = top.path() + "/there";
  const std::string neighbour = top.path() + "/neighbour";
  CHECK(in_process([&] {
          confine_packing(root);
          return opens(neighbour, O_RDONLY);
        }) == 0);
  CHECK(in_process([&] {
          confine_packing(root);
          return opens(neighbour, O_WRONLY);
        }) == EACCES);
  CHECK(in_process([&] {
          confine_unpacking(root, there + "/.", Links::kRefuse);
          return opens(there + "/new", O_WRONLY | O_CREAT);
        }) == 0);
  CHECK(in_process([&] {
          confine_unpacking(root, there, Links::kRefuse);
          return opens(neighbour, O_RDONLY);
        }) == EACCES);
  CHECK(in_process([&] {
          confine_unpacking(root, top.path() + "/new", Links::kRefuse);
          return opens(top.path() + "/temporary", O_WRONLY | O_CREAT);
        }) == 0);
  CHECK(in_process([&] {
          confine_unpacking(root, top.path() + "/new", Links::kRefuse);
          return opens("/etc/passwd", O_RDONLY);
        }) == EACCES);
}

}  // namespace runtime
