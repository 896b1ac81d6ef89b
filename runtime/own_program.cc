#include "runtime/own_program.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace runtime {
namespace {

// It survives the execve(2) of protect_binary() in the environment; a container's environment never comes from ours.
constexpr const char* kVariable = "CLUSTEROS_RUNTIME_PROGRAM";
constexpr const char* kSelf = "/proc/self/exe";

std::string path_of_self() {
  std::array<char, 4096> buffer = {};
  ssize_t length = base::check(readlink(kSelf, buffer.data(), buffer.size()), "read link", kSelf);
  std::string path(buffer.data(), static_cast<std::size_t>(length));
  constexpr std::string_view kReplaced = " (deleted)";
  if (path.ends_with(kReplaced)) path.resize(path.size() - kReplaced.size());
  return path;
}

}  // namespace

std::string own_program() {
  const char* remembered = std::getenv(kVariable);
  return remembered != nullptr && remembered[0] == '/' ? remembered : path_of_self();
}

void remember_own_program() {
  if (std::getenv(kVariable) == nullptr) setenv(kVariable, path_of_self().c_str(), 1);
}

}  // namespace runtime
