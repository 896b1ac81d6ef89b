#include "runtime/log_file.h"

#include <doctest/doctest.h>

#include <vector>

#include "base/file.h"
#include "base/temp_dir.h"

namespace runtime {
namespace {

std::vector<std::string> lines_of(const std::string& directory) {
  std::vector<std::string> lines;
  read_log(
      directory, {}, [] { return true; },
      [&](const LogLine& line) {
        lines.push_back(std::string(line.stream) + (line.whole ? " F " : " P ") + std::string(line.text));
      });
  return lines;
}

}  // namespace

TEST_CASE("pieces of output become lines, each stream by itself") {
  base::TempDir directory;
  LogWriter log(directory.path());
  log.append("stdout", "one\ntw", "t");
  log.append("stderr", "bad\n", "t");
  log.append("stdout", "o\nrest", "t");
  log.finish("stdout", "t");
  CHECK(lines_of(directory.path()) ==
        std::vector<std::string>{"stdout F one", "stderr F bad", "stdout F two", "stdout P rest"});
}

TEST_CASE("a line without end is kept in parts of a bounded size") {
  base::TempDir directory;
  LogWriter log(directory.path());
  log.append("stdout", std::string(kLogLine + 5, 'x') + "\n", "t");
  std::vector<std::string> lines = lines_of(directory.path());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() == kLogLine + 9);
  CHECK(lines[1] == "stdout F xxxxx");
}

TEST_CASE("a flood fills two files and no more") {
  base::TempDir directory;
  LogWriter log(directory.path());
  std::string line = std::string(1000, 'y') + "\n";
  for (std::uint64_t i = 0; i < 3 * kLogBytes / line.size(); i++) log.append("stdout", line, "t");
  log.append("stdout", "last\n", "t");
  CHECK(base::read_file(directory.path() + "/log").size() <= kLogBytes);
  CHECK(base::read_file(directory.path() + "/log.1").size() <= kLogBytes);
  CHECK(lines_of(directory.path()).back() == "stdout F last");
}

TEST_CASE("a damaged line is passed over") {
  LogLine line;
  CHECK_FALSE(parse_log_line("", line));
  CHECK_FALSE(parse_log_line("time stdout", line));
  CHECK_FALSE(parse_log_line("time somewhere F x", line));
  CHECK(parse_log_line("time stdout F ", line));
}

}  // namespace runtime
