#pragma once
// Containers kept by systemd: each is a transient service, so that PID 1 is the application's parent, sees its end and
// starts it again, and no process of ours stays (docs/decisions/0015-containers-are-services.md).

#include <string>
#include <vector>

#include "base/applet.h"
#include "base/systemd.h"
#include "runtime/lifecycle.h"

namespace runtime {

// True where systemd runs and cgroup v2 is mounted.
bool can_be_service();

// The command line of a unit that calls `container COMMAND ID`.
base::UnitCommand unit_command(const Machine& machine, const char* command, const std::string& id);

std::string unit_of(const std::string& id);  // "container-<id>.service"

// Asks systemd to start the container and waits until its application runs. The caller holds the container's lock, and
// the state says kStarting. Throws StartError with the reason that the unit's process wrote down; the unit is gone
// then.
void start_service(const Machine& machine, const std::string& id);

// Asks systemd to stop it: its stop signal, and KILL after `seconds`. Returns once its end is written down.
void stop_service(const Machine& machine, const ContainerState& state, std::uint64_t seconds);

// False when systemd has nothing more to do with the container, so that nobody will write down its end.
bool unit_is_at_work(const std::string& id);

// What the unit executes: `unit-launch ID` sets the container up and leaves it to systemd, `unit-start ID` lets its
// application begin, `unit-ended ID` writes down its end.
std::vector<base::Command> unit_commands();

}  // namespace runtime
