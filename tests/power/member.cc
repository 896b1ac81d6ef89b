#include "member.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/json.h"
#include "base/log.h"
#include "kv/daemon.h"
#include "recorder.h"

namespace power {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kUndoBytes = std::size_t{1} << 30;
constexpr const char* kServes = "ready to serve client requests";

kv::KvdOptions options_of(const MemberPlace& place, const std::string& data) {
  kv::KvdOptions options;
  options.name = place.name;
  options.data_dir = data;
  options.listen_client_urls = {base::parse_url(std::format("http://{}:2379", place.address))};
  options.advertise_client_urls = {std::format("http://{}:2379", place.address)};
  if (place.others.empty()) {
    options.initial_cluster = {{place.name, {}}};
    return options;
  }
  const std::string peer_url = std::format("http://{}:2380", place.address);
  options.listen_peer_urls = {base::parse_url(peer_url)};
  options.initial_advertise_peer_urls = {peer_url};
  std::string cluster;
  for (const std::string& other : place.others) cluster += (cluster.empty() ? "" : ",") + other;
  options.initial_cluster = kv::parse_initial_cluster(cluster, "the test");
  options.heartbeat_interval = std::chrono::milliseconds(50);
  options.election_timeout = std::chrono::milliseconds(500);
  return options;
}

SeenWrite seen_write(const base::Json& node) {
  return {base::json_string(node, "key"), base::json_string(node, "value"),
          static_cast<std::uint64_t>(base::json_integer(node, "modifiedIndex"))};
}

base::HttpRequest get(std::string target) {
  base::HttpRequest request;
  request.target = std::move(target);
  return request;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The writes from `since` on, up to the store's index, or as many as come: who reads too slowly is cut off and has to
// ask again.
void read_writes(base::HttpClient& client, const base::Url& url, std::uint64_t since, SeenState& seen) {
  std::string rest;
  auto on_head = [](const base::HttpResponse& head) {
    if (head.status == 400) throw Violation("the history does not reach back to what was compared");
    return head.status == 200;
  };
  auto on_data = [&](std::string_view data) {
    rest += data;
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const base::Json event = base::parse_json(std::string_view(rest).substr(begin, end - begin), "an event");
      SeenWrite write = seen_write(event.at("node"));
      if (write.index <= seen.index) seen.writes.push_back(std::move(write));
    }
    rest.erase(0, begin);
    return seen.writes.empty() || seen.writes.back().index < seen.index;
  };
  try {
    client.stream(url, get(std::format("/v2/keys/?wait=true&stream=true&recursive=true&waitIndex={}", since)),
                  std::chrono::milliseconds(10000), on_head, on_data);
  } catch (const base::Error& error) {
    base::log_debug("{}", error.what());
  }
}

}  // namespace

Member::Member(MemberPlace place)
    : place_(std::move(place)),
      root_(place_.folder + "/" + place_.name),
      kept_(place_.folder + "/" + place_.name + ".kept"),
      log_file_(place_.folder + "/" + place_.name + ".log"),
      undo_log_(kUndoBytes) {
  fs::create_directories(root_);
  fs::create_directories(kept_);
}

Member::~Member() {
  kill();
}

void Member::start(const CutPlan& plan, const Lies& lies) {
  undo_log_.begin(plan, lies, !power_was_cut_);
  power_was_cut_ = false;
  base::write_file_atomic(log_file_, "");
  pid_ = base::check(::fork(), "fork");
  if (pid_ == 0) run_daemon();
  process_ = base::Fd(base::check(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)), "pidfd_open"));
}

// Never returns to what its parent was doing.
void Member::run_daemon() const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = ::open(log_file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::close_range(3, ~0U, 0);
  Recorder mine(const_cast<UndoLog&>(undo_log_), root_, kept_);
  recorder = &mine;
  int status = 1;
  try {
    base::set_log_level(base::LogLevel::kInfo);
    kv::Daemon daemon(options_of(place_, root_ + "/data"));
    status = daemon.run();
  } catch (const std::exception& error) {
    base::log_error("{}", error.what());
  }
  ::_exit(status);
}

std::string Member::log() const {
  return base::read_file_if_exists(log_file_).value_or("");
}

bool Member::log_has(const std::string& text) const {
  return log().contains(text);
}

bool Member::serves() const {
  return log_has(kServes);
}

bool Member::ends_within(std::chrono::milliseconds time) const {
  pollfd end{process_.get(), POLLIN, 0};
  return pid_ == 0 || ::poll(&end, 1, static_cast<int>(time.count())) == 1;
}

bool Member::has_ended() {
  if (pid_ == 0) return true;
  int status = 0;
  if (base::check(::waitpid(pid_, &status, WNOHANG), "wait") == 0) return false;
  pid_ = 0;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  throw Violation(std::format("member {} ended by itself (status {:#x}); its log:\n{}", place_.name, status, log()));
}

void Member::kill() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

bool Member::stop() {
  ::kill(pid_, SIGTERM);
  if (!ends_within(std::chrono::seconds(10))) throw Violation("SIGTERM does not end it; its log:\n" + log());
  int status = 0;
  base::check(::waitpid(pid_, &status, 0), "wait");
  pid_ = 0;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && undo_log_.cut_by_plan()) return false;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw Violation(std::format("SIGTERM ended it badly (status {:#x}); its log:\n{}", status, log()));
  }
  return true;
}

Taken Member::cut_power(base::Random& random) {
  const Taken taken = power::cut_power(undo_log_, root_, random);
  power_was_cut_ = true;
  fs::remove_all(kept_);
  fs::create_directories(kept_);
  return taken;
}

std::optional<SeenState> Member::look(std::uint64_t settled, std::string& why) const {
  try {
    base::HttpClientOptions client_options;
    client_options.io_timeout = std::chrono::milliseconds(10000);
    base::HttpClient client(client_options);
    const base::Url url = base::parse_url(std::format("http://{}:2379", place_.address));
    const base::HttpResponse all = client.request(url, get("/v2/keys/p?recursive=true&quorum=true"));
    SeenState seen;
    seen.index = number(all.headers.get("X-Etcd-Index"));
    if (all.status != 200 && all.status != 404) {
      why = all.body;
      return std::nullopt;
    }
    if (all.status == 200) {
      const base::Json body = base::parse_json(all.body, "the keys", std::size_t{1} << 28);
      for (const base::Json& node : body.at("node").value("nodes", base::Json::array())) {
        seen.keys.push_back(seen_write(node));
      }
    }
    std::uint64_t last = settled == 0 ? seen.index : settled;
    while (last < seen.index) {
      read_writes(client, url, last + 1, seen);
      if (seen.writes.empty() || seen.writes.back().index <= last) {
        why = std::format("no write comes behind {}, its index is {}", last, seen.index);
        return std::nullopt;
      }
      last = seen.writes.back().index;
    }
    return seen;
  } catch (const base::Error& error) {
    why = error.what();
    return std::nullopt;
  }
}

}  // namespace power
