#include "runtime/journal_log.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/launch.h"

namespace runtime {
namespace {

constexpr int kWakeMilliseconds = 200;              // how often the end of the container is looked for
constexpr std::size_t kMaxEntry = 8 * 1024 * 1024;  // bytes of one entry as JSON

// A journalctl that runs; killed and reaped with its object.
class Journalctl {
 public:
  explicit Journalctl(const std::vector<std::string>& arguments) {
    base::Pipe pipe = base::make_pipe();
    std::vector<std::string> words = {"journalctl", "--quiet", "--all", "--output=json"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_ = base::check(fork(), "fork");
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      dup2(pipe.write.get(), STDOUT_FILENO);
      execvp(pointers.front(), pointers.data());
      _exit(127);
    }
    output_ = std::move(pipe.read);
  }
  Journalctl(const Journalctl&) = delete;
  Journalctl& operator=(const Journalctl&) = delete;
  ~Journalctl() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  const base::Fd& output() const { return output_; }
  int wait() { return wait_for_exit(std::exchange(pid_, -1)); }

 private:
  pid_t pid_ = -1;
  base::Fd output_;
};

// Reads whole lines of JSON from journalctl and shows them; remembers where it is.
class Shower {
 public:
  Shower(const base::Fd& output, const std::function<void(const LogLine&)>& show, std::string& cursor)
      : output_(output), show_(show), cursor_(cursor) {}

  // One read. False at the end.
  bool read_some() {
    std::array<char, 65536> buffer;
    ssize_t length = read(output_.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) return true;
    if (base::check(length, "read from", "journalctl") == 0) return false;
    rest_.append(buffer.data(), static_cast<std::size_t>(length));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      show_entry(std::string_view(rest_).substr(begin, end - begin));
    }
    rest_.erase(0, begin);
    if (rest_.size() > kMaxEntry) throw base::Error("read from", "journalctl", "an entry is longer than 8 MiB");
    return true;
  }

 private:
  void show_entry(std::string_view json) {
    JournalEntry entry;
    bool ours = parse_journal_entry(json, entry);
    cursor_ = entry.cursor;
    if (!ours) return;
    show_({.time = entry.time, .stream = entry.error ? "stderr" : "stdout", .whole = entry.whole, .text = entry.text});
  }

  const base::Fd& output_;
  const std::function<void(const LogLine&)>& show_;
  std::string& cursor_;
  std::string rest_;
};

// What is there now. Lines that have just been printed may still be on their way to the journal.
void show_present(const std::vector<std::string>& arguments, const std::function<void(const LogLine&)>& show,
                  std::string& cursor) {
  Journalctl journalctl(arguments);
  Shower shower(journalctl.output(), show, cursor);
  while (shower.read_some()) {
  }
  int code = journalctl.wait();
  // 1: there is no entry.
  if (code > 1) throw base::Error("read", "the journal", "journalctl ended with exit code " + std::to_string(code));
}

void synchronize() {
  Journalctl journalctl({"--sync"});
  journalctl.wait();
}

std::string at(std::chrono::system_clock::time_point time) {
  auto since_epoch = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  return "@" + std::to_string(since_epoch / 1000000) + "." + std::to_string(1000000 + since_epoch % 1000000).substr(1);
}

}  // namespace

void read_journal(const std::string& unit, const LogQuery& query, const std::function<bool()>& ended,
                  const std::function<void(const LogLine&)>& show) {
  std::vector<std::string> match = {"_SYSTEMD_UNIT=" + unit, "_TRANSPORT=stdout"};
  std::vector<std::string> arguments = match;
  if (query.since) arguments.push_back("--since=" + at(*query.since));
  if (query.until) arguments.push_back("--until=" + at(*query.until));
  if (query.tail) arguments.push_back("--lines=" + std::to_string(*query.tail));
  std::string cursor;
  synchronize();
  if (!query.follow) return show_present(arguments, show, cursor);
  if (!query.tail) arguments.emplace_back("--no-tail");
  arguments.emplace_back("--follow");
  {
    Journalctl journalctl(arguments);
    Shower shower(journalctl.output(), show, cursor);
    for (;;) {
      pollfd wait = {.fd = journalctl.output().get(), .events = POLLIN, .revents = 0};
      int ready = poll(&wait, 1, kWakeMilliseconds);
      if (ready > 0 && !shower.read_some()) break;
      if (ready == 0 && ended()) break;
    }
  }
  // What came between the last look and the end.
  synchronize();
  if (!cursor.empty()) {
    arguments = match;
    arguments.push_back("--after-cursor=" + cursor);
  } else {
    std::erase(arguments, "--follow");
    std::erase(arguments, "--no-tail");
  }
  show_present(arguments, show, cursor);
}

bool parse_journal_entry(std::string_view json, JournalEntry& entry) {
  base::Json object = base::parse_json(json, "the journal", kMaxEntry);
  entry.cursor = base::json_string(object, "__CURSOR");
  if (base::json_string(object, "SYSLOG_IDENTIFIER").starts_with("container@")) return false;
  auto microseconds = base::parse_unsigned(base::json_string(object, "__REALTIME_TIMESTAMP"));
  if (!microseconds) throw base::Error("read", "the journal", "an entry without __REALTIME_TIMESTAMP");
  entry.time = base::format_rfc3339(
      std::chrono::system_clock::time_point(std::chrono::microseconds(static_cast<std::int64_t>(*microseconds))));
  entry.error = base::json_string(object, "PRIORITY") == "3";
  entry.whole = base::json_string(object, "_LINE_BREAK") != "line-max";
  entry.text.clear();
  auto message = object.find("MESSAGE");
  if (message == object.end()) return true;
  if (message->is_string()) entry.text = message->get<std::string>();
  // What is no UTF-8 comes as an array of bytes.
  if (message->is_array()) {
    for (const base::Json& byte : *message) {
      if (byte.is_number_unsigned()) entry.text += static_cast<char>(byte.get<unsigned>());
    }
  }
  return true;
}

}  // namespace runtime
