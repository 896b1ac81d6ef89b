#include "runtime/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "runtime/seccomp_profile.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxInstructions = BPF_MAXINSNS;

// Every namespace flag of clone(2): CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}.
constexpr std::uint64_t kNamespaceFlags =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
static_assert(kNamespaceFlags == 0x7E020000);

// A libseccomp filter; its calls return a negative errno.
class Filter {
 public:
  explicit Filter(std::uint32_t default_action)
      : default_action_(default_action), context_(seccomp_init(default_action)) {
    if (context_ == nullptr) throw base::Error("make a seccomp filter", "", "libseccomp refuses the default action");
    require(seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimise");
  }
  ~Filter() { seccomp_release(context_); }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  // A name that the architecture does not have is skipped. So is a rule that does what happens anyway.
  void rule(std::uint32_t action, std::string_view name, const std::vector<scmp_arg_cmp>& arguments = {}) {
    std::string text(name);
    int number = seccomp_syscall_resolve_name(text.c_str());
    if (number < 0) return;
    highest_ = std::max(highest_, number);
    if (action == default_action_) return;
    require(seccomp_rule_add_array(context_, action, number, static_cast<unsigned>(arguments.size()), arguments.data()),
            text);
  }
  void rules(std::uint32_t action, std::string_view names) {
    for (const std::string& name : base::split_words(names)) rule(action, name);
  }

  void attribute(scmp_filter_attr attribute, std::uint32_t value) {
    require(seccomp_attr_set(context_, attribute, value), "attribute");
  }
  void add_architecture(std::uint32_t token) {
    int result = seccomp_arch_add(context_, token);
    if (result != -EEXIST) require(result, "architecture");
  }

  BpfProgram program() {
    std::size_t bytes = kMaxInstructions * sizeof(sock_filter);
    BpfProgram program(kMaxInstructions);
    require(seccomp_export_bpf_mem(context_, program.data(), &bytes), "export");
    program.resize(bytes / sizeof(sock_filter));
    return program;
  }

 private:
  static void require(int result, std::string_view what) {
    if (result < 0) throw base::Error("make a seccomp filter", what, -result);
  }
  std::uint32_t default_action_;
  scmp_filter_ctx context_;
  int highest_ = 0;
};

// The highest number that libseccomp knows a name for. Numbers grow by one for all architectures since 424.
int highest_known_call() {
  static const int highest = [] {
    int last = 0;
    for (int number = 0; number < 1024; number++) {
      std::unique_ptr<char, void (*)(void*)> name(seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), free);
      if (name) last = number;
    }
    return last;
  }();
  return highest;
}

#if defined(__x86_64__)
constexpr std::uint32_t kNativeAudit = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kNativeAudit = AUDIT_ARCH_AARCH64;
#else
#error "the seccomp prologue needs this architecture's AUDIT_ARCH_ value"
#endif

sock_filter statement(unsigned code, std::uint32_t k) {
  return {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = k};
}

sock_filter jump(unsigned code, std::uint32_t k, std::uint8_t if_true, std::uint8_t if_false) {
  return {.code = static_cast<std::uint16_t>(code), .jt = if_true, .jf = if_false, .k = k};
}

// A C library tries a new call and falls back when it is told ENOSYS; EPERM would break it. libseccomp has one default
// action only, so calls newer than its table (x32's too: they have bit 30) are answered in front of its program.
BpfProgram with_unknown_calls_absent(BpfProgram program) {
  BpfProgram all = {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      jump(BPF_JMP | BPF_JEQ | BPF_K, kNativeAudit, 0, 3),
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      jump(BPF_JMP | BPF_JGT | BPF_K, static_cast<std::uint32_t>(highest_known_call()), 0, 1),
      statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  all.insert(all.end(), program.begin(), program.end());
  if (all.size() > kMaxInstructions) throw base::Error("make a seccomp filter", "", "more than 4096 instructions");
  return all;
}

scmp_arg_cmp compare(unsigned index, scmp_compare op, std::uint64_t a, std::uint64_t b = 0) {
  return {.arg = index, .op = op, .datum_a = a, .datum_b = b};
}

std::uint32_t action_by_name(const std::string& name, std::uint32_t error_number) {
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(error_number);
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  throw base::Error("linux.seccomp", name, "unsupported action");
}

scmp_compare comparison_by_name(const std::string& name) {
  if (name == "SCMP_CMP_NE") return SCMP_CMP_NE;
  if (name == "SCMP_CMP_LT") return SCMP_CMP_LT;
  if (name == "SCMP_CMP_LE") return SCMP_CMP_LE;
  if (name == "SCMP_CMP_EQ") return SCMP_CMP_EQ;
  if (name == "SCMP_CMP_GE") return SCMP_CMP_GE;
  if (name == "SCMP_CMP_GT") return SCMP_CMP_GT;
  if (name == "SCMP_CMP_MASKED_EQ") return SCMP_CMP_MASKED_EQ;
  throw base::Error("linux.seccomp", name, "unsupported comparison");
}

std::uint32_t error_number_of(const base::Json& object, std::string_view member) {
  std::int64_t value = base::json_integer(object, member, EPERM);
  if (value < 0 || value > 4095) throw base::Error("linux.seccomp", member, "not an errno (0 to 4095)");
  return static_cast<std::uint32_t>(value);
}

std::uint64_t unsigned_member(const base::Json& object, const char* member) {
  auto found = object.find(member);
  if (found == object.end()) return 0;
  if (!found->is_number_integer()) throw base::Error("linux.seccomp", member, "not a whole number");
  return found->get<std::uint64_t>();
}

void add_call_group(Filter& filter, const base::Json& group) {
  for (const auto& [key, value] : group.items()) {
    if (key != "names" && key != "action" && key != "errnoRet" && key != "args") {
      throw base::Error("linux.seccomp.syscalls", key, "unsupported member");
    }
  }
  std::uint32_t action = action_by_name(base::json_string(group, "action"), error_number_of(group, "errnoRet"));
  std::vector<scmp_arg_cmp> arguments;
  if (auto args = group.find("args"); args != group.end() && args->is_array()) {
    for (const base::Json& argument : *args) {
      std::uint64_t index = unsigned_member(argument, "index");
      if (index > 5) throw base::Error("linux.seccomp.syscalls", "args.index", "a call has 6 arguments");
      arguments.push_back(compare(static_cast<unsigned>(index), comparison_by_name(base::json_string(argument, "op")),
                                  unsigned_member(argument, "value"), unsigned_member(argument, "valueTwo")));
    }
  }
  auto names = group.find("names");
  if (names == group.end() || !names->is_array()) throw base::Error("linux.seccomp.syscalls", "names", "missing");
  // libseccomp wants an argument at most once in a rule; Docker's generator writes alternatives that way.
  bool repeated = false;
  for (std::size_t i = 0; i < arguments.size(); i++) {
    for (std::size_t j = 0; j < i; j++) repeated = repeated || arguments[i].arg == arguments[j].arg;
  }
  for (const base::Json& name : *names) {
    if (!name.is_string()) throw base::Error("linux.seccomp.syscalls", "names", "not a list of texts");
    if (!repeated) {
      filter.rule(action, name.get<std::string>(), arguments);
      continue;
    }
    for (const scmp_arg_cmp& argument : arguments) filter.rule(action, name.get<std::string>(), {argument});
  }
}

}  // namespace

BpfProgram default_seccomp_filter(Capabilities bounding) {
  Filter filter(SCMP_ACT_ERRNO(EPERM));
  for (std::string_view names : allowed_calls()) filter.rules(SCMP_ACT_ALLOW, names);
  bool administrator = false;
  for (const CapabilityCalls& group : calls_by_capability()) {
    std::optional<Capabilities> capability = capability_by_name(group.capability);
    if (!capability || !(bounding & *capability)) continue;
    filter.rules(SCMP_ACT_ALLOW, group.calls);
    administrator = administrator || group.capability == "CAP_SYS_ADMIN";
  }
  // AF_ALG and AF_VSOCK (to the hypervisor) are not namespaced and are a large piece of kernel.
  filter.rule(SCMP_ACT_ALLOW, "socket", {compare(0, SCMP_CMP_LT, AF_ALG)});
  filter.rule(SCMP_ACT_ALLOW, "socket", {compare(0, SCMP_CMP_EQ, AF_ALG + 1)});
  filter.rule(SCMP_ACT_ALLOW, "socket", {compare(0, SCMP_CMP_GT, AF_VSOCK)});
  // PER_LINUX, PER_LINUX32, UNAME26 with either, and the query.
  for (std::uint64_t value : {0x0ULL, 0x8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL}) {
    filter.rule(SCMP_ACT_ALLOW, "personality", {compare(0, SCMP_CMP_EQ, value)});
  }
  if (administrator) {
    filter.rules(SCMP_ACT_ALLOW, "clone clone3");
  } else {
    filter.rule(SCMP_ACT_ALLOW, "clone", {compare(0, SCMP_CMP_MASKED_EQ, kNamespaceFlags, 0)});
    // Its flags are in memory, where a filter cannot look: absent, so that the C library uses clone.
    filter.rules(SCMP_ACT_ERRNO(ENOSYS), absent_calls());
  }
  return with_unknown_calls_absent(filter.program());
}

BpfProgram compile_seccomp(const base::Json& seccomp) {
  if (!seccomp.is_object()) throw base::Error("linux.seccomp", "", "not an object");
  for (const auto& [key, value] : seccomp.items()) {
    if (key != "defaultAction" && key != "defaultErrnoRet" && key != "architectures" && key != "syscalls" &&
        key != "flags") {
      throw base::Error("linux.seccomp", key, "unsupported member");
    }
  }
  Filter filter(
      action_by_name(base::json_string(seccomp, "defaultAction"), error_number_of(seccomp, "defaultErrnoRet")));
  if (auto names = seccomp.find("architectures"); names != seccomp.end() && names->is_array()) {
    for (const base::Json& name : *names) {
      std::string text = name.is_string() ? name.get<std::string>() : "";
      std::string short_name = text.starts_with("SCMP_ARCH_") ? base::lower(text.substr(10)) : "";
      std::uint32_t token = short_name.empty() ? 0 : seccomp_arch_resolve_name(short_name.c_str());
      if (token == 0) throw base::Error("linux.seccomp.architectures", text, "unknown");
      filter.add_architecture(token);
    }
  }
  if (auto flags = seccomp.find("flags"); flags != seccomp.end() && flags->is_array()) {
    for (const base::Json& flag : *flags) {
      std::string text = flag.is_string() ? flag.get<std::string>() : "";
      if (text == "SECCOMP_FILTER_FLAG_LOG") filter.attribute(SCMP_FLTATR_CTL_LOG, 1);
      // The container starts with one thread, so synchronising threads is what happens anyway.
      else if (text != "SECCOMP_FILTER_FLAG_TSYNC")
        throw base::Error("linux.seccomp.flags", text, "unsupported");
    }
  }
  if (auto groups = seccomp.find("syscalls"); groups != seccomp.end() && groups->is_array()) {
    for (const base::Json& group : *groups) add_call_group(filter, group);
  }
  BpfProgram program = filter.program();
  bool denies = base::json_string(seccomp, "defaultAction") == "SCMP_ACT_ERRNO";
  return denies ? with_unknown_calls_absent(std::move(program)) : program;
}

void install_seccomp(const BpfProgram& program) {
  if (program.empty()) return;
  sock_fprog code = {.len = static_cast<unsigned short>(program.size()),
                     .filter = const_cast<sock_filter*>(program.data())};
  base::check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &code), "install the seccomp filter");
}

std::string seccomp_to_bytes(const BpfProgram& program) {
  return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
}

BpfProgram seccomp_from_bytes(std::string_view bytes) {
  if (bytes.size() % sizeof(sock_filter) != 0 || bytes.size() / sizeof(sock_filter) > kMaxInstructions) {
    throw base::Error("read the seccomp filter", "", "its length is not that of a program");
  }
  BpfProgram program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  return program;
}

}  // namespace runtime
