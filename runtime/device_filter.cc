// The kernel calls the program with bpf_cgroup_dev_ctx: a word of (access << 16 | type), the major and the minor
// number. It returns 1 to allow.
//
// Rules are tried from the last to the first, with the accesses that are still undecided in r5: a rule that fits and
// allows takes its accesses out, and when none is left the answer is 1; one that fits and denies any of those left
// makes it 0. So one program of a few instructions a rule gives "the last rule wins" for each access by itself.

#include "runtime/device_filter.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/error.h"

namespace runtime {
namespace {

// --- the assembler

constexpr std::uint8_t kType = BPF_REG_2, kMajor = BPF_REG_3, kMinor = BPF_REG_4, kLeft = BPF_REG_5,
                       kScratch = BPF_REG_6;

bpf_insn instruction(int code, std::uint8_t to, std::uint8_t from, std::int16_t offset, std::int32_t value) {
  bpf_insn result = {};
  result.code = static_cast<std::uint8_t>(code);
  result.dst_reg = to & 0xf;
  result.src_reg = from & 0xf;
  result.off = offset;
  result.imm = value;
  return result;
}

bpf_insn load(std::uint8_t to, std::size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_1, static_cast<std::int16_t>(offset), 0);
}
bpf_insn copy(std::uint8_t to, std::uint8_t from) {
  return instruction(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}
bpf_insn set(std::uint8_t to, std::int32_t value) {
  return instruction(BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, value);
}
bpf_insn mask(std::uint8_t to, std::int32_t value) {
  return instruction(BPF_ALU | BPF_AND | BPF_K, to, 0, 0, value);
}
bpf_insn shift_right(std::uint8_t to, std::int32_t bits) {
  return instruction(BPF_ALU | BPF_RSH | BPF_K, to, 0, 0, bits);
}
bpf_insn jump(int condition, std::uint8_t of, std::uint32_t value, std::int16_t over) {
  return instruction(BPF_JMP32 | condition | BPF_K, of, 0, over, static_cast<std::int32_t>(value));
}
bpf_insn leave() {
  return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

int access_bits(const DeviceRule& rule) {
  return (rule.make ? BPF_DEVCG_ACC_MKNOD : 0) | (rule.read ? BPF_DEVCG_ACC_READ : 0) |
         (rule.write ? BPF_DEVCG_ACC_WRITE : 0);
}

// What happens when the rule fits.
std::vector<bpf_insn> verdict(const DeviceRule& rule) {
  if (rule.allow) {
    return {mask(kLeft, ~access_bits(rule)), jump(BPF_JNE, kLeft, 0, 2), set(BPF_REG_0, 1), leave()};
  }
  return {copy(kScratch, kLeft), mask(kScratch, access_bits(rule)), jump(BPF_JEQ, kScratch, 0, 2), set(BPF_REG_0, 0),
          leave()};
}

void append_rule(const DeviceRule& rule, std::vector<bpf_insn>& program) {
  std::vector<bpf_insn> then = verdict(rule);
  std::vector<std::pair<std::uint8_t, std::uint32_t>> conditions;
  if (rule.type != 'a') conditions.emplace_back(kType, rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  if (rule.number.major) conditions.emplace_back(kMajor, *rule.number.major);
  if (rule.number.minor) conditions.emplace_back(kMinor, *rule.number.minor);
  std::size_t over = then.size() + conditions.size();
  for (const auto& [of, value] : conditions) {
    program.push_back(jump(BPF_JNE, of, value, static_cast<std::int16_t>(--over)));
  }
  program.insert(program.end(), then.begin(), then.end());
}

// --- the kernel

long bpf(int command, bpf_attr& attributes) {
  return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

bool is_denied(int error) {
  return error == EPERM || error == ENOSYS || error == EINVAL || error == EOPNOTSUPP;
}

constexpr std::size_t kMostPrograms = 64;  // of one cgroup and type: the kernel's BPF_CGROUP_MAX_PROGS

std::vector<std::uint32_t> attached_programs(const base::Fd& cgroup) {
  std::array<std::uint32_t, kMostPrograms> ids = {};
  bpf_attr query = {};
  query.query.target_fd = static_cast<std::uint32_t>(cgroup.get());
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<std::uint64_t>(ids.data());
  query.query.prog_cnt = ids.size();
  base::check(bpf(BPF_PROG_QUERY, query), "read the device filters of a cgroup");
  return {ids.begin(), ids.begin() + std::min<std::size_t>(query.query.prog_cnt, ids.size())};
}

void detach(const base::Fd& cgroup, std::uint32_t id) {
  bpf_attr by_id = {};
  by_id.prog_id = id;
  base::Fd program(static_cast<int>(base::check(bpf(BPF_PROG_GET_FD_BY_ID, by_id), "open the earlier device filter")));
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  base::check(bpf(BPF_PROG_DETACH, attributes), "take the earlier device filter away");
}

}  // namespace

std::vector<bpf_insn> device_program(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program = {load(kType, offsetof(bpf_cgroup_dev_ctx, access_type)),
                                   load(kMajor, offsetof(bpf_cgroup_dev_ctx, major)),
                                   load(kMinor, offsetof(bpf_cgroup_dev_ctx, minor)),
                                   copy(kLeft, kType),
                                   shift_right(kLeft, 16),
                                   mask(kType, 0xffff)};
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) append_rule(*rule, program);
  program.push_back(set(BPF_REG_0, 0));
  program.push_back(leave());
  return program;
}

std::vector<DeviceRule> standard_device_rules() {
  auto character = [](std::uint32_t major, std::optional<std::uint32_t> minor) {
    return DeviceRule{.allow = true, .type = 'c', .number = {.major = major, .minor = minor}};
  };
  std::vector<DeviceRule> rules = {{.allow = true, .type = 'c', .read = false, .write = false},
                                   {.allow = true, .type = 'b', .read = false, .write = false}};
  for (std::uint32_t minor : {3u, 5u, 7u, 8u, 9u}) rules.push_back(character(1, minor));
  for (std::uint32_t minor : {0u, 1u, 2u}) rules.push_back(character(5, minor));
  rules.push_back(character(136, std::nullopt));
  rules.push_back(character(10, 200));
  return rules;
}

base::Fd load_device_filter(const std::vector<DeviceRule>& rules) {
  std::vector<DeviceRule> all = rules;
  for (const DeviceRule& rule : standard_device_rules()) all.push_back(rule);
  std::vector<bpf_insn> program = device_program(all);

  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = reinterpret_cast<std::uint64_t>("Apache-2.0");
  std::memcpy(attributes.prog_name, "devices", sizeof "devices");
  base::Fd loaded(static_cast<int>(bpf(BPF_PROG_LOAD, attributes)));
  if (!loaded && !is_denied(errno)) base::throw_errno("load the device filter");
  return loaded;
}

void attach_device_filter(const base::Fd& cgroup, const base::Fd& program) {
  std::vector<std::uint32_t> earlier = attached_programs(cgroup);
  bpf_attr attributes = {};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  // MULTI: systemd inside the container may add filters of its own below; all must agree.
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  base::check(bpf(BPF_PROG_ATTACH, attributes), "attach the device filter");
  // Only now, so that there is no moment without a filter.
  for (std::uint32_t id : earlier) detach(cgroup, id);
}

void require_rules_hold_without_filter(const std::vector<DeviceRule>& rules, bool may_mount) {
  if (rules.empty()) return;
  std::string where = "linux.resources.devices";
  std::string reason = "this kernel lets us attach no device filter (BPF_PROG_TYPE_CGROUP_DEVICE), and without one ";
  if (may_mount) {
    throw base::Error("config.json", where,
                      reason + "they cannot be enforced on CAP_SYS_ADMIN without a user namespace");
  }
  std::vector<DeviceRule> standard = standard_device_rules();
  for (std::size_t i = 0; i < rules.size(); i++) {
    const DeviceRule& rule = rules[i];
    bool reachable = std::ranges::any_of(standard, [&](const DeviceRule& known) {
      return known.number.major && known.number.major == rule.number.major && rule.type == 'c' &&
             (!known.number.minor || known.number.minor == rule.number.minor);
    });
    bool only_makes = !rule.read && !rule.write;
    if (rule.allow && !reachable && !only_makes) {
      throw base::Error("config.json", where + "[" + std::to_string(i) + "].allow",
                        reason + "only the standard devices can be allowed");
    }
  }
}

}  // namespace runtime
