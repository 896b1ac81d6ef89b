#include "runtime/container_commands.h"

#include "runtime/attach_command.h"
#include "runtime/container_resources_commands.h"
#include "runtime/copy_command.h"
#include "runtime/events_command.h"
#include "runtime/exec_command.h"
#include "runtime/health_command.h"
#include "runtime/list_commands.h"
#include "runtime/logs_command.h"
#include "runtime/pod_command.h"
#include "runtime/run_command.h"
#include "runtime/secret_command.h"
#include "runtime/service.h"
#include "runtime/state.h"
#include "runtime/stats_sampling.h"
#include "runtime/stop.h"
#include "runtime/volume_command.h"

namespace runtime {

std::vector<base::Option> container_options() {
  return {
      {.name = "root",
       .value = "DIRECTORY",
       .help = "where images and writable layers are kept",
       .fallback = "/var/lib/clusteros/runtime",
       .environment = "CLUSTEROS_RUNTIME_ROOT"},
      {.name = "state",
       .value = "DIRECTORY",
       .help = "where running containers are written down",
       .fallback = kDefaultState,
       .environment = "CLUSTEROS_RUNTIME_STATE"},
      {.name = "subnet",
       .value = "ADDRESS/PREFIX",
       .help = "the IPv4 network of the containers' bridge",
       .fallback = kDefaultSubnet,
       .environment = "CLUSTEROS_RUNTIME_NETWORK"},
  };
}

std::vector<base::Command> container_commands() {
  std::vector<base::Command> commands = run_commands();
  for (const std::vector<base::Command>& some : {stop_commands(),
                                                 list_commands(),
                                                 {attach_command(), logs_command(), exec_command(), pod_command(),
                                                  volume_command(), secret_command(), copy_command(), events_command()},
                                                 container_resources_commands(),
                                                 health_commands(),
                                                 unit_commands(),
                                                 {stats_sampling_command()}}) {
    commands.insert(commands.end(), some.begin(), some.end());
  }
  return commands;
}

}  // namespace runtime
