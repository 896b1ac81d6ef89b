#include "updater/applets.h"

#include <array>

#include "updater/commands.h"
#include "updater/daemon.h"

namespace updater {
namespace {

base::Option endpoints() {
  return {.name = "endpoints",
          .value = "URLS",
          .help = "the store's addresses, separated by commas",
          .fallback = "http://127.0.0.1:2379",
          .environment = "CLUSTEROS_ENDPOINTS"};
}

base::Option group(std::string_view environment) {
  return {.name = "group",
          .value = "NAME",
          .help = "the group of machines whose reboot semaphore it is",
          .environment = environment};
}

// locksmith's name of the same
base::Option endpoint(std::string_view environment) {
  return {.name = "endpoint",
          .value = "URLS",
          .help = "the store's addresses, separated by commas",
          .fallback = "http://127.0.0.1:2379",
          .environment = environment};
}

base::Option root() {
  return {.name = "root",
          .value = "DIRECTORY",
          .help = "read /proc, /sys, /dev and the ESP below this folder",
          .fallback = "/"};
}

base::Applet updaterd() {
  return {.name = "updaterd",
          .summary = "tell the cluster which version this machine runs and whether it is well",
          .description =
              "Gives back the reboot lock that this machine still holds from before it went down. Publishes the "
              "running slot, its version, whether the boot is blessed and the health of this machine in the store, "
              "under /clusteros/updater/machines/MACHINE-ID, with a lease.",
          .options = {endpoints(), group("LOCKSMITHD_GROUP"), root()},
          .run = run_updaterd};
}

base::Applet locksmithd() {
  return {.name = "locksmithd",
          .summary = "updaterd with the option names of locksmith",
          .options = {endpoint("LOCKSMITHD_ENDPOINT"), group("LOCKSMITHD_GROUP"), root()},
          .run = run_locksmithd,
          .single_dash_long = true};
}

base::Applet updaterctl() {
  return {.name = "updaterctl",
          .summary = "show the two slots of the system and whether this boot is healthy",
          .commands = {
              base::Command{.name = "status",
                            .arguments = "",
                            .summary = "show both slots, their versions and boot counters, and which one runs",
                            .options = {{.name = "json", .help = "print the same as JSON"}, root()},
                            .run = run_status,
                            .description = "Reads the partition table, the ESP and the loader's EFI variables. Exit "
                                           "code 1 when this machine did not boot a ClusterOS image."},
              base::Command{.name = "health",
                            .arguments = "",
                            .summary = "exit with 0 when the store answers and every unit of ClusterOS is up",
                            .options = {endpoints(),
                                        {.name = "wait",
                                         .value = "SECONDS",
                                         .help = "go on asking this long until it is healthy",
                                         .fallback = "0"}},
                            .run = run_health,
                            .description = "The boot is blessed when this succeeds (clusteros-health.service)."},
          }};
}

base::Applet locksmithctl() {
  return {.name = "locksmithctl",
          .summary = "show and change the cluster's reboot semaphore",
          .options = {endpoint("LOCKSMITHCTL_ENDPOINT"), group("LOCKSMITHCTL_GROUP")},
          .commands =
              {
                  base::Command{.name = "status",
                                .arguments = "",
                                .summary = "print how many machines may reboot and which ones hold the lock",
                                .run = run_lock_status},
                  base::Command{.name = "lock",
                                .arguments = "[MACHINE-ID]",
                                .summary = "take the lock for this machine, or for the one named",
                                .max_arguments = 1,
                                .run = run_lock},
                  base::Command{.name = "unlock",
                                .arguments = "[MACHINE-ID]",
                                .summary = "give the lock back for this machine, or for the one named",
                                .max_arguments = 1,
                                .run = run_unlock},
                  base::Command{.name = "reboot",
                                .arguments = "",
                                .summary = "take the lock for this machine and reboot it",
                                .run = run_reboot,
                                .description = "For root. Fails when too many machines hold the lock. updaterd gives "
                                               "it back after the reboot; it is given back at once when systemd does "
                                               "not take the order."},
                  base::Command{.name = "set-max",
                                .arguments = "NUMBER",
                                .summary = "set how many machines may hold the lock at the same time",
                                .min_arguments = 1,
                                .max_arguments = 1,
                                .run = run_set_max},
              },
          .single_dash_long = true};
}

}  // namespace

std::span<const base::Applet> applets() {
  static const std::array<base::Applet, 4> table{updaterd(), locksmithd(), updaterctl(), locksmithctl()};
  return table;
}

}  // namespace updater
