// Our programs against libseccomp's: both run in an interpreter of BPF, over all numbers and many arguments, and must
// answer alike.

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "runtime/seccomp_filter.h"
#include "runtime/seccomp_profile.h"

namespace runtime {
namespace {

// bpf(4), as far as seccomp(2) allows it and these programs use it.
std::uint32_t run(const BpfProgram& program, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t i = 0; i < program.size(); i++) {
    const sock_filter& now = program[i];
    bool taken = false;
    switch (now.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        REQUIRE(now.k + 4 <= sizeof data);
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + now.k, 4);
        continue;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= now.k;
        continue;
      case BPF_RET | BPF_K:
        return now.k;
      case BPF_JMP | BPF_JA:
        i += now.k;
        continue;
      case BPF_JMP | BPF_JEQ | BPF_K:
        taken = accumulator == now.k;
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        taken = accumulator > now.k;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        taken = accumulator >= now.k;
        break;
      default:
        FAIL("an instruction that the interpreter does not know: ", now.code);
    }
    i += taken ? now.jt : now.jf;
  }
  FAIL("the program has no end");
  return 0;
}

base::Json rule(const std::vector<std::string>& names, base::Json arguments = base::Json::array()) {
  return {{"names", names}, {"action", "SCMP_ACT_ALLOW"}, {"args", std::move(arguments)}};
}

base::Json argument(unsigned index, const char* op, std::uint64_t value, std::uint64_t second = 0) {
  return {{"index", index}, {"op", op}, {"value", value}, {"valueTwo", second}};
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = std::min(text.find(' ', begin), text.size());
    result.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

// The table as a profile, for libseccomp to compile.
base::Json as_profile(Capabilities bounding) {
  base::Json rules = base::Json::array();
  for (std::string_view names : kAllowedCalls) rules.push_back(rule(words(names)));
  for (const CapabilityCalls& group : kCapabilityCalls) {
    if (bounding & group.capability) rules.push_back(rule(words(group.calls)));
  }
  rules.push_back(rule({"socket"}, {argument(0, "SCMP_CMP_LT", AF_ALG)}));
  rules.push_back(rule({"socket"}, {argument(0, "SCMP_CMP_EQ", AF_ALG + 1)}));
  rules.push_back(rule({"socket"}, {argument(0, "SCMP_CMP_GT", AF_VSOCK)}));
  for (std::uint64_t value : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    rules.push_back(rule({"personality"}, {argument(0, "SCMP_CMP_EQ", value)}));
  }
  if (bounding & capability(CAP_SYS_ADMIN)) {
    rules.push_back(rule({"clone", "clone3"}));
  } else {
    rules.push_back(rule({"clone"}, {argument(0, "SCMP_CMP_MASKED_EQ", 0x7E020000)}));
    rules.push_back({{"names", words(kAbsentCalls)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", ENOSYS}});
  }
  return {{"defaultAction", "SCMP_ACT_ERRNO"}, {"syscalls", rules}};
}

const std::vector<std::uint64_t>& values() {
  static const std::vector<std::uint64_t> list = {
      0,          1,          2,          5,          8,           37,        38,         39,
      40,         41,         16,         17,         0x20000,     0x20008,   0x10000000, 0x20000000,
      0x7E020000, 0x02000000, 0x01200011, 0x7fffffff, 0x80000000u, 0xffffffff};
  return list;
}

// Every number, in every architecture, with every value as the first argument (the others are random).
void expect_same(const BpfProgram& ours, const BpfProgram& theirs, bool wide_values) {
  std::mt19937_64 random(1);
  auto compare = [&](std::uint32_t architecture, std::uint32_t number, std::uint64_t first) {
    seccomp_data data = {};
    data.arch = architecture;
    data.nr = static_cast<int>(number);
    for (auto& value : data.args) {
      value = values()[random() % values().size()];
      if (wide_values && random() % 4 == 0) value |= (random() % 3) << 32;
    }
    data.args[0] = first;
    const std::uint32_t expected = run(theirs, data);
    const std::uint32_t found = run(ours, data);
    CHECK_MESSAGE(found == expected, "arch ", architecture, " call ", number, " argument ", first, ": ", found,
                  " instead of ", expected);
  };
  for (std::uint32_t architecture :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM}) {
    for (std::uint32_t base : {0u, 0x40000000u}) {
      for (std::uint32_t number = 0; number < 1024; number++) {
        for (std::uint64_t value : values()) compare(architecture, base + number, value);
        if (wide_values && architecture == AUDIT_ARCH_X86_64) {
          for (std::uint64_t value : values()) compare(architecture, base + number, value | 1ULL << 32);
        }
      }
    }
    compare(architecture, ~0u, 0);
  }
}

}  // namespace

TEST_CASE("the default filter answers as libseccomp's for the same table") {
  const Capabilities usual = default_capabilities().bounding;
  for (Capabilities set : {usual, Capabilities{0}, usual | capability(CAP_SYS_ADMIN), usual | capability(CAP_SYS_BOOT),
                           ~Capabilities{0}}) {
    // Only arguments below 2^32: above, ours is stricter (see the next test).
    expect_same(default_seccomp_filter(set), compile_with_library(parse_seccomp(as_profile(set))), false);
  }
}

TEST_CASE("a socket's family is judged as the kernel takes it: its upper half does not count") {
  seccomp_data data = {};
  data.arch = AUDIT_ARCH_X86_64;
  data.nr = 41;
  data.args[0] = (1ULL << 32) | AF_ALG;
  CHECK(run(default_seccomp_filter(0), data) == (SECCOMP_RET_ERRNO | EPERM));
}

TEST_CASE("Docker's shape, for three architectures, is compiled directly and answers as libseccomp's") {
  base::Json profile = as_profile(default_capabilities().bounding);
  profile["architectures"] = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"};
  profile["syscalls"].push_back(rule({"mmap2", "fstat64", "waitpid", "_llseek", "accept", "recv", "send", "semop"}));
  SeccompProfile parsed = parse_seccomp(profile);
  std::optional<BpfProgram> direct = compile_directly(parsed);
  REQUIRE(direct);
  BpfProgram library = compile_with_library(parsed);
  expect_same(*direct, library, true);
  CHECK(direct->size() < library.size());
  seccomp_data data = {};
  data.arch = AUDIT_ARCH_I386;
  data.nr = 192;  // mmap2, which x86-64 does not have
  CHECK(run(*direct, data) == SECCOMP_RET_ALLOW);
  CHECK(run(library, data) == SECCOMP_RET_ALLOW);
}

TEST_CASE("every comparison, alone and together, answers as libseccomp's") {
  std::mt19937 random(7);
  const std::vector<const char*> operators = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",       "SCMP_CMP_EQ",
                                              "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ"};
  const std::vector<std::string> calls = {"read", "ioctl", "fcntl", "kill", "prctl", "openat"};
  for (int round = 0; round < 12; round++) {
    base::Json rules = base::Json::array();
    for (const std::string& name : calls) {
      base::Json arguments = base::Json::array();
      for (unsigned index = 0; index < 1 + random() % 3; index++) {
        std::uint64_t value = values()[random() % values().size()];
        if (random() % 3 == 0) value |= std::uint64_t{random() % 2} << 32;
        const char* op = operators[random() % operators.size()];
        std::uint64_t second = std::string_view(op) == "SCMP_CMP_MASKED_EQ" ? values()[random() % values().size()] : 0;
        arguments.push_back(argument(index, op, value, second & value));
      }
      rules.push_back(rule({name}, arguments));
    }
    base::Json profile = {{"defaultAction", "SCMP_ACT_ERRNO"}, {"defaultErrnoRet", 7}, {"syscalls", rules}};
    SeccompProfile parsed = parse_seccomp(profile);
    std::optional<BpfProgram> direct = compile_directly(parsed);
    REQUIRE(direct);
    expect_same(*direct, compile_with_library(parsed), true);
  }
}

TEST_CASE("what is not of that shape is libseccomp's") {
  CHECK_FALSE(compile_directly(parse_seccomp({{"defaultAction", "SCMP_ACT_ALLOW"}})));
  CHECK_FALSE(
      compile_directly(parse_seccomp({{"defaultAction", "SCMP_ACT_ERRNO"}, {"architectures", {"SCMP_ARCH_S390X"}}})));
  base::Json contradiction = {
      {"defaultAction", "SCMP_ACT_ERRNO"},
      {"syscalls",
       {rule({"read"}, {argument(0, "SCMP_CMP_EQ", 1)}), {{"names", {"read"}}, {"action", "SCMP_ACT_LOG"}}}}};
  CHECK_FALSE(compile_directly(parse_seccomp(contradiction)));
}

}  // namespace runtime
