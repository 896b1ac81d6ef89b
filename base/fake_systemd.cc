#include "base/fake_systemd.h"

#include "base/error.h"
#include "base/text.h"

namespace base {
namespace {

std::string leaf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

void FakeSystemd::add(const std::string& name) {
  if (!units.contains(name)) units[name] = {name, name, "loaded", "inactive", "dead"};
}

UnitStatus FakeSystemd::status(const std::string& unit) {
  const auto found = units.find(unit);
  return found == units.end() ? UnitStatus{unit, "", "not-found", "inactive", "dead"} : found->second;
}

std::vector<UnitStatus> FakeSystemd::list_units(const std::vector<std::string>& patterns) {
  std::vector<UnitStatus> found;
  for (const auto& [name, unit] : units) {
    bool wanted = patterns.empty();
    for (const auto& pattern : patterns) wanted = wanted || glob_match(pattern, name);
    if (wanted) found.push_back(unit);
  }
  return found;
}

std::optional<std::string> FakeSystemd::property(const std::string& unit, const std::string&, const std::string& name) {
  if (name == "ActiveState") return status(unit).active_state;
  return std::nullopt;
}

std::string FakeSystemd::start(const std::string& unit, std::chrono::milliseconds) {
  calls.push_back("start " + unit);
  const auto found = units.find(unit);
  if (found == units.end()) throw Error("start", unit, "Unit " + unit + " not found.");
  if (fail_to_start.contains(unit)) {
    found->second.active_state = "failed";
    found->second.sub_state = "failed";
    return "failed";
  }
  found->second.active_state = "active";
  found->second.sub_state = "running";
  return "done";
}

std::string FakeSystemd::stop(const std::string& unit, std::chrono::milliseconds) {
  calls.push_back("stop " + unit);
  const auto found = units.find(unit);
  if (found == units.end()) throw Error("stop", unit, "Unit " + unit + " not loaded.");
  found->second.active_state = "inactive";
  found->second.sub_state = "dead";
  return "done";
}

std::string FakeSystemd::restart(const std::string& unit, std::chrono::milliseconds timeout) {
  return start(unit, timeout);
}

std::string FakeSystemd::job(const std::string& verb, const std::string& unit, std::chrono::milliseconds timeout) {
  if (verb == "start") return start(unit, timeout);
  if (verb == "stop") return stop(unit, timeout);
  calls.push_back(verb + " " + unit);
  return "done";
}

void FakeSystemd::reset_failed(const std::string& unit) {
  calls.push_back("reset-failed " + unit);
}

void FakeSystemd::reload() {
  calls.emplace_back("reload");
}

void FakeSystemd::enable(const std::vector<std::string>& files, bool) {
  for (const auto& file : files) {
    calls.push_back("enable " + file);
    add(leaf(file));
  }
}

void FakeSystemd::disable(const std::vector<std::string>& names, bool) {
  for (const auto& name : names) {
    calls.push_back("disable " + name);
    if (const auto found = units.find(leaf(name)); found != units.end() && found->second.active_state != "active") {
      units.erase(found);
    }
  }
}

void FakeSystemd::link(const std::vector<std::string>& paths, bool) {
  for (const auto& path : paths) {
    calls.push_back("link " + path);
    add(leaf(path));
  }
}

void FakeSystemd::mask(const std::vector<std::string>& names, bool) {
  for (const auto& name : names) {
    calls.push_back("mask " + name);
    add(name);
    units[name].load_state = "masked";
  }
}

void FakeSystemd::unmask(const std::vector<std::string>& names, bool) {
  for (const auto& name : names) {
    calls.push_back("unmask " + name);
    if (const auto found = units.find(name); found != units.end()) found->second.load_state = "loaded";
  }
}

std::string FakeSystemd::start_scope(const ScopeRequest& scope) {
  calls.push_back("scope " + scope.name);
  add(scope.name);
  units[scope.name].active_state = "active";
  properties[scope.name] = scope.properties;
  return "/" + scope.slice + "/" + scope.name;
}

void FakeSystemd::set_properties(const std::string& unit, const std::vector<UnitProperty>& changed) {
  calls.push_back("set " + unit);
  properties[unit] = changed;
}

std::string FakeSystemd::start_service(const TransientService& service, std::chrono::milliseconds timeout) {
  add(service.name);
  return start(service.name, timeout);
}

void FakeSystemd::start_timer(const TransientTimer& timer) {
  calls.push_back("timer " + timer.name);
  add(timer.name);
  units[timer.name].active_state = "active";
}

std::string FakeSystemd::system_state() {
  return "running";
}

}  // namespace base
