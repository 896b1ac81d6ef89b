#pragma once
// Whether this machine does its work: what the boot's blessing hangs on (clusteros-health.service runs
// `updaterctl health` before boot-complete.target).

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/systemd.h"
#include "kv/client/client.h"

namespace updater {

// The services of ClusterOS on a machine.
std::span<const std::string_view> our_units();

// What is wrong with a unit of ours, in one line, or "". A unit that is not installed, or masked or disabled by the
// operator, is none of our business. An installed one must be active; a one-shot may have ended with success.
std::string unit_problem(base::Systemd& systemd, const base::UnitStatus& status);

// One line for each thing that is wrong: the store does not answer, a unit of ours is not up, systemd cannot be asked.
std::vector<std::string> health_problems(kv::Client& store,
                                         const std::function<std::unique_ptr<base::Systemd>()>& systemd);

}  // namespace updater
