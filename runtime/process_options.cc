#include "runtime/process_options.h"

#include "base/error.h"
#include "base/file.h"
#include "runtime/run_options.h"

namespace runtime {

std::vector<base::Option> process_options() {
  return {
      {.name = "env",
       .letter = 'e',
       .value = "NAME[=VALUE]",
       .help = "set a variable, or pass on the one that is set here",
       .repeatable = true},
      {.name = "env-file", .value = "FILE", .help = "the same from a file, one a line", .repeatable = true},
      {.name = "user",
       .letter = 'u',
       .value = "USER[:GROUP]",
       .help = "who it runs as; the container's user otherwise"},
      {.name = "workdir", .letter = 'w', .value = "PATH", .help = "where it starts; the container's otherwise"},
  };
}

std::vector<std::string> environment_of(const base::Invocation& invocation) {
  std::vector<std::string> environment;
  for (const std::string& file : invocation.get_all("env-file")) {
    for (std::string& entry : parse_environment_file(base::read_file(file, kMaxWordsFile), file)) {
      environment.push_back(std::move(entry));
    }
  }
  for (const std::string& text : invocation.get_all("env")) {
    if (auto entry = parse_environment(text)) environment.push_back(*entry);
  }
  return environment;
}

std::optional<std::string> user_of(const base::Invocation& invocation) {
  if (!invocation.given("user")) return std::nullopt;
  return invocation.get("user");
}

std::optional<std::string> working_directory_of(const base::Invocation& invocation) {
  if (!invocation.given("workdir")) return std::nullopt;
  const std::string& path = invocation.get("workdir");
  if (!path.starts_with('/')) throw base::UsageError("--workdir '" + path + "': expected an absolute path");
  return path;
}

}  // namespace runtime
