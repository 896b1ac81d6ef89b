#include "sched/applets.h"

#include <array>
#include <format>
#include <iostream>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/process.h"
#include "base/text.h"
#include "base/version.h"
#include "kv/client/client.h"
#include "sched/commands.h"
#include "sched/daemon.h"

namespace sched {
namespace {

using base::Invocation;
using base::Option;

constexpr std::string_view kDefaultEndpoints = "http://127.0.0.1:2379";

std::string endpoints_of(const Invocation& invocation) {
  const auto& endpoints = invocation.get(invocation.given("endpoint") ? "endpoint" : "endpoints");
  if (endpoints.starts_with("unix:") || endpoints.starts_with("file:"))
    throw base::UsageError(
        std::format("--endpoint: '{}': there is no socket to talk to, give the address of the store ({})", endpoints,
                    kDefaultEndpoints));
  return endpoints;
}

// --request-timeout counts seconds, with a fraction.
std::chrono::milliseconds request_timeout(const Invocation& invocation) {
  const auto& text = invocation.get("request-timeout");
  const auto duration = base::parse_duration(text + "s");
  if (!duration || *duration < std::chrono::milliseconds(1) || *duration > std::chrono::hours(1))
    throw base::UsageError(std::format("--request-timeout: '{}' is not a number of seconds from 0.001 to 3600", text));
  return std::chrono::duration_cast<std::chrono::milliseconds>(*duration);
}

std::string own_machine_id() {
  try {
    return base::machine_id();
  } catch (const base::Error&) {
    return "";  // such a machine runs no units
  }
}

// Connects to the store and runs the command.
template <typename Command>
int with_session(const Invocation& invocation, Command command) {
  if (invocation.flag("debug")) base::set_log_level(base::LogLevel::kDebug);
  const auto client = kv::connect(endpoints_of(invocation), request_timeout(invocation));
  Registry registry(*client, invocation.get("etcd-key-prefix"));
  Session session{registry,
                  std::cout,
                  std::cerr,
                  base::system_clock(),
                  [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); },
                  own_machine_id()};
  return command(session);
}

Patience patience_of(const Invocation& invocation, bool can_skip = true) {
  return {.block = !can_skip || !invocation.flag("no-block"),
          .attempts = invocation.number("block-attempts", 0, 1'000'000)};
}

int run_submit(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return submit_units(session, invocation.arguments, invocation.flag("replace"), patience_of(invocation));
  });
}
int run_load(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return load_units(session, invocation.arguments, invocation.flag("replace"), patience_of(invocation));
  });
}
int run_start(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return start_units(session, invocation.arguments, invocation.flag("replace"), patience_of(invocation));
  });
}
int run_stop(const Invocation& invocation) {
  return with_session(
      invocation, [&](Session& session) { return stop_units(session, invocation.arguments, patience_of(invocation)); });
}
int run_unload(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return unload_units(session, invocation.arguments, patience_of(invocation));
  });
}
int run_restart(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return restart_units(session, invocation.arguments, patience_of(invocation, false));
  });
}
int run_destroy(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) {
    return destroy_units(session, invocation.arguments, patience_of(invocation));
  });
}
int run_cat(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) { return cat_units(session, invocation.arguments); });
}

int show_status(const std::string& unit) {
  const auto result = base::run_process({"systemctl", "status", "-l", "--no-pager", unit});
  std::cout << result.output << std::flush;
  std::cerr << result.error_output << std::flush;
  return result.exit_code;
}
int run_status(const Invocation& invocation) {
  return with_session(invocation,
                      [&](Session& session) { return status_units(session, invocation.arguments, show_status); });
}

ListOptions list_options(const Invocation& invocation) {
  return {invocation.get("fields"), invocation.flag("full"), !invocation.flag("no-legend")};
}
int run_list_units(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) { return list_units(session, list_options(invocation)); });
}
int run_list_unit_files(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) { return list_unit_files(session, list_options(invocation)); });
}
int run_list_machines(const Invocation& invocation) {
  return with_session(invocation, [&](Session& session) { return list_machines(session, list_options(invocation)); });
}

std::string version_text(std::string_view program) {
  return std::format("{} version {}", program, base::version());
}

int run_version(const Invocation& invocation) {
  std::cout << version_text(invocation.program) << '\n' << std::flush;
  return 0;
}

Option attempts_option(std::string_view help) {
  return {.name = "block-attempts", .value = "N", .help = help, .fallback = "0"};
}

std::vector<Option> waiting_options(bool can_replace) {
  std::vector<Option> options = {
      {.name = "no-block", .help = "do not wait until the units have got there"},
      attempts_option("give up after N attempts of two seconds each, 0 waits for ever"),
  };
  if (can_replace) options.push_back({.name = "replace", .help = "replace units that differ from the local files"});
  return options;
}

std::vector<Option> list_command_options(std::string_view fields, std::string_view fields_help) {
  return {
      {.name = "full", .letter = 'l', .help = "do not shorten ids and hashes"},
      {.name = "no-legend", .help = "leave out the header line"},
      {.name = "fields", .value = "COLUMNS", .help = fields_help, .fallback = fields},
  };
}

base::Applet schedctl() {
  using base::kAnyNumber;
  base::Applet applet;
  applet.name = "schedctl";
  applet.aliases = {"fleetctl"};
  applet.summary = "runs units on the machines of a cluster";
  applet.description =
      "Units are systemd unit files, with an optional [X-Fleet] section that says where they may run. A unit is "
      "submitted (kept in the store), loaded (on a machine, known to its systemd) or launched (started there).";
  applet.single_dash_long = true;
  applet.version_text = version_text;
  applet.options = {
      {.name = "endpoints",
       .value = "URLS",
       .help = "addresses of the store, separated by commas",
       .fallback = kDefaultEndpoints,
       .environment = "CLUSTEROS_ENDPOINTS"},
      {.name = "endpoint",
       .value = "URLS",
       .help = "the same, under fleetctl's name",
       .environment = "FLEETCTL_ENDPOINT"},
      {.name = "driver",
       .value = "NAME",
       .help = "how to reach the cluster: through the store",
       .fallback = "etcd",
       .environment = "FLEETCTL_DRIVER",
       .choices = {"etcd"}},
      {.name = "etcd-key-prefix",
       .value = "KEY",
       .help = "where in the store the units are",
       .fallback = kDefaultPrefix,
       .environment = "FLEETCTL_ETCD_KEY_PREFIX"},
      {.name = "request-timeout",
       .value = "SECONDS",
       .help = "how long to wait for an answer of the store",
       .fallback = "3.0",
       .environment = "FLEETCTL_REQUEST_TIMEOUT"},
      {.name = "debug", .help = "print more to standard error", .environment = "FLEETCTL_DEBUG"},
  };
  applet.commands = {
      {.name = "cat",
       .arguments = "UNIT...",
       .summary = "print the files of submitted units",
       .min_arguments = 1,
       .max_arguments = kAnyNumber,
       .run = run_cat},
      {.name = "destroy",
       .arguments = "UNIT...",
       .summary = "stop units and remove them from the cluster",
       .options = waiting_options(false),
       .max_arguments = kAnyNumber,
       .run = run_destroy},
      {.name = "list-machines",
       .arguments = "",
       .summary = "list the machines of the cluster",
       .options = list_command_options("machine,ip,metadata", "columns: machine, ip, metadata"),
       .run = run_list_machines},
      {.name = "list-unit-files",
       .arguments = "",
       .summary = "list all units of the cluster, also those that run nowhere",
       .options = list_command_options("unit,hash,dstate,state,target",
                                       "columns: unit, hash, dstate, state, target, global, desc"),
       .run = run_list_unit_files},
      {.name = "list-units",
       .arguments = "",
       .summary = "list the units that are loaded on machines",
       .options = list_command_options("unit,machine,active,sub", "columns: unit, machine, active, sub, load, hash"),
       .run = run_list_units},
      {.name = "load",
       .arguments = "UNIT...",
       .summary = "put units on machines without starting them",
       .options = waiting_options(true),
       .max_arguments = kAnyNumber,
       .run = run_load},
      {.name = "restart",
       .arguments = "UNIT...",
       .summary = "stop units and start them again",
       .options = {attempts_option("give up after N attempts of two seconds each, 0 waits for ever")},
       .max_arguments = kAnyNumber,
       .run = run_restart},
      {.name = "start",
       .arguments = "UNIT...",
       .summary = "start units, submitting and loading them when necessary",
       .options = waiting_options(true),
       .max_arguments = kAnyNumber,
       .run = run_start,
       .description =
           "A unit is a name or a file. What the cluster does not have yet is taken from the local file, or, "
           "for an instance (web@1.service), from the template (web@.service) of the cluster or beside the "
           "file."},
      {.name = "status",
       .arguments = "UNIT...",
       .summary = "show what systemd says about units of this machine",
       .min_arguments = 1,
       .max_arguments = kAnyNumber,
       .run = run_status},
      {.name = "stop",
       .arguments = "UNIT...",
       .summary = "stop units, which stay on their machines",
       .options = waiting_options(false),
       .max_arguments = kAnyNumber,
       .run = run_stop},
      {.name = "submit",
       .arguments = "UNIT...",
       .summary = "put unit files into the cluster's store",
       .options = waiting_options(true),
       .max_arguments = kAnyNumber,
       .run = run_submit},
      {.name = "unload",
       .arguments = "UNIT...",
       .summary = "stop units and take them off their machines",
       .options = waiting_options(false),
       .max_arguments = kAnyNumber,
       .run = run_unload},
      {.name = "version", .arguments = "", .summary = "print the version", .run = run_version},
  };
  return applet;
}

base::Applet schedd() {
  base::Applet applet;
  applet.name = "schedd";
  applet.aliases = {"fleetd"};
  applet.summary = "runs the cluster's units on this machine";
  applet.description =
      "Every machine runs one: its agent makes systemd run what the store says, and one of them, the engine, decides "
      "what runs where. When it ends, or when the store is out of reach, what runs keeps running.";
  applet.single_dash_long = true;
  applet.version_text = version_text;
  applet.run = run_schedd;
  applet.options = {
      {.name = "endpoints",
       .value = "URLS",
       .help = "addresses of the store, separated by commas",
       .fallback = kDefaultEndpoints,
       .environment = "CLUSTEROS_ENDPOINTS"},
      {.name = "etcd-servers",
       .value = "URLS",
       .help = "the same, under fleet's name",
       .environment = "FLEET_ETCD_SERVERS"},
      {.name = "etcd-key-prefix",
       .value = "KEY",
       .help = "where in the store the units are",
       .fallback = kDefaultPrefix,
       .environment = "FLEET_ETCD_KEY_PREFIX"},
      {.name = "etcd-request-timeout",
       .value = "TIME",
       .help = "how long to wait for an answer of the store",
       .fallback = "5s",
       .environment = "FLEET_ETCD_REQUEST_TIMEOUT"},
      {.name = "public-ip",
       .value = "ADDRESS",
       .help = "address to publish (default: of the default route)",
       .environment = "FLEET_PUBLIC_IP"},
      {.name = "metadata",
       .value = "KEY=VALUE,...",
       .help = "what units can ask for with MachineMetadata=",
       .environment = "FLEET_METADATA"},
      {.name = "agent-ttl",
       .value = "TIME",
       .help = "a machine that is silent for so long is gone",
       .fallback = "30s",
       .environment = "FLEET_AGENT_TTL"},
      {.name = "engine-reconcile-interval",
       .value = "TIME",
       .help = "how often the engine looks at everything",
       .fallback = "2s",
       .environment = "FLEET_ENGINE_RECONCILE_INTERVAL"},
      {.name = "units-directory",
       .value = "PATH",
       .help = "where unit files are written",
       .fallback = "/run/fleet/units",
       .environment = "FLEET_UNITS_DIRECTORY"},
      {.name = "disable-engine",
       .help = "never decide, only run what others decide",
       .environment = "FLEET_DISABLE_ENGINE"},
      {.name = "verbose", .letter = 'v', .help = "log more"},
  };
  return applet;
}

}  // namespace

std::span<const base::Applet> applets() {
  static const std::array<base::Applet, 2> kApplets = {schedctl(), schedd()};
  return kApplets;
}

}  // namespace sched
