#include "runtime/pod_create.h"

#include "base/error.h"
#include "base/text.h"
#include "runtime/run_options.h"
#include "runtime/sysctl.h"

namespace runtime {
namespace {

constexpr std::size_t kLongestHostName = 64;

// podman's words. What has no process of its own cannot keep namespaces that end with their first process.
void read_shares(const std::string& text, Pod& pod) {
  pod.share_network = pod.share_ipc = pod.share_uts = false;
  if (text == "none") return;
  for (const std::string& word : base::split(text, ',')) {
    if (word == "net") {
      pod.share_network = true;
    } else if (word == "ipc") {
      pod.share_ipc = true;
    } else if (word == "uts") {
      pod.share_uts = true;
    } else {
      throw base::UsageError("--share '" + word + "': expected net, ipc and uts, or none");
    }
  }
}

// Those of the namespaces that the pod has.
void check_sysctls_of(const Pod& pod) {
  ContainerSpec spec;
  spec.sysctls = pod.sysctls;
  spec.host_name = pod.host_name;
  spec.namespaces.network = pod.share_network && pod.network != "host";
  spec.namespaces.ipc = pod.share_ipc;
  spec.namespaces.uts = pod.share_uts;
  check_sysctls(spec);
}

}  // namespace

Pod pod_of(const base::Invocation& invocation) {
  Pod pod;
  pod.name = invocation.get("name");
  pod.host_name = invocation.get("hostname");
  if (!invocation.arguments.empty()) {
    if (!pod.name.empty()) throw base::UsageError("pod create: --name and NAME are the same: give one of them");
    pod.name = invocation.arguments.front();
  }
  if (!pod.name.empty() && !is_valid_id(pod.name)) {
    throw base::UsageError("pod '" + pod.name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  if (pod.host_name.size() > kLongestHostName) throw base::UsageError("--hostname: at most 64 characters");
  read_shares(invocation.get("share"), pod);
  pod.network = invocation.get("network");
  for (const std::string& text : invocation.get_all("publish")) pod.ports.push_back(parse_port(text));
  for (const std::string& text : invocation.get_all("label")) add_label(text, pod.labels);
  for (const std::string& text : invocation.get_all("sysctl")) {
    SysctlWord word = parse_sysctl(text);
    pod.sysctls[word.name] = word.value;
  }
  if (invocation.given("shm-size")) pod.shm_size = parse_bytes("--shm-size", invocation.get("shm-size"));
  if (!pod.share_network && invocation.given("network")) throw base::UsageError("--network needs --share net");
  if (!pod.ports.empty() && !pod.shares_bridge()) {
    throw base::UsageError("--publish needs --share net and --network bridge");
  }
  if (!pod.share_uts && !pod.host_name.empty()) throw base::UsageError("--hostname needs --share uts");
  if (!pod.share_ipc && pod.shm_size) throw base::UsageError("--shm-size needs --share ipc");
  check_sysctls_of(pod);
  return pod;
}

std::vector<base::Option> pod_create_options() {
  return {
      {.name = "name", .value = "NAME", .help = "of create: a name to call it by; the id otherwise"},
      {.name = "publish",
       .letter = 'p',
       .value = "HOST:CONTAINER[/udp]",
       .help = "of create: let a port of this machine lead to whichever container listens",
       .repeatable = true},
      {.name = "hostname", .value = "NAME", .help = "of create: host name of its containers; the pod's name otherwise"},
      {.name = "network",
       .value = "MODE",
       .help = "of create: bridge, none (with loopback only) or host (this machine's)",
       .fallback = "bridge",
       .choices = {"bridge", "none", "host"}},
      {.name = "share",
       .value = "WORD,...",
       .help = "of create: what its containers have in common: net, ipc (with /dev/shm), uts, or none",
       .fallback = "net,ipc,uts"},
      {.name = "shm-size", .value = "BYTES", .help = "of create: size of the common /dev/shm; 64m otherwise"},
      {.name = "sysctl",
       .value = "NAME=VALUE",
       .help = "of create: a parameter of what is shared, as net.core.somaxconn=1024",
       .repeatable = true},
      {.name = "label",
       .letter = 'l',
       .value = "KEY=VALUE",
       .help = "of create: a label to find it by",
       .repeatable = true},
  };
}

}  // namespace runtime
