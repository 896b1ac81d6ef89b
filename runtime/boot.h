#pragma once
// Machines as containers (`container run --boot`): a root tree that is started with its own init, systemd above all, as
// systemd-nspawn(1) does it. The interface to the init is systemd's CONTAINER_INTERFACE: variables `container` and
// `container_uuid`, /run and /tmp in memory, a terminal as /dev/console, a cgroup of its own to manage, and stopping by
// signal.

#include <string>
#include <vector>

#include "runtime/capabilities.h"
#include "runtime/image_store.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {

inline constexpr const char* kInit = "/sbin/init";
inline constexpr const char* kPowerOffSignal = "SIGRTMIN+4";  // systemd(1) "Signals"

// True for what names a directory of this machine and no image: "/…", "./…", "../…".
bool names_a_tree(const std::string& text);
// The tree as an image of one layer that nobody has to fetch. It is not written to: what the machine writes is in a
// layer of its own. Throws base::Error when there is no such directory.
Image image_of_tree(const std::string& directory);

// What an init has to do inside: mount, make namespaces, manage its network. The wall around it is its user namespace;
// without one ("--userns host") these are rights over this machine.
Capabilities machine_capabilities();

// Makes a container's specification one of a machine.
void make_machine(ContainerSpec& spec, const std::string& uuid);

// For an init's end: powered off is 0, not the SIGINT by which the kernel says it (reboot(2)).
int exit_code_of_machine(int exit_code);

struct MachineToAsk {
  ContainerState state;
  BpfProgram filter;  // that of the container
};

// What the systemd of each says about itself, asked inside (systemctl is-system-running): "running", "degraded",
// "starting", "stopping", …; "unknown" when there is no answer in 3 s. They are asked at the same time, up to 32.
// REQUIRES: protect_binary_from_ranges().
std::vector<std::string> ask_machines(const std::vector<MachineToAsk>& machines);

}  // namespace runtime
