#include "runtime/log_file.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr int kWakeMilliseconds = 500;  // how often the end of the container is looked for

std::uint64_t size_of(const base::Fd& file) {
  struct stat status = {};
  base::check(fstat(file.get(), &status), "stat", "log");
  return static_cast<std::uint64_t>(status.st_size);
}

ino_t inode_of(const std::string& path) {
  struct stat status = {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// Shows the whole lines that the file has from `file`'s position on; the rest stays in `rest`.
void show_lines(const base::Fd& file, std::string& rest, const std::function<void(const LogLine&)>& show) {
  std::array<char, 65536> buffer;
  ssize_t length = 0;
  while ((length = read(file.get(), buffer.data(), buffer.size())) > 0) {
    rest.append(buffer.data(), static_cast<std::size_t>(length));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      LogLine line;
      if (parse_log_line(std::string_view(rest).substr(begin, end - begin), line)) show(line);
    }
    rest.erase(0, begin);
  }
}

void read_whole_log(const std::string& directory, bool follow, const std::function<bool()>& ended,
                    const std::function<void(const LogLine&)>& show) {
  std::string path = directory + "/log";
  std::string rest;
  if (base::exists(path + ".1")) {
    base::Fd older = base::open_file(path + ".1", O_RDONLY);
    show_lines(older, rest, show);
  }
  if (!base::exists(path)) return;
  rest.clear();
  // Watched before the first read, so that nothing is missed in between.
  base::Fd watch;
  if (follow) {
    watch = base::Fd(base::check(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "watch", path));
    base::check(inotify_add_watch(watch.get(), directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO), "watch", path);
  }
  base::Fd file = base::open_file(path, O_RDONLY);
  ino_t inode = inode_of(path);
  for (;;) {
    bool last_round = !follow || ended();
    show_lines(file, rest, show);
    ino_t current = inode_of(path);
    if (current != 0 && current != inode) {
      file = base::open_file(path, O_RDONLY);
      inode = current;
      rest.clear();
      continue;
    }
    if (last_round) return;
    pollfd wait = {.fd = watch.get(), .events = POLLIN, .revents = 0};
    poll(&wait, 1, kWakeMilliseconds);
    std::array<char, 4096> events;
    while (read(watch.get(), events.data(), events.size()) > 0) {
    }
  }
}

bool is_asked_for(const LogLine& line, const LogQuery& query) {
  if (!query.since && !query.until) return true;
  auto time = base::parse_rfc3339(line.time);
  if (!time) return false;
  return (!query.since || *time >= *query.since) && (!query.until || *time <= *query.until);
}

}  // namespace

LogWriter::LogWriter(const std::string& directory)
    : path_(directory + "/log"), file_(base::open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600)) {
  size_ = size_of(file_);
}

void LogWriter::write_line(std::string_view stream, char tag, std::string_view text, std::string_view now) {
  std::string line;
  line.reserve(now.size() + stream.size() + text.size() + 5);
  line.append(now).append(" ").append(stream).append(" ").append(1, tag).append(" ").append(text).append("\n");
  if (size_ + line.size() > kLogBytes) {
    base::check(rename(path_.c_str(), (path_ + ".1").c_str()), "rotate", path_);
    file_ = base::open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0600);
    size_ = 0;
  }
  base::write_all(file_, line);
  size_ += line.size();
}

void LogWriter::append(std::string_view stream, std::string_view data, std::string_view now) {
  std::string& rest = pending(stream);
  while (!data.empty()) {
    std::size_t end = data.find('\n');
    std::size_t take = end == std::string_view::npos ? data.size() : end;
    take = std::min(take, kLogLine - rest.size());
    rest.append(data.substr(0, take));
    data.remove_prefix(take);
    bool whole = !data.empty() && data.front() == '\n';
    if (whole) data.remove_prefix(1);
    if (!whole && rest.size() < kLogLine) continue;
    write_line(stream, whole ? 'F' : 'P', rest, now);
    rest.clear();
  }
}

void LogWriter::finish(std::string_view stream, std::string_view now) {
  std::string& rest = pending(stream);
  if (rest.empty()) return;
  write_line(stream, 'P', rest, now);
  rest.clear();
}

bool parse_log_line(std::string_view line, LogLine& result) {
  std::size_t first = line.find(' ');
  if (first == std::string_view::npos) return false;
  std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos || second + 2 >= line.size() || line[second + 2] != ' ') return false;
  result.time = line.substr(0, first);
  result.stream = line.substr(first + 1, second - first - 1);
  result.whole = line[second + 1] == 'F';
  result.text = line.substr(second + 3);
  return result.stream == "stdout" || result.stream == "stderr";
}

void read_log(const std::string& directory, const LogQuery& query, const std::function<bool()>& ended,
              const std::function<void(const LogLine&)>& show) {
  std::size_t skipped = 0;
  if (query.tail) {
    std::size_t lines = 0;
    read_whole_log(
        directory, false, [] { return true; },
        [&](const LogLine& line) { lines += is_asked_for(line, query) ? 1 : 0; });
    skipped = lines - std::min(lines, *query.tail);
  }
  read_whole_log(directory, query.follow, ended, [&](const LogLine& line) {
    if (!is_asked_for(line, query)) return;
    if (skipped > 0) {
      skipped--;
    } else {
      show(line);
    }
  });
}

}  // namespace runtime
