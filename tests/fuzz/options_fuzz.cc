// What kvd is told: a configuration file, or a command line where the input begins with '-' (an argument a line).

#include <sys/mman.h>
#include <unistd.h>

#include <format>

#include "base/applet.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "fuzz.h"
#include "kv/kvd_flags.h"
#include "kv/kvd_options.h"

namespace {

base::Applet applet() {
  base::Applet applet;
  applet.name = "kvd";
  applet.options = kv::kvd_option_table();
  for (base::Option& option : applet.options) option.environment = {};
  applet.single_dash_long = true;
  applet.run = [](const base::Invocation&) { return 0; };
  return applet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const base::Applet kApplet = applet();
  fuzz::Input input(fuzz::text_of(data, size));
  std::vector<std::string> arguments;
  base::Fd file;
  if (input.rest().starts_with('-')) {
    while (!input.empty()) arguments.emplace_back(input.line());
    // It must not read a file of this machine.
    std::erase_if(arguments, [](const std::string& argument) { return argument.contains("config-file"); });
  } else {
    file = base::Fd(::memfd_create("configuration", MFD_CLOEXEC));
    base::write_all(file, input.rest());
    arguments = {std::format("--config-file=/proc/self/fd/{}", file.get())};
  }
  try {
    const kv::KvdOptions options = kv::read_kvd_options(base::parse_invocation(kApplet, "kvd", arguments), {});
    fuzz::must(!options.listen_client_urls.empty(), "there is a place for clients");
    fuzz::must(!options.name.empty(), "a member has a name");
    kv::parse_initial_cluster(kv::initial_cluster_text(options.initial_cluster), "again");
  } catch (const base::UsageError&) {
  } catch (const base::Error&) {
  }
  return 0;
}
