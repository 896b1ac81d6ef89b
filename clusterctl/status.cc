#include "clusterctl/status.h"

#include <algorithm>
#include <format>

#include "base/table.h"
#include "base/text.h"

namespace clusterctl {
namespace {

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

std::string milliseconds(std::chrono::microseconds time) {
  return std::format("{:.1f} ms", static_cast<double>(time.count()) / 1000.0);
}

std::uint64_t total_memory(const Facts& facts) {
  std::uint64_t total = 0;
  for (const UnitFacts& unit : facts.units) total += unit.memory;
  return total;
}

std::string boot_text(const Facts& facts) {
  if (!facts.disk) return facts.disk_error;
  const updater::Slot* slot = facts.disk->running();
  if (slot == nullptr) return "the root partition is none of the slots";
  return std::format("slot {}, version {}, {}", slot->name, slot->version, updater::describe(facts.disk->blessing));
}

std::string state_of(const UnitFacts& unit) {
  if (unit.load_state == "not-found") return "not installed";
  if (unit.load_state == "masked") return "masked";
  return std::format("{} ({})", unit.active_state, unit.sub_state);
}

base::Json text_or_null(const std::string& text) {
  return text.empty() ? base::Json() : base::Json(text);
}

}  // namespace

std::vector<std::string> problems(const Facts& facts) {
  std::vector<std::string> result;
  if (!facts.store.healthy) {
    result.push_back(std::format("the store is not healthy: {}", or_dash(facts.store.error)));
  } else if (!facts.scheduled_error.empty()) {
    result.push_back(std::format("the scheduler's units cannot be read: {}", facts.scheduled_error));
  }
  if (!facts.systemd_error.empty()) result.push_back(std::format("systemd cannot be asked: {}", facts.systemd_error));

  for (const UnitFacts& unit : facts.units) {
    if (!unit.problem.empty()) result.push_back(unit.problem);
  }
  for (const std::string& name : facts.failed) {
    const bool ours = std::ranges::any_of(facts.units, [&](const UnitFacts& unit) { return unit.name == name; });
    if (!ours) result.push_back(std::format("{} has failed", name));
  }
  for (const ScheduledFacts& unit : facts.scheduled) {
    const bool listed = std::ranges::find(facts.failed, unit.name) != facts.failed.end();
    if (unit.active_state == "failed" && !listed) {
      result.push_back(std::format("{}, scheduled here, has failed", unit.name));
    }
  }
  if (!facts.disk) {
    result.push_back(std::format("the slots cannot be read: {}", facts.disk_error));
  } else if (!updater::is_good(facts.disk->blessing)) {
    result.push_back(std::format("the boot is not blessed: {}", updater::describe(facts.disk->blessing)));
  }
  return result;
}

std::string to_screen(const Facts& facts, const std::vector<std::string>& wrong) {
  base::Table head;
  head.add_row({"Machine", std::format("{} ({})", or_dash(facts.host), or_dash(facts.machine_id))});
  head.add_row({"Address", or_dash(facts.address)});
  head.add_row({"ClusterOS", std::format("{}, on {}", facts.version, or_dash(facts.system))});
  head.add_row({"Boot", boot_text(facts)});
  head.add_row({"Up", base::format_duration(facts.uptime)});
  head.add_row({"Store", facts.store.healthy
                             ? std::format("healthy, {} ({})", facts.store.endpoints, milliseconds(facts.store.latency))
                             : std::format("NOT healthy, {}", facts.store.error)});
  head.add_row({"systemd", facts.systemd_error.empty() ? facts.system_state : facts.systemd_error});
  std::string text = head.text();

  if (!facts.units.empty()) {
    base::Table units;
    units.add_row({"UNIT", "STATE", "MEMORY"});
    for (const UnitFacts& unit : facts.units) {
      units.add_row({unit.name, state_of(unit), unit.memory == 0 ? "-" : base::format_size(unit.memory)});
    }
    units.add_row({"", "together", base::format_size(total_memory(facts))});
    text += "\n" + units.text();
  }

  if (!facts.scheduled.empty()) {
    base::Table scheduled;
    scheduled.add_row({"SCHEDULED HERE", "ACTIVE", "SUB"});
    for (const ScheduledFacts& unit : facts.scheduled) {
      scheduled.add_row({unit.name, or_dash(unit.active_state), or_dash(unit.sub_state)});
    }
    text += "\n" + scheduled.text();
  }

  text += wrong.empty() ? "\nThis machine is well.\n" : "\nThis machine is NOT well:\n";
  for (const std::string& line : wrong) text += std::format("  - {}\n", line);
  return text;
}

base::Json to_json(const Facts& facts, const std::vector<std::string>& wrong) {
  base::Json json;
  json["healthy"] = wrong.empty();
  json["problems"] = wrong;
  json["version"] = facts.version;
  json["hostname"] = text_or_null(facts.host);
  json["machine_id"] = text_or_null(facts.machine_id);
  json["address"] = text_or_null(facts.address);
  json["system"] = text_or_null(facts.system);
  json["uptime_seconds"] = facts.uptime.count();

  base::Json& store = json["store"];
  store["endpoints"] = facts.store.endpoints;
  store["healthy"] = facts.store.healthy;
  store["latency_ms"] =
      facts.store.healthy ? base::Json(static_cast<double>(facts.store.latency.count()) / 1000.0) : base::Json();
  store["error"] = text_or_null(facts.store.error);

  json["slot"] = base::Json();
  json["boot"] = base::Json();
  if (facts.disk) {
    if (const updater::Slot* slot = facts.disk->running()) {
      json["slot"] = {{"name", slot->name}, {"version", slot->version}, {"partition", slot->device}};
    }
    json["boot"] = updater::to_json(facts.disk->blessing);
  }

  json["systemd"] = text_or_null(facts.system_state);
  json["units"] = base::Json::array();
  for (const UnitFacts& unit : facts.units) {
    json["units"].push_back({{"name", unit.name},
                             {"load", unit.load_state},
                             {"active", unit.active_state},
                             {"sub", unit.sub_state},
                             {"memory_bytes", unit.memory}});
  }
  json["memory_bytes"] = total_memory(facts);
  json["failed_units"] = facts.failed;
  json["scheduled"] = base::Json::array();
  for (const ScheduledFacts& unit : facts.scheduled) {
    json["scheduled"].push_back({{"name", unit.name}, {"active", unit.active_state}, {"sub", unit.sub_state}});
  }
  return json;
}

}  // namespace clusterctl
