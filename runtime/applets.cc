#include "runtime/applets.h"

#include <vector>

#include "runtime/container_commands.h"
#include "runtime/container_resources_commands.h"
#include "runtime/images_command.h"
#include "runtime/oci_command.h"

namespace runtime {
namespace {

std::vector<base::Command> all_commands() {
  std::vector<base::Command> commands = container_commands();
  for (const base::Command& command : container_resources_commands()) commands.push_back(command);
  for (const base::Command& command : image_commands()) commands.push_back(command);
  return commands;
}

}  // namespace

std::span<const base::Applet> container_applets() {
  static const std::vector<base::Applet> list = {
      {.name = "container",
       .summary = "fetch applications as images and run them, isolated and limited",
       .description = "An application gets its own process, network, mount, user, ipc, uts and cgroup namespaces, a "
                      "range of user ids of its own, and what the kernel allows is narrowed by capabilities and a "
                      "system call filter.",
       .options = container_options(),
       .commands = all_commands()}};
  return list;
}

std::span<const base::Applet> oci_applets() {
  static const std::vector<base::Applet> list = {oci_applet()};
  return list;
}

}  // namespace runtime
