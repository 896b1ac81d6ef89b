#include "kv/applets.h"

#include <vector>

#include "kv/kvctl.h"
#include "kv/kvd.h"

namespace kv {

std::span<const base::Applet> applets() {
  static const std::vector<base::Applet> kApplets = {kvd_applet(), kvctl_applet()};
  return kApplets;
}

}  // namespace kv
