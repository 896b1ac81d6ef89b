// The one binary. argv[0]'s name or the first argument picks the applet; the tables of the rooms say everything else.

#include <cstdio>
#include <string_view>

#include "clusterctl/registry.h"

int main(int argc, char** argv) {
  using namespace clusterctl;

  // Scripts ask for the names before they know any of them, so this one question has no applet and no other option.
  const std::string_view path = argc > 0 ? argv[0] : "";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  bool is_applet = false;
  for (const std::string& other : all_names()) is_applet = is_applet || (other != front().name && other == name);
  if (!is_applet && argc == 2 && std::string_view(argv[1]) == "--list") {
    for (const std::string& other : all_names()) std::printf("%s\n", other.c_str());
    return std::fflush(stdout) == 0 ? 0 : 1;
  }

  return base::dispatch(front(), all_applets(), argc, argv);
}
