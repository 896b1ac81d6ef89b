#include "base/fd.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

namespace base {
namespace {

TEST_CASE("open_in_root opens files and directories, and makes files") {
  const TempDir directory;
  make_directory_at(directory.fd(), "inner");
  CHECK(open_in_root(directory.fd(), "/inner", O_RDONLY | O_DIRECTORY).valid());
  const Fd made = open_in_root(directory.fd(), "/inner/file", O_WRONLY | O_CREAT, 0600);
  write_all(made, "text");
  CHECK(read_file(directory.path() + "/inner/file") == "text");
}

TEST_CASE("open_in_root takes links as the root's own and never leaves it") {
  const TempDir directory;
  make_directory_at(directory.fd(), "etc");
  write_file_atomic_at(directory.fd(), "passwd", "ours");
  REQUIRE(symlinkat("/passwd", directory.fd().get(), "absolute") == 0);
  REQUIRE(symlinkat("../../../../passwd", directory.fd().get(), "upwards") == 0);
  CHECK(read_all(open_in_root(directory.fd(), "absolute", O_RDONLY)) == "ours");
  CHECK(read_all(open_in_root(directory.fd(), "upwards", O_RDONLY)) == "ours");
  CHECK_THROWS_AS(open_in_root(directory.fd(), "missing", O_RDONLY), Error);
}

TEST_CASE("a descriptor closes once and moves") {
  Pipe pipe = make_pipe();
  const int number = pipe.read.get();
  Fd moved = std::move(pipe.read);
  CHECK(moved.get() == number);
  CHECK_FALSE(pipe.read.valid());
  moved.reset();
  CHECK(fcntl(number, F_GETFD) == -1);
}

}  // namespace
}  // namespace base
