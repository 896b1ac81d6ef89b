#pragma once
// One run of bootstrap: a seed in, a report out. The way of a cloud-config through the room, in one place.

#include <optional>
#include <string>

#include "base/fd.h"
#include "base/systemd.h"
#include "bootstrap/datasource.h"
#include "bootstrap/machine.h"
#include "bootstrap/parse.h"
#include "bootstrap/report.h"

namespace bootstrap {

struct Target {
  const base::Fd& root;
  Machine& machine;
  base::Systemd* systemd = nullptr;  // none: steps that need it are skipped
  bool booting = false;
  std::string systemd_problem = {};  // why there is none, when there should be one
};

// Substitutes, parses, plans and applies. A refused config leads to the rescue plan. Never throws for what the seed
// says; a machine that cannot be written to is in the outcomes.
Report run_seed(const std::optional<Seed>& seed, const Target& target);

// The report when no seed could be read at all, because of `problem`.
Report report_unreadable(const std::string& problem);

// Parsing alone. Addresses that are not known here are taken from the ranges for documentation.
ParsedConfig check_seed(const Seed& seed);

// Ignition's configs are JSON and not for us; coreos-cloudinit leaves them alone and succeeds.
bool is_ignition(std::string_view user_data);

}  // namespace bootstrap
