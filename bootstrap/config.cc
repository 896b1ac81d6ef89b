#include "bootstrap/config.h"

#include <algorithm>

namespace bootstrap {

bool UnitConfig::is_network() const {
  return name.ends_with(".network") || name.ends_with(".netdev") || name.ends_with(".link");
}

bool has_errors(const Findings& findings) {
  return std::ranges::contains(findings, Severity::kError, &Finding::severity);
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::kError ? "error" : "warning";
}

}  // namespace bootstrap
