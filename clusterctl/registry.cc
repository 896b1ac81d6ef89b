#include "clusterctl/registry.h"

#include <algorithm>
#include <array>

#include "bootstrap/applets.h"
#include "clusterctl/applets.h"
#include "discovery/applets.h"
#include "kv/applets.h"
#include "runtime/applets.h"
#include "sched/applets.h"
#include "updater/applets.h"

namespace clusterctl {

const base::Applet& front() {
  return applets().front();
}

std::span<const base::AppletTable> tables() {
  // Those before the one that is called are made too: first what starts most often.
  static constexpr std::array<base::AppletTable, 7> kTables = {
      runtime::oci_applets, runtime::container_applets, kv::applets,       sched::applets,
      discovery::applets,   updater::applets,           bootstrap::applets};
  return kTables;
}

const std::vector<const base::Applet*>& all_applets() {
  static const std::vector<const base::Applet*> all = [] {
    std::vector<const base::Applet*> result;
    for (std::span<const base::Applet> room :
         {applets(), kv::applets(), runtime::container_applets(), runtime::oci_applets(), sched::applets(),
          discovery::applets(), updater::applets(), bootstrap::applets()}) {
      for (const base::Applet& applet : room) result.push_back(&applet);
    }
    return result;
  }();
  return all;
}

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  };
  for (const base::Applet* applet : all_applets()) {
    add(applet->name);
    for (std::string_view alias : applet->aliases) add(alias);
  }
  return names;
}

}  // namespace clusterctl
