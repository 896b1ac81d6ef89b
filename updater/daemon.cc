// The work blocks (HTTP, D-Bus, the disk), so it has a thread of its own; the main thread keeps the event loop: signals
// and the watchdog. A round that fails is logged once and tried again in the next one.

#include "updater/daemon.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/systemd.h"
#include "updater/health.h"
#include "updater/semaphore.h"

namespace updater {
namespace {

MachineReport look_around(kv::Client& store, const std::string& root) {
  MachineReport report;
  report.machine_id = base::machine_id();
  report.boot_id = base::boot_id();
  report.problems = health_problems(store, base::connect_systemd);
  try {
    report.disk = inspect(root);
  } catch (const base::Error& error) {
    report.disk_error = error.what();
  }
  return report;
}

// Logs a text when it differs from the one before.
class Said {
 public:
  void now(const std::string& text) {
    if (text == last_) return;
    last_ = text;
    if (!text.empty()) base::log_warning("{}", text);
  }

 private:
  std::string last_;
};

constexpr std::chrono::seconds kLockInterval{5};  // between two tries to give the reboot lock back

struct Settings {
  std::string endpoints;
  std::string group;  // of the reboot semaphore
  std::string root;
};

class Worker {
 public:
  explicit Worker(Settings settings)
      : settings_(std::move(settings)), store_(kv::connect(settings_.endpoints)), thread_([this] { run(); }) {}

  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    store_->cancel();
    thread_.join();
  }

 private:
  void run() {
    Publisher publisher(*store_, machine_key(base::machine_id()));
    Said said;
    Said said_of_lock;
    bool lock_is_ours = true;  // until the store says otherwise
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      try {
        if (lock_is_ours) release_stale_lock();
        lock_is_ours = false;
      } catch (const base::Error& error) {
        said_of_lock.now(std::format("cannot tell whether this machine holds a reboot lock of before, trying again: {}",
                                     error.what()));
      }
      try {
        publisher.publish(base::to_text(to_json(look_around(*store_, settings_.root))));
        said.now("");
      } catch (const base::Error& error) {
        said.now(std::format("cannot publish this machine's state: {}", error.what()));
      }
      lock.lock();
      wake_.wait_for(lock, lock_is_ours ? kLockInterval : kReportInterval, [this] { return stopping_; });
    }
  }

  // A machine that rebooted under the semaphore went down holding its lock; that it runs again is what the others wait
  // for. The semaphore does not tell boots apart, so a lock that the operator took by hand goes, too, as with
  // locksmith.
  void release_stale_lock() {
    const bool was_held = SemaphoreLock(*store_, settings_.group).release(base::machine_id());
    const std::string of_group = settings_.group.empty() ? "" : std::format(" of group '{}'", settings_.group);
    if (was_held) {
      base::log_info("released the reboot lock{} that this machine held when it went down", of_group);
    } else {
      base::log_info("this machine holds no reboot lock{}", of_group);
    }
  }

  Settings settings_;
  std::unique_ptr<kv::Client> store_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::string machine_key(const std::string& machine_id) {
  return "/clusteros/updater/machines/" + machine_id;
}

base::Json to_json(const MachineReport& report) {
  base::Json json{{"machine_id", report.machine_id},
                  {"boot_id", report.boot_id},
                  {"healthy", report.problems.empty()},
                  {"problems", report.problems},
                  {"slot", nullptr},
                  {"version", nullptr},
                  {"boot", nullptr},
                  {"waiting_version", nullptr}};
  if (!report.disk) {
    json["disk_error"] = report.disk_error;
    return json;
  }
  json["boot"] = to_json(report.disk->blessing);
  for (const Slot& slot : report.disk->slots) {
    if (slot.running) {
      json["slot"] = slot.name;
      json["version"] = slot.version;
    } else if (!slot.empty()) {
      json["waiting_version"] = slot.version;
    }
  }
  return json;
}

void Publisher::publish(const std::string& report) {
  if (report == published_ && store_.refresh(key_, kReportTtl)) return;
  kv::PutOptions options;
  options.ttl = kReportTtl;
  store_.put(key_, report, options);
  published_ = report;
}

namespace {

int serve(Settings settings) {
  base::machine_id();  // without one there is nothing to publish under: end now, with the reason
  base::EventLoop loop;
  base::log_info("publishing this machine's slot and health to {}", settings.endpoints);
  const Worker worker(std::move(settings));
  loop.run_as_daemon("watching this machine's health");
  return 0;
}

}  // namespace

int run_updaterd(const base::Invocation& invocation) {
  return serve({invocation.get("endpoints"), invocation.get("group"), invocation.get("root")});
}

int run_locksmithd(const base::Invocation& invocation) {
  return serve({invocation.get("endpoint"), invocation.get("group"), invocation.get("root")});
}

}  // namespace updater
