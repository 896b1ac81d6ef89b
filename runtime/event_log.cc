// A line is one write(2) to a file opened for appending, under a lock that also guards the change to a new file. A
// writer that is killed within its write leaves a part of a line: the next one ends it first, and readers pass over it.

#include "runtime/event_log.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr const char* kFile = ".events";
constexpr const char* kOldFile = ".events.1";
constexpr const char* kLock = ".events.lock";
constexpr std::size_t kLongestLine = 16 * 1024;  // bytes; a longer one is damaged

base::Json shortened(base::Json attributes) {
  for (auto& [key, value] : attributes.items()) {
    if (value.is_string() && value.get_ref<std::string&>().size() > kEventText) {
      value.get_ref<std::string&>().resize(kEventText);
    }
  }
  return attributes;
}

bool ends_within_a_line(const base::Fd& file, off_t size) {
  char last = '\n';
  return size > 0 && pread(file.get(), &last, 1, size - 1) == 1 && last != '\n';
}

void append_line(const base::Fd& directory, std::string line) {
  base::Fd lock = base::open_at(directory, kLock, O_RDWR | O_CREAT, 0600);
  base::check(flock(lock.get(), LOCK_EX), "lock", kLock);
  base::Fd file = base::open_at(directory, kFile, O_RDWR | O_CREAT | O_APPEND, 0600);
  struct stat status = {};
  base::check(fstat(file.get(), &status), "stat", kFile);
  if (static_cast<std::uint64_t>(status.st_size) + line.size() > kEventBytes) {
    base::check(renameat(directory.get(), kFile, directory.get(), kOldFile), "rename", kFile);
    file = base::open_at(directory, kFile, O_RDWR | O_CREAT | O_APPEND, 0600);
  } else if (ends_within_a_line(file, status.st_size)) {
    line.insert(0, "\n");
  }
  base::write_all(file, line);
}

base::Fd open_if_there(const base::Fd& directory, const char* name) {
  base::Fd file(openat(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && errno != ENOENT) base::throw_errno("open", name);
  return file;
}

bool is_same_file(const base::Fd& a, const base::Fd& b) {
  struct stat first = {};
  struct stat second = {};
  base::check(fstat(a.get(), &first), "stat", kFile);
  base::check(fstat(b.get(), &second), "stat", kFile);
  return first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

}  // namespace

std::string event_line(const Event& event) {
  base::Json json = {{"time", event.time}, {"event", event.event}, {"id", event.id},
                     {"name", event.name}, {"image", event.image}, {"attributes", event.attributes}};
  return base::to_text(json);
}

std::optional<Event> event_from_line(std::string_view line) {
  try {
    base::Json json = base::parse_json(line, kFile, kLongestLine);
    Event event{.time = json.at("time").get<std::string>(),
                .event = json.at("event").get<std::string>(),
                .id = json.at("id").get<std::string>(),
                .name = json.at("name").get<std::string>(),
                .image = json.at("image").get<std::string>(),
                .attributes = json.at("attributes")};
    if (!base::parse_rfc3339(event.time) || !event.attributes.is_object()) return std::nullopt;
    return event;
  } catch (const base::Error&) {
    return std::nullopt;
  } catch (const base::Json::exception&) {
    return std::nullopt;
  }
}

void record_event(const StateStore& store, const ContainerState& state, std::string_view event, base::Json attributes) {
  try {
    Event record{.time = now_text(),
                 .event = std::string(event),
                 .id = state.id,
                 .name = state.name,
                 .image = state.image.substr(0, kEventText),
                 .attributes = shortened(std::move(attributes))};
    append_line(base::open_directory(store.directory()), event_line(record) + "\n");
  } catch (const base::Error& error) {
    base::log_warning("container {}: write down the event {}: {}", state.id, event, error.what());
  }
}

EventReader::EventReader(const std::string& directory) {
  base::make_directories(directory, 0700);
  directory_ = base::open_directory(directory);
  watch_ = base::Fd(base::check(inotify_init1(IN_CLOEXEC | IN_NONBLOCK), "watch", directory));
  base::check(inotify_add_watch(watch_.get(), directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO), "watch",
              directory);
  file_ = open_if_there(directory_, kOldFile);
}

bool EventReader::take_lines(const std::function<bool(const Event&)>& show) {
  std::array<char, 65536> buffer;
  for (;;) {
    ssize_t length = ::read(file_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    base::check(length, "read", kFile);
    if (length == 0) return true;
    rest_.append(buffer.data(), static_cast<std::size_t>(length));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      std::optional<Event> event = event_from_line(std::string_view(rest_).substr(begin, end - begin));
      if (event && !show(*event)) return false;
    }
    rest_.erase(0, begin);
    if (rest_.size() > kLongestLine) rest_.assign(1, '?');  // it stays damaged until its end
  }
}

bool EventReader::read(const std::function<bool(const Event&)>& show) {
  for (;;) {
    // The name first: what was written to the file before it got another name is read then.
    base::Fd newest = open_if_there(directory_, kFile);
    if (file_ && !take_lines(show)) return false;
    if (!newest || (file_ && is_same_file(file_, newest))) return true;
    file_ = std::move(newest);
    rest_.clear();
  }
}

void EventReader::wait(std::chrono::milliseconds time) const {
  pollfd waits = {.fd = watch_.get(), .events = POLLIN, .revents = 0};
  if (poll(&waits, 1, time.count() < 0 ? -1 : static_cast<int>(time.count())) <= 0) return;
  std::array<char, 4096> forgotten;
  while (::read(watch_.get(), forgotten.data(), forgotten.size()) > 0) {
  }
}

}  // namespace runtime
