#pragma once
// From rules for system calls to the BPF program that the kernel takes (seccomp(2), bpf(4)), for the filter that is
// made when this program is compiled and, with the same code, for those that come with a configuration.
//
// The kernel runs the program at every system call, so it looks the number up by halving: for each architecture a tree
// of comparisons over the ranges of numbers that are answered alike. Behind a call with conditions on its arguments
// stand its alternatives, one after the other; arguments have 64 bits and BPF's words 32, so each is compared in
// halves. libseccomp's programs do the same and are what these are tested against; it takes 25 ms for Docker's list.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace runtime {

using BpfProgram = std::vector<sock_filter>;

enum class Comparison { kNotEqual, kLess, kLessOrEqual, kEqual, kGreaterOrEqual, kGreater, kMaskedEqual };

struct ArgumentCondition {
  unsigned index = 0;  // 0 to 5
  Comparison comparison = Comparison::kEqual;
  std::uint64_t value = 0;  // kMaskedEqual: the mask
  std::uint64_t masked = 0;
  bool word = false;  // the kernel takes an int: look at the lower half alone, as it does
};

struct CallRule {
  std::uint32_t number = 0;
  std::uint32_t action = 0;                        // SECCOMP_RET_*
  std::vector<ArgumentCondition> conditions = {};  // all must hold; of several rules for a number, any may
};

struct ArchitectureRules {
  std::uint32_t architecture = 0;  // AUDIT_ARCH_*
  bool wide = true;                // arguments have 64 bits
  std::uint32_t highest = ~0u;     // what is above is answered with ENOSYS
  std::vector<CallRule> rules = {};
};

namespace seccomp_program {

constexpr sock_filter statement(unsigned code, std::uint32_t k) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = k};
}

constexpr sock_filter jump(unsigned comparison, std::uint32_t k, std::size_t if_true, std::size_t if_false) {
  return {.code = static_cast<std::uint16_t>(BPF_JMP | comparison | BPF_K),
          .jt = static_cast<std::uint8_t>(if_true),
          .jf = static_cast<std::uint8_t>(if_false),
          .k = k};
}

constexpr sock_filter load(std::size_t offset) {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

constexpr sock_filter answer(std::uint32_t action) {
  return statement(BPF_RET | BPF_K, action);
}

constexpr void append(BpfProgram& program, const BpfProgram& part) {
  program.insert(program.end(), part.begin(), part.end());
}

// Goes over `part` when the comparison has the outcome `skip_if`. A conditional jump reaches 255 instructions.
constexpr void append_skipping(BpfProgram& program, unsigned comparison, std::uint32_t k, bool skip_if,
                               const BpfProgram& part) {
  if (part.size() <= 255) {
    program.push_back(jump(comparison, k, skip_if ? part.size() : 0, skip_if ? 0 : part.size()));
  } else {
    program.push_back(jump(comparison, k, skip_if ? 0 : 1, skip_if ? 1 : 0));
    program.push_back(statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(part.size())));
  }
  append(program, part);
}

// One condition: goes on behind itself when it holds, and `kFail` instructions when not (filled in afterwards: there
// are at most 6 x 6 instructions for a call).
constexpr std::size_t kFail = 255;

constexpr BpfProgram condition_program(const ArgumentCondition& condition, bool wide_architecture) {
  const bool wide = wide_architecture && !condition.word;
  const std::size_t low_word = offsetof(seccomp_data, args) + 8 * std::size_t{condition.index};  // little-endian
  const auto high = static_cast<std::uint32_t>(condition.value >> 32);
  const auto low = static_cast<std::uint32_t>(condition.value);
  BpfProgram program;
  if (condition.comparison == Comparison::kMaskedEqual) {
    if (wide && high != 0) {
      program.push_back(load(low_word + 4));
      program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, high));
      program.push_back(jump(BPF_JEQ, static_cast<std::uint32_t>(condition.masked >> 32) & high, 0, kFail));
    }
    program.push_back(load(low_word));
    program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, low));
    program.push_back(jump(BPF_JEQ, static_cast<std::uint32_t>(condition.masked) & low, 0, kFail));
    return program;
  }
  const bool equality = condition.comparison == Comparison::kEqual || condition.comparison == Comparison::kNotEqual;
  // "Not equal", "less" and "less or equal" are the opposite of the comparisons that BPF has.
  const bool negated = condition.comparison == Comparison::kNotEqual || condition.comparison == Comparison::kLess ||
                       condition.comparison == Comparison::kLessOrEqual;
  if (wide) {
    program.push_back(load(low_word + 4));
    if (!equality) program.push_back(jump(BPF_JGT, high, negated ? kFail : 3, 0));
    program.push_back(jump(BPF_JEQ, high, 0, negated ? 2 : kFail));
  }
  program.push_back(load(low_word));
  unsigned code = BPF_JEQ;
  if (!equality) {
    const bool strict =
        condition.comparison == Comparison::kGreater || condition.comparison == Comparison::kLessOrEqual;
    code = strict ? BPF_JGT : BPF_JGE;
  }
  program.push_back(jump(code, low, negated ? kFail : 0, negated ? 0 : kFail));
  return program;
}

// The rules of one number: the first that holds decides.
constexpr BpfProgram call_program(std::span<const CallRule> rules, std::uint32_t default_action, bool wide) {
  for (const CallRule& rule : rules) {
    if (rule.conditions.empty()) return {answer(rule.action)};
  }
  BpfProgram program;
  for (const CallRule& rule : rules) {
    BpfProgram block;
    for (const ArgumentCondition& condition : rule.conditions) append(block, condition_program(condition, wide));
    block.push_back(answer(rule.action));
    for (std::size_t i = 0; i < block.size(); i++) {
      const auto to_end = static_cast<std::uint8_t>(block.size() - i - 1);
      if (block[i].jt == kFail) block[i].jt = to_end;
      if (block[i].jf == kFail) block[i].jf = to_end;
    }
    append(program, block);
  }
  program.push_back(answer(default_action));
  return program;
}

// The numbers from `first` on, up to the next one's.
struct Range {
  std::uint32_t first = 0;
  BpfProgram program = {};
};

constexpr bool same(const BpfProgram& a, const BpfProgram& b) {
  return std::ranges::equal(a, b, [](const sock_filter& x, const sock_filter& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

constexpr void add_range(std::vector<Range>& ranges, std::uint32_t first, BpfProgram program) {
  if (!ranges.empty() && ranges.back().first == first) ranges.pop_back();
  if (!ranges.empty() && same(ranges.back().program, program)) return;
  ranges.push_back({.first = first, .program = std::move(program)});
}

// `rules` sorted by number.
constexpr std::vector<Range> ranges_of(std::span<const CallRule> rules, std::uint32_t highest,
                                       std::uint32_t default_action, bool wide) {
  std::vector<Range> ranges;
  add_range(ranges, 0, {answer(default_action)});
  for (std::size_t begin = 0; begin < rules.size();) {
    std::size_t end = begin;
    while (end < rules.size() && rules[end].number == rules[begin].number) end++;
    const std::uint32_t number = rules[begin].number;
    if (number > highest) break;
    add_range(ranges, number, call_program(rules.subspan(begin, end - begin), default_action, wide));
    add_range(ranges, number + 1, {answer(default_action)});
    begin = end;
  }
  constexpr std::uint32_t kNoSuchCall = 38;  // ENOSYS
  if (highest != ~0u) add_range(ranges, highest + 1, {answer(SECCOMP_RET_ERRNO | kNoSuchCall)});
  return ranges;
}

constexpr BpfProgram search(std::span<const Range> ranges) {
  if (ranges.size() == 1) return ranges.front().program;
  const std::size_t middle = ranges.size() / 2;
  BpfProgram program;
  append_skipping(program, BPF_JGE, ranges[middle].first, true, search(ranges.first(middle)));
  append(program, search(ranges.subspan(middle)));
  return program;
}

}  // namespace seccomp_program

// Rules for one number must agree on the action. A call that no rule fits gets `default_action`, one of an architecture
// that is not in the list `other_architecture`.
constexpr BpfProgram make_seccomp_program(std::vector<ArchitectureRules> architectures, std::uint32_t default_action,
                                          std::uint32_t other_architecture) {
  namespace parts = seccomp_program;
  BpfProgram program = {parts::load(offsetof(seccomp_data, arch))};
  for (ArchitectureRules& architecture : architectures) {
    std::ranges::sort(architecture.rules, {}, &CallRule::number);
    BpfProgram section = {parts::load(offsetof(seccomp_data, nr))};
    parts::append(section, parts::search(parts::ranges_of(architecture.rules, architecture.highest, default_action,
                                                          architecture.wide)));
    parts::append_skipping(program, BPF_JEQ, architecture.architecture, false, section);
  }
  program.push_back(parts::answer(other_architecture));
  return program;
}

}  // namespace runtime
