#include "base/file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/temp_dir.h"

namespace base {
namespace {

TEST_CASE("a file is replaced whole") {
  const TempDir directory;
  const std::string path = directory.path() + "/file";
  write_file_atomic(path, "one");
  write_file_atomic(path, "two", 0600);
  CHECK(read_file(path) == "two");
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(list_directory(directory.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("what a killed writer left is removed, and never in the way of a later process with its number") {
  TempDir directory;
  write_file_atomic(directory.path() + "/a", "one");
  // The names that this process takes next, whatever has been counted so far.
  for (int i = 0; i < 1000; i++) {
    const std::string name = ".a." + std::to_string(getpid()) + "-" + std::to_string(i) + ".tmp";
    open_file(directory.path() + "/" + name, O_WRONLY | O_CREAT);
  }
  open_file(directory.path() + "/.b.1-0.tmp", O_WRONLY | O_CREAT);
  write_file_atomic(directory.path() + "/a", "two");
  CHECK(read_file(directory.path() + "/a") == "two");
  remove_temporary_files_at(directory.fd(), "a");
  CHECK(list_directory(directory.path()) == std::vector<std::string>{".b.1-0.tmp", "a"});
}

TEST_CASE("a failed replacement leaves no temporary file and keeps the old one") {
  const TempDir directory;
  make_directories(directory.path() + "/target/inner");
  CHECK_THROWS_AS(write_file_atomic(directory.path() + "/target", "x"), Error);
  CHECK(list_directory(directory.path()) == std::vector<std::string>{"target"});
}

TEST_CASE("reading is bounded and names the file") {
  const TempDir directory;
  write_file_atomic(directory.path() + "/big", std::string(1000, 'x'));
  CHECK_THROWS_WITH(read_file(directory.path() + "/big", 999),
                    ("read " + directory.path() + "/big: read: more than 999 bytes").c_str());
  CHECK(read_file(directory.path() + "/big", 1000).size() == 1000);
}

TEST_CASE("a missing file is nothing, a missing permission is an error") {
  const TempDir directory;
  CHECK_FALSE(read_file_if_exists(directory.path() + "/none"));
  CHECK_FALSE(read_file_if_exists(directory.path() + "/none/deeper"));
  CHECK_THROWS_AS(read_file_if_exists(directory.path()), Error);  // EISDIR
}

TEST_CASE("removing a tree does not follow links") {
  const TempDir directory;
  make_directories(directory.path() + "/tree/a/b");
  make_directories(directory.path() + "/outside");
  write_file_atomic(directory.path() + "/outside/kept", "x");
  REQUIRE(::symlink("../outside", (directory.path() + "/tree/link").c_str()) == 0);
  remove_tree_at(directory.fd(), "tree");
  CHECK(list_directory(directory.path()) == std::vector<std::string>{"outside"});
  CHECK(exists(directory.path() + "/outside/kept"));
  remove_tree_at(directory.fd(), "tree");  // again: no error
}

TEST_CASE("a path cannot lead out of its root") {
  const TempDir directory;
  make_directories(directory.path() + "/root/etc");
  write_file_atomic(directory.path() + "/root/etc/passwd", "inside");
  REQUIRE(::symlink("/etc/passwd", (directory.path() + "/root/link").c_str()) == 0);
  const Fd root = open_directory(directory.path() + "/root");
  CHECK(read_all(open_in_root(root, "link", O_RDONLY)) == "inside");
  CHECK(read_all(open_in_root(root, "../../../etc/passwd", O_RDONLY)) == "inside");
}

TEST_CASE("a file descriptor is closed once") {
  int number = -1;
  {
    const Fd fd = open_file("/dev/null", O_RDONLY);
    number = fd.get();
    Fd copy = fd.duplicate();
    const Fd moved = std::move(copy);
    CHECK(moved.valid());
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
}

}  // namespace

TEST_CASE("directories that must outlive a power cut are made, also below those that are there") {
  TempDir directory;
  make_directories_durably(directory.path() + "/a/b/c", 0700);
  make_directories_durably(directory.path() + "/a/b/c", 0700);
  CHECK(list_directory(directory.path() + "/a/b") == std::vector<std::string>{"c"});
  CHECK_THROWS_AS(make_directories_durably("/proc/self/nowhere/a"), Error);
}

}  // namespace base
