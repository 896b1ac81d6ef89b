#pragma once
// `clusterctl status`: facts about this machine, judged and shown on one screen. Judging and showing are pure;
// gather.cc asks systemd, the store and the disk.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/applet.h"
#include "base/json.h"
#include "updater/inspect.h"

namespace clusterctl {

struct UnitFacts {
  std::string name;          // "kvd.service"
  std::string load_state;    // "loaded", "not-found", …
  std::string active_state;  // "active", …
  std::string sub_state;     // "running", …
  std::uint64_t memory = 0;  // bytes resident of its main process; 0: none runs
  std::string problem = {};  // one line; empty: it is as it should be
};

// A unit that the scheduler has placed on this machine, as the store has it.
struct ScheduledFacts {
  std::string name;
  std::string active_state;  // empty: this machine has not reported it yet
  std::string sub_state;
};

struct StoreFacts {
  std::string endpoints;
  bool healthy = false;
  std::chrono::microseconds latency{0};  // of GET /health; counts when healthy
  std::string error;                     // why it is not healthy
};

// What could not be found out stays empty, with the reason in the field beside it.
struct Facts {
  std::string version;
  std::string host;
  std::string machine_id;
  std::string address;
  std::string system;  // PRETTY_NAME of os-release
  std::chrono::seconds uptime{0};
  StoreFacts store;
  std::string systemd_error;        // why systemd could not be asked
  std::string system_state;         // "running", "degraded", …
  std::vector<UnitFacts> units;     // ours
  std::vector<std::string> failed;  // every failed unit of the machine
  std::vector<ScheduledFacts> scheduled;
  std::string scheduled_error;
  std::optional<updater::Inspection> disk;
  std::string disk_error;  // why there is none: not our image, no permission, …
};

// One line for each thing that is not well; empty: the machine is well.
std::vector<std::string> problems(const Facts& facts);

std::string to_screen(const Facts& facts, const std::vector<std::string>& problems);
base::Json to_json(const Facts& facts, const std::vector<std::string>& problems);

Facts gather(const std::string& endpoints, std::chrono::milliseconds timeout);

int run_status(const base::Invocation& invocation);

}  // namespace clusterctl
