// One worker goes through the resources, one after the other: it blocks (HTTP, files, commands), so it has a thread of
// its own beside the loop that takes signals. A resource that failed is tried again, first soon, then ever more rarely:
// the file on the disk still differs from what it should be, so each round is a whole new try.

#include "discovery/confd/daemon.h"

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/file.h"
#include "base/log.h"
#include "discovery/confd/settings.h"
#include "discovery/confd/sync.h"
#include "discovery/confd/watcher.h"

namespace discovery::confd {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{5'000};
constexpr std::chrono::milliseconds kLastRetry{300'000};
constexpr std::chrono::milliseconds kForever{24 * 60 * 60 * 1000};
constexpr std::size_t kMaxWatches = 128;  // a thread each

InstallOptions install_options(const Settings& settings) {
  return {.noop = settings.noop,
          .sync_only = settings.sync_only,
          .keep_stage_file = settings.keep_stage_file,
          .run = run_shell};
}

// True when it went well; an error is logged.
bool process_one(const Settings& settings, const Resource& resource, kv::Client& store) {
  try {
    const Outcome outcome = process(settings.folder, resource, store, install_options(settings));
    if (outcome == Outcome::kUnchanged) base::log_debug("target config {} in sync", resource.destination);
    if (outcome == Outcome::kWouldChange) {
      base::log_warning("noop mode enabled, {} will not be modified", resource.destination);
    }
    return true;
  } catch (const base::Error& error) {
    base::log_error("{}", error.what());
    return false;
  }
}

bool log_errors(const LoadedResources& loaded) {
  for (const std::string& error : loaded.errors) base::log_error("{}", error);
  return loaded.errors.empty();
}

int run_once(const Settings& settings, const LoadedResources& loaded) {
  const auto store = kv::connect(settings.endpoints);
  bool good = log_errors(loaded);
  for (const Resource& resource : loaded.resources) good = process_one(settings, resource, *store) && good;
  return good ? 0 : 1;
}

class Worker {
 public:
  Worker(const Settings& settings, std::vector<Resource> resources)
      : settings_(settings), resources_(std::move(resources)), store_(kv::connect(settings.endpoints)) {
    if (settings_.watch) watch();
    thread_ = std::thread([this] { settings_.watch ? run_watching() : run_at_intervals(); });
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  ~Worker() {
    changes_.stop();
    store_->cancel();
    watchers_.clear();
    thread_.join();
  }

 private:
  void watch() {
    const std::set<std::string> keys = keys_to_watch(resources_);
    if (keys.size() > kMaxWatches) {
      throw base::Error("watch", "", std::format("{} keys are more than {}", keys.size(), kMaxWatches));
    }
    for (const std::string& key : keys) {
      watchers_.push_back(std::make_unique<Watcher>(kv::connect(settings_.endpoints), key, changes_));
    }
  }

  // Resources and templates are read anew in every round.
  void run_at_intervals() {
    const std::chrono::milliseconds interval = settings_.interval;
    while (!changes_.stopped()) {
      const bool good = round();
      wait_ = good ? interval : std::min(interval, next_retry());
      if (good) retry_ = kFirstRetry;
      changes_.take(wait_);
    }
  }

  bool round() {
    try {
      const LoadedResources loaded = load_resources(settings_.folder, settings_.prefix);
      bool good = log_errors(loaded);
      for (const Resource& resource : loaded.resources) {
        if (changes_.stopped()) return true;
        good = process_one(settings_, resource, *store_) && good;
      }
      return good;
    } catch (const base::Error& error) {
      base::log_error("{}", error.what());
      return false;
    }
  }

  // The watchers mark all keys when they have read them, so the first round needs no order of its own.
  void run_watching() {
    std::set<std::size_t> failed;
    wait_ = kForever;
    while (!changes_.stopped()) {
      const std::set<std::string> changed = changes_.take(wait_);
      for (std::size_t i = 0; i < resources_.size() && !changes_.stopped(); ++i) {
        const bool due = std::ranges::any_of(changed, [&](const auto& key) { return concerns(key, resources_[i]); });
        if (!due && !(changed.empty() && failed.contains(i))) continue;
        failed.erase(i);
        if (!process_one(settings_, resources_[i], *store_)) failed.insert(i);
      }
      wait_ = failed.empty() ? kForever : next_retry();
      if (failed.empty()) retry_ = kFirstRetry;
    }
  }

  std::chrono::milliseconds next_retry() { return std::exchange(retry_, std::min(2 * retry_, kLastRetry)); }

  const Settings& settings_;
  std::vector<Resource> resources_;
  std::unique_ptr<kv::Client> store_;
  Changes changes_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::chrono::milliseconds wait_{};
  std::chrono::milliseconds retry_{kFirstRetry};
  std::thread thread_;
};

base::Option flag(std::string_view name, std::string_view help, std::string_view environment) {
  return {.name = name, .help = help, .environment = environment};
}

}  // namespace

base::Applet applet() {
  return {.name = "confd",
          .summary = "write configuration files from templates and the keys of the store",
          .description =
              "Reads confd's template resources, conf.d/*.toml in its folder, and keeps the files that they "
              "name as their templates and the store say: check, swap, reload, and back when the reload "
              "fails. The part of the template language that is supported is in docs/confd.md; anything "
              "else is refused with file and line.",
          .options = {flag("onetime", "run once and exit", "CONFD_ONETIME"),
                      flag("watch", "act whenever a key changes, instead of in intervals", "CONFD_WATCH"),
                      {.name = "interval",
                       .value = "SECONDS",
                       .help = "how long to wait between two rounds",
                       .fallback = "600",
                       .environment = "CONFD_INTERVAL"},
                      flag("noop", "only show pending changes", "CONFD_NOOP"),
                      flag("sync-only", "run neither check_cmd nor reload_cmd", "CONFD_SYNC_ONLY"),
                      flag("keep-stage-file", "keep staged files that were not used", "CONFD_KEEP_STAGE_FILE"),
                      {.name = "prefix",
                       .value = "KEY",
                       .help = "the key below which all keys are, instead of the resources' own prefix",
                       .environment = "CONFD_PREFIX"},
                      {.name = "confdir",
                       .value = "DIRECTORY",
                       .help = "the folder with conf.d and templates",
                       .fallback = "/etc/confd",
                       .environment = "CONFD_CONFDIR"},
                      {.name = "config-file",
                       .value = "FILE",
                       .help = "settings for what the command line leaves open",
                       .fallback = "/etc/confd/confd.toml",
                       .environment = "CONFD_CONFIG_FILE"},
                      {.name = "backend",
                       .value = "NAME",
                       .help = "etcd or etcdv3: both are the cluster's store",
                       .fallback = "etcd",
                       .environment = "CONFD_BACKEND"},
                      {.name = "node",
                       .value = "URL",
                       .help = "an address of the store",
                       .fallback = "http://127.0.0.1:2379",
                       .environment = "CLUSTEROS_ENDPOINTS",
                       .repeatable = true},
                      {.name = "log-level",
                       .value = "LEVEL",
                       .help = "debug, info, warn or error",
                       .fallback = "info",
                       .environment = "CONFD_LOG_LEVEL"}},
          .run = run_confd,
          .single_dash_long = true};
}

int run_confd(const base::Invocation& invocation) {
  const std::string& file = invocation.get("config-file");
  const auto config =
      invocation.given("config-file") ? std::optional(base::read_file(file)) : base::read_file_if_exists(file);
  const Settings settings = resolve_settings(invocation, config, file);
  base::set_log_level(settings.log_level);
  LoadedResources loaded = load_resources(settings.folder, settings.prefix);
  if (settings.onetime) return run_once(settings, loaded);

  // What is broken at the start is told by not starting; what breaks later, by the log.
  if (!log_errors(loaded)) return 1;
  base::EventLoop loop;
  const Worker worker(settings, std::move(loaded.resources));
  loop.run_as_daemon(settings.watch ? "writing files when keys change" : "writing files at intervals");
  return 0;
}

}  // namespace discovery::confd
