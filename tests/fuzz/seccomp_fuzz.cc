// linux.seccomp of a config.json, compiled to what the kernel takes: every way through the program ends with a return,
// and no jump leaves it (bpf_check_classic() in net/core/filter.c).

#include <linux/filter.h>

#include "base/error.h"
#include "base/json.h"
#include "fuzz.h"
#include "runtime/seccomp_filter.h"

namespace {

void is_a_program(const runtime::BpfProgram& program) {
  fuzz::must(!program.empty() && program.size() <= BPF_MAXINSNS, "the program has an allowed length");
  fuzz::must(BPF_CLASS(program.back().code) == BPF_RET, "the last instruction returns");
  for (std::size_t at = 0; at < program.size(); at++) {
    const sock_filter& step = program[at];
    if (BPF_CLASS(step.code) != BPF_JMP) continue;
    const std::size_t left = program.size() - at - 1;
    const bool always = BPF_OP(step.code) == BPF_JA;
    const std::size_t furthest = always ? step.k : std::max(step.jt, step.jf);
    fuzz::must(furthest < left, "no jump leaves the program");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const runtime::BpfProgram program =
        runtime::compile_seccomp(base::parse_json(fuzz::text_of(data, size), "linux.seccomp")).program;
    is_a_program(program);
    const std::string bytes = runtime::seccomp_to_bytes(program);
    fuzz::must(runtime::seccomp_to_bytes(runtime::seccomp_from_bytes(bytes)) == bytes, "a filter survives its file");
  } catch (const base::Error&) {
  }
  return 0;
}
