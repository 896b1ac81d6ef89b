// The program is run here by an interpreter of its instructions over many devices and compared with the rules' meaning
// said plainly.
#include "runtime/device_filter.h"

#include <doctest/doctest.h>

#include <array>
#include <random>

#include "base/error.h"

namespace runtime {
namespace {

// linux/bpf.h: what the kernel asks.
struct Question {
  char type = 'c';
  std::uint32_t major = 0, minor = 0;
  int access = 0;  // BPF_DEVCG_ACC_*
};

bool interpret(const std::vector<bpf_insn>& program, const Question& question) {
  std::array<std::uint32_t, 11> registers = {};
  std::array<std::uint32_t, 3> context = {
      static_cast<std::uint32_t>(question.access) << 16 |
          static_cast<std::uint32_t>(question.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
      question.major, question.minor};
  for (std::size_t at = 0; at < program.size(); at++) {
    const bpf_insn& step = program[at];
    std::uint32_t& to = registers.at(step.dst_reg);
    auto value = static_cast<std::uint32_t>(step.imm);
    switch (step.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        to = context.at(static_cast<std::size_t>(step.off) / 4);
        break;
      case BPF_ALU | BPF_MOV | BPF_X:
        to = registers.at(step.src_reg);
        break;
      case BPF_ALU | BPF_MOV | BPF_K:
        to = value;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        to &= value;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        to >>= value;
        break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (to != value) at += static_cast<std::size_t>(step.off);
        break;
      case BPF_JMP32 | BPF_JEQ | BPF_K:
        if (to == value) at += static_cast<std::size_t>(step.off);
        break;
      case BPF_JMP | BPF_EXIT:
        return registers[0] == 1;
      default:
        FAIL("unknown instruction");
    }
  }
  FAIL("ran off its end");
  return false;
}

bool speaks_of(const DeviceRule& rule, const Question& question, int access) {
  bool covers = (access == BPF_DEVCG_ACC_READ && rule.read) || (access == BPF_DEVCG_ACC_WRITE && rule.write) ||
                (access == BPF_DEVCG_ACC_MKNOD && rule.make);
  return covers && (rule.type == 'a' || rule.type == question.type) &&
         (!rule.number.major || *rule.number.major == question.major) &&
         (!rule.number.minor || *rule.number.minor == question.minor);
}

bool plainly(const std::vector<DeviceRule>& rules, const Question& question) {
  for (int access : {BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE}) {
    if ((question.access & access) == 0) continue;
    bool allowed = false;
    for (const DeviceRule& rule : rules) {
      if (speaks_of(rule, question, access)) allowed = rule.allow;
    }
    if (!allowed) return false;
  }
  return true;
}

void compare(const std::vector<DeviceRule>& rules) {
  std::vector<bpf_insn> program = device_program(rules);
  for (char type : {'b', 'c'}) {
    for (std::uint32_t major : {0u, 1u, 2u, 5u, 136u, 0xffffffffu}) {
      for (std::uint32_t minor : {0u, 1u, 3u, 7u, 0xffffffffu}) {
        for (int access = 1; access <= 7; access++) {
          Question question{.type = type, .major = major, .minor = minor, .access = access};
          CAPTURE(type);
          CAPTURE(major);
          CAPTURE(minor);
          CAPTURE(access);
          CHECK(interpret(program, question) == plainly(rules, question));
        }
      }
    }
  }
}

constexpr int kRead = BPF_DEVCG_ACC_READ, kWrite = BPF_DEVCG_ACC_WRITE, kMake = BPF_DEVCG_ACC_MKNOD;

}  // namespace

TEST_CASE("no rule allows nothing, and a rule for all allows all") {
  CHECK_FALSE(interpret(device_program({}), {.major = 1, .minor = 3, .access = kRead}));
  CHECK(interpret(device_program({{.allow = true}}), {.type = 'b', .major = 8, .access = kRead | kWrite | kMake}));
}

TEST_CASE("the last rule that speaks of a device wins, for each access by itself") {
  DeviceRule deny_all{.allow = false};
  DeviceRule read{.allow = true, .type = 'c', .number = {.major = 1, .minor = 3}, .write = false, .make = false};
  DeviceRule write{.allow = true, .type = 'c', .number = {.major = 1, .minor = 3}, .read = false, .make = false};
  Question both{.major = 1, .minor = 3, .access = kRead | kWrite};
  CHECK(interpret(device_program({deny_all, read, write}), both));
  CHECK_FALSE(interpret(device_program({deny_all, read}), both));
  CHECK_FALSE(interpret(device_program({read, write, deny_all}), both));
}

TEST_CASE("the program says what the rules say, for random rules") {
  compare({});
  compare(standard_device_rules());
  std::mt19937 random(7);
  auto one_of = [&](std::initializer_list<int> list) {
    return *(list.begin() + std::uniform_int_distribution<std::ptrdiff_t>(0, std::ssize(list) - 1)(random));
  };
  for (int round = 0; round < 60; round++) {
    std::vector<DeviceRule> rules;
    for (int count = one_of({1, 2, 3, 5, 8}); count > 0; count--) {
      DeviceRule rule{.allow = one_of({0, 1}) == 1, .type = static_cast<char>(one_of({'a', 'b', 'c'}))};
      if (one_of({0, 1}) == 1) rule.number.major = static_cast<std::uint32_t>(one_of({0, 1, 5, 136, -1}));
      if (one_of({0, 1}) == 1) rule.number.minor = static_cast<std::uint32_t>(one_of({0, 3, 7, -1}));
      rule.read = one_of({0, 1}) == 1;
      rule.write = one_of({0, 1}) == 1;
      rule.make = one_of({0, 1}) == 1;
      rules.push_back(rule);
    }
    compare(rules);
  }
}

TEST_CASE("without a filter only rules that hold anyway are taken") {
  DeviceRule deny{.allow = false};
  DeviceRule disk{.allow = true, .type = 'b', .number = {.major = 8, .minor = 0}};
  DeviceRule null{.allow = true, .type = 'c', .number = {.major = 1, .minor = 3}};
  DeviceRule pty{.allow = true, .type = 'c', .number = {.major = 136, .minor = {}}};
  DeviceRule make{.allow = true, .type = 'b', .read = false, .write = false};
  require_rules_hold_without_filter({deny, null, pty, make}, false);
  require_rules_hold_without_filter({}, true);
  CHECK_THROWS_WITH_AS(require_rules_hold_without_filter({deny, disk}, false),
                       doctest::Contains("linux.resources.devices[1].allow"), base::Error);
  CHECK_THROWS_WITH_AS(require_rules_hold_without_filter({{.allow = true}}, false),
                       doctest::Contains("only the standard devices"), base::Error);
  CHECK_THROWS_WITH_AS(require_rules_hold_without_filter({deny}, true), doctest::Contains("CAP_SYS_ADMIN"),
                       base::Error);
}

}  // namespace runtime
