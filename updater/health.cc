#include "updater/health.h"

#include <array>
#include <format>

#include "base/error.h"

namespace updater {

std::span<const std::string_view> our_units() {
  static constexpr std::array<std::string_view, 5> kUnits{"kvd.service", "schedd.service", "discoveryd.service",
                                                          "updaterd.service", "bootstrap.service"};
  return kUnits;
}

std::string unit_problem(base::Systemd& systemd, const base::UnitStatus& status) {
  if (status.load_state == "not-found" || status.load_state == "masked") return "";
  if (status.load_state != "loaded") return std::format("{} cannot be loaded ({})", status.name, status.load_state);
  if (status.active_state == "active") return "";
  const auto asked = [&](const char* interface, const char* property) {
    return systemd.property(status.name, interface, property).value_or("");
  };
  if (status.active_state == "inactive") {
    if (asked("Unit", "UnitFileState") == "disabled") return "";
    if (asked("Service", "Type") == "oneshot" && asked("Service", "Result") == "success") return "";
  }
  return std::format("{} is {} ({})", status.name, status.active_state, status.sub_state);
}

std::vector<std::string> health_problems(kv::Client& store,
                                         const std::function<std::unique_ptr<base::Systemd>()>& connect) {
  std::vector<std::string> problems;
  try {
    if (!store.healthy()) problems.push_back("the store does not answer");
  } catch (const base::Error& error) {
    problems.push_back(std::format("the store does not answer: {}", error.what()));
  }
  try {
    const auto systemd = connect();
    for (const std::string_view name : our_units()) {
      const std::string problem = unit_problem(*systemd, systemd->status(std::string(name)));
      if (!problem.empty()) problems.push_back(problem);
    }
  } catch (const base::Error& error) {
    problems.push_back(std::format("systemd cannot be asked: {}", error.what()));
  }
  return problems;
}

}  // namespace updater
