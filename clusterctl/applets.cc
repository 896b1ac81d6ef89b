#include "clusterctl/applets.h"

#include <array>

#include "clusterctl/generate.h"
#include "clusterctl/status.h"

namespace clusterctl {

std::span<const base::Applet> applets() {
  static const std::array<base::Applet, 1> table{base::Applet{
      .name = "clusterctl",
      .summary = "the front door of ClusterOS: every program of it is in this binary",
      .description =
          "Called as \"clusterctl PROGRAM ...\", or through a link of the program's name, it is that program.",
      .options = {{.name = "list", .help = "print the names of all programs, one a line"}},
      .commands =
          {
              base::Command{
                  .name = "status",
                  .arguments = "",
                  .summary = "tell on one screen whether this machine is well",
                  .options =
                      {
                          {.name = "json", .help = "print the same as JSON"},
                          {.name = "endpoints",
                           .value = "URLS",
                           .help = "the store's addresses, separated by commas",
                           .fallback = "http://127.0.0.1:2379",
                           .environment = "CLUSTEROS_ENDPOINTS"},
                          {.name = "timeout",
                           .value = "SECONDS",
                           .help = "longest wait for the store",
                           .fallback = "3"},
                      },
                  .run = run_status,
                  .description = "Exit code 0: the machine is well. 1: it is not; every problem is one line."},
              base::Command{.name = "generate",
                            .arguments = "man DIRECTORY | completion",
                            .summary = "write the man pages of all programs, or print the bash completion",
                            .min_arguments = 1,
                            .max_arguments = 2,
                            .run = run_generate},
              base::Command{.name = "list",
                            .arguments = "",
                            .summary = "print the programs with what each is for",
                            .run = run_list},
          },
      .run = run_front,
  }};
  return table;
}

}  // namespace clusterctl
