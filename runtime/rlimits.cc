#include "runtime/rlimits.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.h"

namespace runtime {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 16> kLimits = {{{"as", RLIMIT_AS},
                                                                       {"core", RLIMIT_CORE},
                                                                       {"cpu", RLIMIT_CPU},
                                                                       {"data", RLIMIT_DATA},
                                                                       {"fsize", RLIMIT_FSIZE},
                                                                       {"locks", RLIMIT_LOCKS},
                                                                       {"memlock", RLIMIT_MEMLOCK},
                                                                       {"msgqueue", RLIMIT_MSGQUEUE},
                                                                       {"nice", RLIMIT_NICE},
                                                                       {"nofile", RLIMIT_NOFILE},
                                                                       {"nproc", RLIMIT_NPROC},
                                                                       {"rss", RLIMIT_RSS},
                                                                       {"rtprio", RLIMIT_RTPRIO},
                                                                       {"rttime", RLIMIT_RTTIME},
                                                                       {"sigpending", RLIMIT_SIGPENDING},
                                                                       {"stack", RLIMIT_STACK}}};

}  // namespace

std::vector<std::string> resource_limit_words() {
  std::vector<std::string> words;
  for (const auto& [word, number] : kLimits) words.emplace_back(word);
  return words;
}

std::optional<int> resource_limit_by_name(std::string_view name) {
  const auto* known = std::ranges::find(kLimits, name, &std::pair<std::string_view, int>::first);
  return known == kLimits.end() ? std::nullopt : std::optional(known->second);
}

std::string resource_limit_name(int resource) {
  const auto* known = std::ranges::find(kLimits, resource, &std::pair<std::string_view, int>::second);
  if (known == kLimits.end()) return std::to_string(resource);
  std::string name = "RLIMIT_";
  for (char letter : known->first) name += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  return name;
}

void apply_resource_limits(const Process& process, int pid) {
  for (const ResourceLimit& limit : process.limits) {
    base::check(prlimit(pid, static_cast<__rlimit_resource>(limit.resource), &limit.limit, nullptr),
                "set resource limit", resource_limit_name(limit.resource));
  }
}

}  // namespace runtime
