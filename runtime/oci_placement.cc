#include "runtime/oci_placement.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace runtime {
namespace {

using Names = std::pair<std::string_view, int>;

// linux/mempolicy.h; the SDK's may be older than the kernel.
constexpr std::array<Names, 7> kModes = {{{"MPOL_DEFAULT", 0},
                                          {"MPOL_PREFERRED", 1},
                                          {"MPOL_BIND", 2},
                                          {"MPOL_INTERLEAVE", 3},
                                          {"MPOL_LOCAL", 4},
                                          {"MPOL_PREFERRED_MANY", 5},
                                          {"MPOL_WEIGHTED_INTERLEAVE", 6}}};
constexpr std::array<Names, 3> kFlags = {
    {{"MPOL_F_NUMA_BALANCING", 1 << 13}, {"MPOL_F_RELATIVE_NODES", 1 << 14}, {"MPOL_F_STATIC_NODES", 1 << 15}}};

template <std::size_t N>
int value_of(const std::array<Names, N>& names, const std::string& name, const std::string& where) {
  const auto* found = std::ranges::find(names, name, &Names::first);
  if (found == names.end()) refuse(where, "'" + name + "' is unknown");
  return found->second;
}

template <std::size_t N>
std::vector<std::string> names_of(const std::array<Names, N>& names) {
  std::vector<std::string> result;
  for (const auto& [name, value] : names) result.emplace_back(name);
  return result;
}

void parse_memory_policy(ObjectReader& linux_part, ContainerSpec& spec) {
  if (linux_part.member("memoryPolicy") == nullptr) return;
  ObjectReader reader = linux_part.object("memoryPolicy");
  MemoryPolicy policy;
  policy.mode = value_of(kModes, reader.text("mode"), reader.path_of("mode"));
  for (const std::string& flag : reader.texts("flags")) {
    policy.mode |= value_of(kFlags, flag, reader.path_of("flags"));
  }
  // The form is checked here, which nodes there are by the kernel.
  policy.nodes = reader.text("nodes");
  if (policy.nodes.find_first_not_of("0123456789-, ") != std::string::npos) {
    refuse(reader.path_of("nodes"), "expected a list of memory nodes as '0-3,7'");
  }
  reader.done();
  spec.process.memory_policy = policy;
}

// A line as the kernel takes it, "L3:0=7f0;1=1f" or "MB:0=20".
void add_schema(std::vector<std::string>& lines, const std::string& line, const std::string& where) {
  if (line.find(':') == std::string::npos || line.find('=') == std::string::npos || line.contains('\n')) {
    refuse(where, "expected lines as 'L3:0=7f0;1=1f'");
  }
  lines.push_back(line);
}

void parse_intel_rdt(ObjectReader& linux_part, ContainerSpec& spec) {
  if (linux_part.member("intelRdt") == nullptr) return;
  ObjectReader reader = linux_part.object("intelRdt");
  IntelRdt rdt;
  rdt.class_id = reader.text("closID");
  bool name = !rdt.class_id.contains('/') && rdt.class_id != "." && rdt.class_id != "..";
  if (rdt.class_id != "/" && !name) refuse(reader.path_of("closID"), "expected the name of a directory, or '/'");
  std::string bandwidth = reader.text("memBwSchema");
  std::string cache = reader.text("l3CacheSchema");
  if (!bandwidth.empty() && !bandwidth.starts_with("MB:")) {
    refuse(reader.path_of("memBwSchema"), "expected a line that begins with 'MB:'");
  }
  for (const std::string& line : base::split(cache, '\n')) {
    if (line.empty() || (line.starts_with("MB:") && !bandwidth.empty())) continue;
    add_schema(rdt.schemata, line, reader.path_of("l3CacheSchema"));
  }
  if (!bandwidth.empty()) add_schema(rdt.schemata, bandwidth, reader.path_of("memBwSchema"));
  for (const std::string& line : reader.texts("schemata")) {
    add_schema(rdt.schemata, line, reader.path_of("schemata"));
  }
  // Before 1.3, each kind of monitoring had its own member; the kernel has both or none.
  rdt.monitoring = reader.boolean("enableMonitoring");
  bool occupancy = reader.boolean("enableCMT");
  bool bandwidths = reader.boolean("enableMBM");
  rdt.monitoring |= occupancy || bandwidths;
  reader.done();
  spec.intel_rdt = rdt;
}

// dev_valid_name() in net/core/dev.c.
bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::ranges::none_of(
             name, [](char c) { return c == '/' || c == ':' || c == '%' || (c >= 9 && c <= 13) || c == ' '; });
}

void parse_net_devices(ObjectReader& linux_part, ContainerSpec& spec) {
  const base::Json* devices = linux_part.member("netDevices");
  if (devices == nullptr) return;
  ObjectReader reader = linux_part.object("netDevices");
  std::set<std::string> names = {"lo"};
  for (const auto& [host_name, unused] : devices->items()) {
    ObjectReader one = reader.object(host_name);
    NetDevice device{.host_name = host_name, .name = one.text("name", host_name)};
    if (device.name.empty()) device.name = host_name;
    one.done();
    for (const std::string& name : {device.host_name, device.name}) {
      if (!is_interface_name(name)) refuse("linux.netDevices", "'" + name + "' is no name of an interface");
    }
    if (!names.insert(device.name).second) {
      refuse("linux.netDevices", "the name '" + device.name + "' is taken in the container");
    }
    spec.net_devices.push_back(std::move(device));
  }
  reader.done();
  bool own = spec.namespaces.network || !spec.namespaces.network_path.empty();
  if (!spec.net_devices.empty() && !own) refuse("linux.netDevices", "needs a network namespace of its own");
}

}  // namespace

std::vector<std::string> memory_policy_modes() {
  return names_of(kModes);
}

std::vector<std::string> memory_policy_flags() {
  return names_of(kFlags);
}

void parse_placement(ObjectReader& linux_part, ContainerSpec& spec) {
  parse_memory_policy(linux_part, spec);
  parse_intel_rdt(linux_part, spec);
  parse_net_devices(linux_part, spec);
}

}  // namespace runtime
