#include "runtime/run_flags.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/health_options.h"
#include "runtime/joined_container.h"
#include "runtime/mount_option.h"
#include "runtime/pod_member.h"
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

std::string network_of(const base::Invocation& invocation) {
  if (invocation.given("net") && invocation.given("network")) {
    throw base::UsageError("--net and --network are the same: give one of them");
  }
  const std::string& mode = invocation.get(invocation.given("net") ? "net" : "network");
  if (mode == "bridge" || mode == "none") return mode;
  try {
    if (std::string network = parse_namespace_mode("--network", mode); !network.empty()) return network;
  } catch (const base::UsageError&) {
  }
  throw base::UsageError("--network '" + mode + "': expected bridge, none, host or container:NAME");
}

// What else is the pod's is known when the pod is (pod_member.h).
void read_pod(const RunRequest& request, bool joins) {
  std::string_view name = request.pod;
  if (name.starts_with(kNewPod)) name.remove_prefix(kNewPod.size());
  if (!is_valid_id(name)) throw base::UsageError("--pod '" + request.pod + "': expected a pod's name, or new:NAME");
  if (joins) throw base::UsageError("--pod and namespaces of a container exclude each other");
  if (request.host_users)
    throw base::UsageError("--pod and --userns host exclude each other: a pod has one of its own");
}

void read_network(const base::Invocation& invocation, RunRequest& request) {
  request.network = network_of(invocation);
  request.pid_mode = parse_namespace_mode("--pid", invocation.get("pid"));
  request.ipc_mode = parse_namespace_mode("--ipc", invocation.get("ipc"));
  request.uts_mode = parse_namespace_mode("--uts", invocation.get("uts"));
  request.host_users = invocation.get("userns") == "host";
  bool joins = !joined_container(request).empty();
  request.pod = invocation.get("pod");
  if (!request.pod.empty()) read_pod(request, joins);
  if (!request.uts_mode.empty() && !request.host_name.empty()) {
    throw base::UsageError("--hostname and --uts " + request.uts_mode + " exclude each other: the name is another's");
  }
  if (!request.ipc_mode.empty() && invocation.given("shm-size")) {
    throw base::UsageError("--shm-size and --ipc " + request.ipc_mode + " exclude each other: /dev/shm is another's");
  }
  for (const std::string& text : invocation.get_all("publish")) request.ports.push_back(parse_port(text));
  if (!request.ports.empty() && request.network != "bridge") {
    throw base::UsageError("--publish needs --network bridge");
  }
  request.dns_servers = invocation.get_all("dns");
  request.dns_search = invocation.get_all("dns-search");
  for (const std::string& text : invocation.get_all("add-host")) request.hosts.push_back(parse_host_entry(text));
}

void add_mount(RunRequest& request, Volume volume) {
  request.volumes.push_back(std::move(volume));
}

void add_mount(RunRequest& request, TemporaryMount mount) {
  request.temporary_mounts.push_back(std::move(mount));
}

void read_files(const base::Invocation& invocation, RunRequest& request) {
  for (const std::string& text : invocation.get_all("volume")) request.volumes.push_back(parse_volume(text));
  for (const std::string& text : invocation.get_all("tmpfs")) request.temporary_mounts.push_back(parse_tmpfs(text));
  for (const std::string& text : invocation.get_all("mount")) {
    std::visit([&](auto mount) { add_mount(request, std::move(mount)); }, parse_mount(text));
  }
  for (const std::string& text : invocation.get_all("secret")) {
    SecretWord secret = parse_secret(text);
    if (std::ranges::find(request.secrets, secret.target, &SecretWord::target) != request.secrets.end()) {
      throw base::UsageError("--secret '" + text + "': another one is /run/secrets/" + secret.target);
    }
    request.secrets.push_back(std::move(secret));
  }
  for (const std::string& text : invocation.get_all("device")) request.devices.push_back(parse_device(text));
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

void read_seccomp_file(const std::string& path, RunRequest& request) {
  request.seccomp = true;
  request.seccomp_profile = base::parse_json(base::read_file(path, kMaxWordsFile), path);
  request.seccomp_file = path;
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
    } else if (text.starts_with("seccomp=") && text.size() > 8) {
      read_seccomp_file(text.substr(text.find('=') + 1), request);
    } else if (text.starts_with("apparmor=") && text.size() > 9) {
      // (There is none by itself, so "unconfined" is what happens anyway.)
      request.apparmor_profile = text == "apparmor=unconfined" ? "" : text.substr(9);
    } else if (text == "systempaths=unconfined") {
      request.protect_system_paths = false;
    } else {
      throw base::UsageError("--security-opt '" + text +
                             "': expected no-new-privileges[=true|false], seccomp=unconfined, seccomp=FILE, " +
                             "apparmor=PROFILE, systempaths=unconfined");
    }
  }
  for (const std::string& text : invocation.get_all("sysctl")) {
    SysctlWord word = parse_sysctl(text);
    request.sysctls[word.name] = word.value;
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
  request.init = invocation.flag("init");
  if (request.init && !request.pid_mode.empty()) {
    throw base::UsageError("--init and --pid " + request.pid_mode + " exclude each other: process 1 is another's");
  }
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
  request.health = health_setting_of(invocation);
  if (request.remove_at_exit && request.health.action == HealthAction::kRestart) {
    throw base::UsageError("--rm and --health-on-failure restart exclude each other");
  }
}

// After the network and the user, which must fit.
void read_boot(const base::Invocation& invocation, RunRequest& request) {
  request.boot = invocation.flag("boot");
  if (!request.boot) return;
  if (!request.pod.empty()) throw base::UsageError("--boot and --pod exclude each other: a machine shares nothing");
  for (const std::string* mode : {&request.network, &request.pid_mode, &request.ipc_mode, &request.uts_mode}) {
    if (*mode != "host" && !mode->starts_with("container:")) continue;
    throw base::UsageError("--boot and namespaces that are another's (" + *mode + ") exclude each other");
  }
  if (request.init) throw base::UsageError("--boot and --init exclude each other: it has an init of its own");
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
      {.name = "interactive",
       .letter = 'i',
       .help = "keep standard input (with --detach, for those who attach themselves); it is empty otherwise"},
      {.name = "tty",
       .letter = 't',
       .help = "give it a terminal, which is ours; with --detach, that of those who attach themselves"},
      {.name = "init", .help = "a process in front that passes signals on and reaps what nobody waits for"},
      {.name = "publish",
       .letter = 'p',
       .value = "HOST:CONTAINER[/udp]",
       .help = "let a port of this machine lead to one of the container",
       .repeatable = true},
      {.name = "volume",
       .letter = 'v',
       .value = "[HOST|NAME:]CONTAINER[:ro]",
       .help = "show a directory or file of this machine, owned alike, a named volume, or one of its own",
       .repeatable = true},
      {.name = "tmpfs",
       .value = "PATH[:OPTION,...]",
       .help = "a file system in memory (size=, mode=, nr_inodes=, ro, noexec)",
       .repeatable = true},
      {.name = "mount",
       .value = "type=TYPE,...",
       .help = "bind (source=, target=, readonly), volume (also volume-nocopy), empty (target=; goes with the "
               "container) or "
               "tmpfs (target=, tmpfs-size=, tmpfs-mode=, readonly)",
       .repeatable = true},
      {.name = "secret",
       .value = "NAME[,target=FILE][,...]",
       .help = "show a secret as /run/secrets/NAME (also mode=, uid=, gid=)",
       .repeatable = true},
      {.name = "device",
       .value = "HOST[:CONTAINER][:rwm]",
       .help = "a device of this machine, which root inside may use; logged",
       .repeatable = true},
      {.name = "shm-size", .value = "BYTES", .help = "size of /dev/shm; 64m otherwise"},
      {.name = "network",
       .value = "MODE",
       .help = "bridge (one of its own), none (with loopback only), host (this machine's), container:NAME (that one's)",
       .fallback = "bridge"},
      {.name = "net", .value = "MODE", .help = "the same"},
      {.name = "pod", .value = "NAME", .help = "be one of this pod's containers; new:NAME makes the pod"},
      {.name = "pid",
       .value = "MODE",
       .help = "processes that it sees: private (its own), host (all), container:NAME (that one's)",
       .fallback = "private"},
      {.name = "ipc",
       .value = "MODE",
       .help = "shared memory, semaphores and message queues: private, host, container:NAME",
       .fallback = "private"},
      {.name = "uts", .value = "MODE", .help = "host name: private, host, container:NAME", .fallback = "private"},
      {.name = "userns",
       .value = "MODE",
       .help = "private, or host: root inside is root outside, which is logged",
       .fallback = "private",
       .choices = {"private", "host"}},
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
       .help = "no-new-privileges=false, seccomp=unconfined, seccomp=FILE, systempaths=unconfined: another "
               "protection, which is logged; apparmor=PROFILE",
       .repeatable = true},
      {.name = "sysctl",
       .value = "NAME=VALUE",
       .help = "a parameter of one of its own namespaces, as net.core.somaxconn=1024",
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
  for (const base::Option& option : health_options()) options.push_back(option);
  for (const base::Option& option : resource_options()) options.push_back(option);
  return options;
}

}  // namespace runtime
