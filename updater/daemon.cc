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

class Worker {
 public:
  Worker(const std::string& endpoints, std::string root)
      : store_(kv::connect(endpoints)), root_(std::move(root)), thread_([this] { run(); }) {}

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
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      try {
        publisher.publish(base::to_text(to_json(look_around(*store_, root_))));
        said.now("");
      } catch (const base::Error& error) {
        said.now(std::format("cannot publish this machine's state: {}", error.what()));
      }
      lock.lock();
      wake_.wait_for(lock, kReportInterval, [this] { return stopping_; });
    }
  }

  std::unique_ptr<kv::Client> store_;
  std::string root_;
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

int run_updaterd(const base::Invocation& invocation) {
  base::machine_id();  // without one there is nothing to publish under: end now, with the reason
  base::EventLoop loop;
  const Worker worker(invocation.get("endpoints"), invocation.get("root"));
  base::log_info("publishing this machine's slot and health to {}", invocation.get("endpoints"));
  loop.run_as_daemon("watching this machine's health");
  return 0;
}

}  // namespace updater
