#include "runtime/copy_path.h"

#include <limits.h>

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace runtime {

CopyOperand parse_copy_operand(const std::string& text) {
  if (text.empty()) throw base::UsageError("cp: an empty path; expected CONTAINER:PATH, a path of this machine, or -");
  if (text == "-") return {.stream = true};
  std::size_t colon = text.find(':');
  if (text.starts_with('/') || text.starts_with('.') || colon == std::string::npos) return {.path = text};
  CopyOperand operand{.container = text.substr(0, colon), .path = text.substr(colon + 1)};
  if (operand.container.empty() || operand.path.empty()) {
    throw base::UsageError("cp '" + text + "': expected CONTAINER:PATH (./" + text + " is a file of this machine)");
  }
  return operand;
}

void throw_too_large(const std::string& what, std::uint64_t max_bytes) {
  throw base::Error("copy", what,
                    "the files have more than " + base::format_size(max_bytes) + " together (--max-size)");
}

CopiedName copied_name(const std::string& path) {
  std::string_view rest = path;
  while (rest.ends_with('/')) rest.remove_suffix(1);
  std::string name(rest.substr(rest.rfind('/') + 1));
  if (name.empty() || name == "." || name == "..") return {.name = ".", .contents = true};
  return {.name = name, .contents = false};
}

Destination split_destination(const std::string& path) {
  std::string bare = path;
  while (bare.ends_with('/') || bare.ends_with("/.")) bare.pop_back();
  std::size_t slash = bare.rfind('/');
  if (slash == std::string::npos) return {.parent = "", .name = bare};
  return {.parent = bare.substr(0, slash), .name = bare.substr(slash + 1)};
}

bool names_a_directory(const std::string& path) {
  return path.ends_with('/') || copied_name(path).contents;
}

std::vector<std::string> archived_path(const std::string& name) {
  if (name.size() >= PATH_MAX)
    throw base::Error("copy", name.substr(0, 60) + "…", "the name is longer than 4095 bytes");
  std::vector<std::string> parts = base::split(name, '/');
  std::erase_if(parts, [](const std::string& part) { return part.empty() || part == "."; });
  if (std::ranges::contains(parts, "..")) throw base::Error("copy", name, "'..' in the name of an entry");
  return parts;
}

}  // namespace runtime
