#pragma once
// updaterd, also called locksmithd: gives this machine's reboot lock back after a reboot, and says to the cluster which
// version the machine runs, from which slot, whether that boot is blessed and whether the machine is healthy. It
// changes nothing on the machine.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/applet.h"
#include "base/json.h"
#include "kv/client/client.h"
#include "updater/inspect.h"

namespace updater {

// What is published, under machine_key(): docs/updater.md describes each member.
struct MachineReport {
  std::string machine_id;
  std::string boot_id;
  std::optional<Inspection> disk;
  std::string disk_error;
  std::vector<std::string> problems;
};

std::string machine_key(const std::string& machine_id);  // "/clusteros/updater/machines/<machine id>"
base::Json to_json(const MachineReport& report);

// How long a report outlives its machine, and how often it is renewed.
inline constexpr std::chrono::seconds kReportTtl{90};
inline constexpr std::chrono::seconds kReportInterval{15};

// Keeps one key in the store equal to the last report. Writes when the report changed, renews the lease otherwise, so
// that watchers wake for news only. Throws base::Error when the store does not answer; the next call tries again.
class Publisher {
 public:
  Publisher(kv::Client& store, std::string key) : store_(store), key_(std::move(key)) {}
  void publish(const std::string& report);

 private:
  kv::Client& store_;
  std::string key_;
  std::string published_;
};

int run_updaterd(const base::Invocation& invocation);
int run_locksmithd(const base::Invocation& invocation);  // the same with locksmith's option names

}  // namespace updater
