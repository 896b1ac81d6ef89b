#include "runtime/run_flags.h"

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/process_options.h"
#include "runtime/resource_options.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr std::uint64_t kMostStopSeconds = 86400;

void read_name(const base::Invocation& invocation, RunRequest& request) {
  request.name = invocation.get("name");
  if (!request.name.empty() && !is_valid_id(request.name)) {
    throw base::UsageError("--name '" + request.name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  request.host_name = invocation.get("hostname");
  if (request.host_name.size() > 64) throw base::UsageError("--hostname: at most 64 characters");
  for (const std::string& file : invocation.get_all("label-file")) {
    for (const std::string& line : base::split(base::read_file(file, kMaxWordsFile), '\n')) {
      if (!base::trim(line).empty() && line.front() != '#') add_label(line, request.labels);
    }
  }
  for (const std::string& text : invocation.get_all("label")) add_label(text, request.labels);
}

void read_network(const base::Invocation& invocation, RunRequest& request) {
  request.network = invocation.get("net");
  for (const std::string& text : invocation.get_all("publish")) request.ports.push_back(parse_port(text));
  if (!request.ports.empty() && request.network != "bridge") {
    throw base::UsageError("--publish needs --net bridge");
  }
  request.dns_servers = invocation.get_all("dns");
  request.dns_search = invocation.get_all("dns-search");
  for (const std::string& text : invocation.get_all("add-host")) request.hosts.push_back(parse_host_entry(text));
}

void read_files(const base::Invocation& invocation, RunRequest& request) {
  for (const std::string& text : invocation.get_all("volume")) request.volumes.push_back(parse_volume(text));
  for (const std::string& text : invocation.get_all("tmpfs")) request.temporary_mounts.push_back(parse_tmpfs(text));
  if (invocation.given("shm-size")) request.shm_size = parse_bytes("--shm-size", invocation.get("shm-size"));
  request.read_only = invocation.flag("read-only");
}

void read_user(const base::Invocation& invocation, RunRequest& request) {
  request.user = user_of(invocation);
  for (const std::string& text : invocation.get_all("group-add")) {
    std::optional<std::uint64_t> group = base::parse_unsigned(text);
    if (!group || *group > 65535) throw base::UsageError("--group-add '" + text + "': expected a number up to 65535");
    request.groups.push_back(static_cast<std::uint32_t>(*group));
  }
  request.working_directory = working_directory_of(invocation);
  if (invocation.given("entrypoint")) request.entrypoint = invocation.get("entrypoint");
}

void read_privileges(const base::Invocation& invocation, RunRequest& request) {
  request.added_capabilities = invocation.get_all("cap-add");
  request.dropped_capabilities = invocation.get_all("cap-drop");
  adjust_capabilities(0, request.added_capabilities, request.dropped_capabilities);
  for (const std::string& text : invocation.get_all("security-opt")) {
    if (text == "no-new-privileges" || text == "no-new-privileges=true") {
      request.no_new_privileges = true;
    } else if (text == "no-new-privileges=false") {
      request.no_new_privileges = false;
    } else if (text == "seccomp=unconfined") {
      request.seccomp = false;
    } else {
      throw base::UsageError("--security-opt '" + text +
                             "': expected no-new-privileges[=true|false] or seccomp=unconfined");
    }
  }
}

void read_limits(const base::Invocation& invocation, RunRequest& request) {
  add_resource_options(invocation, request.resources);
  for (const std::string& text : invocation.get_all("ulimit")) request.limits.push_back(parse_ulimit(text));
  if (invocation.given("oom-score-adj")) {
    std::optional<std::int64_t> score = base::parse_signed(invocation.get("oom-score-adj"));
    if (!score || *score < -1000 || *score > 1000) {
      throw base::UsageError("--oom-score-adj '" + invocation.get("oom-score-adj") + "': expected -1000 to 1000");
    }
    request.oom_score_adjustment = static_cast<int>(*score);
  }
}

void read_life(const base::Invocation& invocation, RunRequest& request) {
  request.remove_at_exit = invocation.flag("rm");
  request.keep_standard_input = invocation.flag("interactive");
  request.terminal = invocation.flag("tty");
  request.log_driver = invocation.get("log-driver");
  request.restart = parse_restart_policy(invocation.get("restart"));
  if (request.remove_at_exit && request.restart.kind != RestartPolicy::Kind::kNo) {
    throw base::UsageError("--rm and --restart exclude each other");
  }
  if (invocation.given("stop-signal")) {
    request.stop_signal = invocation.get("stop-signal");
    signal_by_name(request.stop_signal);
  }
  if (invocation.given("stop-timeout")) {
    request.stop_timeout = invocation.number("stop-timeout", 0, kMostStopSeconds);
  }
}

// After the network and the user, which must fit.
void read_boot(const base::Invocation& invocation, RunRequest& request) {
  request.boot = invocation.flag("boot");
  if (!request.boot) return;
  if (request.network == "host") {
    throw base::UsageError("--boot and --net host exclude each other: its network is the machine's own");
  }
  if (request.terminal) throw base::UsageError("--boot and --tty exclude each other: its console goes to the log");
  if (request.user) throw base::UsageError("--boot and --user exclude each other: an init is root");
  if (request.log_driver == "journald") {
    throw base::UsageError("--boot and --log-driver journald exclude each other: its console needs a reader");
  }
  request.log_driver = "local";
  if (!request.entrypoint) request.entrypoint = kInit;
}

}  // namespace

RunRequest request_of(const base::Invocation& invocation) {
  RunRequest request;
  read_name(invocation, request);
  read_network(invocation, request);
  request.environment = environment_of(invocation);
  read_files(invocation, request);
  read_user(invocation, request);
  read_privileges(invocation, request);
  read_limits(invocation, request);
  read_life(invocation, request);
  read_boot(invocation, request);
  request.command.assign(invocation.arguments.begin() + 1, invocation.arguments.end());
  return request;
}

std::vector<base::Option> request_options() {
  std::vector<base::Option> options = {
      {.name = "rm", .help = "remove the container when it ends"},
      {.name = "name", .value = "NAME", .help = "a name to call it by; the id otherwise"},
      {.name = "interactive", .letter = 'i', .help = "keep standard input; it is empty otherwise"},
      {.name = "tty", .letter = 't', .help = "give it a terminal, which is ours; what it writes is not kept then"},
      {.name = "publish",
       .letter = 'p',
       .value = "HOST:CONTAINER[/udp]",
       .help = "let a port of this machine lead to one of the container",
       .repeatable = true},
      {.name = "volume",
       .letter = 'v',
       .value = "HOST:CONTAINER[:ro]",
       .help = "show a directory or file of this machine, owned alike",
       .repeatable = true},
      {.name = "tmpfs",
       .value = "PATH[:OPTION,...]",
       .help = "a file system in memory (size=, mode=, nr_inodes=, ro, noexec)",
       .repeatable = true},
      {.name = "shm-size", .value = "BYTES", .help = "size of /dev/shm; 64m otherwise"},
      {.name = "net",
       .value = "MODE",
       .help = "network: one of its own on the bridge, one with loopback only, or this machine's",
       .fallback = "bridge",
       .choices = {"bridge", "none", "host"}},
      {.name = "dns", .value = "ADDRESS", .help = "name server to ask; this machine's otherwise", .repeatable = true},
      {.name = "dns-search", .value = "DOMAIN", .help = "domain to search names in", .repeatable = true},
      {.name = "add-host", .value = "NAME:ADDRESS", .help = "a further line in /etc/hosts", .repeatable = true},
      {.name = "group-add", .value = "NUMBER", .help = "a further group of the user", .repeatable = true},
      {.name = "entrypoint", .value = "PROGRAM", .help = "run this in place of the image's entrypoint"},
      {.name = "boot",
       .help = "a machine: start its own init (/sbin/init); IMAGE may be a directory with a root tree (/..., ./...)"},
      {.name = "hostname", .value = "NAME", .help = "host name inside; the id otherwise"},
      {.name = "read-only", .help = "no writing to the root file system"},
      {.name = "label", .letter = 'l', .value = "KEY=VALUE", .help = "a label to find it by", .repeatable = true},
      {.name = "label-file", .value = "FILE", .help = "labels from a file, one a line", .repeatable = true},
      {.name = "cap-add",
       .value = "CAPABILITY",
       .help = "a capability beside the default ones, or ALL",
       .repeatable = true},
      {.name = "cap-drop",
       .value = "CAPABILITY",
       .help = "a capability that it does not get, or ALL",
       .repeatable = true},
      {.name = "security-opt",
       .value = "OPTION",
       .help = "no-new-privileges=false or seccomp=unconfined: less protection, which is logged",
       .repeatable = true},
      {.name = "ulimit", .value = "NAME=SOFT[:HARD]", .help = "a resource limit (setrlimit(2))", .repeatable = true},
      {.name = "oom-score-adj", .value = "NUMBER", .help = "which one the kernel ends first when memory is short"},
      {.name = "restart",
       .value = "POLICY",
       .help = "start it again when it has ended: no, on-failure[:N], always, unless-stopped",
       .fallback = "no"},
      {.name = "stop-signal", .value = "SIGNAL", .help = "what `stop` sends; the image's or TERM otherwise"},
      {.name = "stop-timeout", .value = "SECONDS", .help = "how long it may take then; 10 otherwise"},
      {.name = "log-driver",
       .value = "WHERE",
       .help = "journald (no process of ours stays) or local (a file, kept by one that does)",
       .choices = {"journald", "local"}},
  };
  for (const base::Option& option : process_options()) options.push_back(option);
  for (const base::Option& option : resource_options()) options.push_back(option);
  return options;
}

}  // namespace runtime
