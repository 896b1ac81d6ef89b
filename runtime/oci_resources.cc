#include "runtime/oci_resources.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace runtime {
namespace {

// A limit where -1 (and absence) is none.
std::optional<std::uint64_t> limit_of(ObjectReader& reader, const char* name) {
  std::optional<std::int64_t> value = reader.integer(name, -1, INT64_MAX);
  if (!value || *value < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

// Every device but the standard ones is out of reach already: all of the container's file systems are "nodev", and
// /dev holds binds of those. So rules that deny, or allow just these, hold; others would need a filter.
void check_device_rules(ObjectReader& resources, const ContainerSpec& spec) {
  constexpr std::array<std::pair<std::int64_t, std::int64_t>, 8> kReachable = {
      {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}};
  std::optional<Capabilities> administrator = capability_by_name("CAP_SYS_ADMIN");
  bool any = false;
  for (ObjectReader& rule : resources.objects("devices")) {
    any = true;
    bool allow = rule.boolean("allow");
    rule.text("type");
    rule.text("access");
    std::int64_t major = rule.integer("major", -1, 4095).value_or(-1);
    std::int64_t minor = rule.integer("minor", -1, 1048575).value_or(-1);
    rule.done();
    bool pty = major == 136;
    bool reachable = std::ranges::find(kReachable, std::pair{major, minor}) != kReachable.end();
    if (allow && !reachable && !pty) refuse(rule.path_of("allow"), "only the standard devices can be allowed");
  }
  if (any && !spec.namespaces.user && (spec.process.capabilities.bounding & administrator.value_or(0))) {
    refuse("linux.resources.devices", "cannot be enforced on a container with CAP_SYS_ADMIN and no user namespace");
  }
}

}  // namespace

std::uint64_t cpu_weight_of_shares(std::uint64_t shares) {
  double exponent = std::log2(static_cast<double>(shares));
  double weight = std::pow(10.0, (exponent * exponent + 125 * exponent) / 612.0 - 7.0 / 34.0);
  return static_cast<std::uint64_t>(std::clamp(std::ceil(weight), 1.0, 10000.0));
}

void parse_resources(ObjectReader resources, ContainerSpec& spec) {
  Resources& result = spec.resources;
  ObjectReader memory = resources.object("memory");
  result.memory_max = limit_of(memory, "limit");
  result.memory_low = limit_of(memory, "reservation");
  if (std::optional<std::uint64_t> both = limit_of(memory, "swap")) {
    if (!result.memory_max || *both < *result.memory_max)
      refuse("linux.resources.memory.swap", "below the memory limit");
    result.memory_swap_max = *both - *result.memory_max;
  }
  memory.done();
  ObjectReader cpu = resources.object("cpu");
  if (auto shares = limit_of(cpu, "shares"); shares && *shares > 0) {
    if (*shares < 2 || *shares > 262144) refuse("linux.resources.cpu.shares", "expected 2 to 262144");
    result.cpu_weight = cpu_weight_of_shares(*shares);
  }
  result.cpu_quota = limit_of(cpu, "quota");
  if (auto period = limit_of(cpu, "period"); period && *period > 0) result.cpu_period = *period;
  cpu.done();
  ObjectReader pids = resources.object("pids");
  result.pids_max = limit_of(pids, "limit");
  if (result.pids_max == 0) result.pids_max.reset();
  pids.done();
  check_device_rules(resources, spec);
  for (const char* name : {"blockIO", "hugepageLimits", "network", "rdma", "unified"}) resources.must_be_empty(name);
  resources.done();
}

}  // namespace runtime
