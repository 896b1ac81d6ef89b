#pragma once
// systemd for tests: units exist when a file for them was linked, enabled or added; starting one makes it active.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/systemd.h"

namespace base {

class FakeSystemd : public Systemd {
 public:
  // Every call as one line: "start a.service", "reload", "link /run/fleet/units/a.service".
  std::vector<std::string> calls;
  std::map<std::string, UnitStatus> units;
  std::map<std::string, std::vector<UnitProperty>> properties;  // of scopes, as last given
  std::set<std::string> fail_to_start;                          // start() of these ends "failed"

  void add(const std::string& name);

  UnitStatus status(const std::string& unit) override;
  std::vector<UnitStatus> list_units(const std::vector<std::string>& patterns) override;
  std::optional<std::string> property(const std::string& unit, const std::string& interface,
                                      const std::string& name) override;
  std::string start(const std::string& unit, std::chrono::milliseconds timeout) override;
  std::string stop(const std::string& unit, std::chrono::milliseconds timeout) override;
  std::string restart(const std::string& unit, std::chrono::milliseconds timeout) override;
  std::string job(const std::string& verb, const std::string& unit, std::chrono::milliseconds timeout) override;
  void reset_failed(const std::string& unit) override;
  void reload() override;
  void enable(const std::vector<std::string>& files, bool runtime) override;
  void disable(const std::vector<std::string>& names, bool runtime) override;
  void link(const std::vector<std::string>& paths, bool runtime) override;
  void mask(const std::vector<std::string>& names, bool runtime) override;
  void unmask(const std::vector<std::string>& names, bool runtime) override;
  std::string start_scope(const ScopeRequest& scope) override;
  void set_properties(const std::string& unit, const std::vector<UnitProperty>& changed) override;
  std::string start_service(const TransientService& service, std::chrono::milliseconds timeout) override;
  void start_timer(const TransientTimer& timer) override;
  std::string system_state() override;
};

}  // namespace base
