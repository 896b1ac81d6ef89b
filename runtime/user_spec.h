#pragma once
// "--user": who a process runs as, looked up in the container's own /etc/passwd and /etc/group.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runtime {

struct ResolvedUser {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary
  std::string home = "/";
};

// "", "name", "uid", "name:group", "uid:gid". Numbers are decimal, at most 2147483647, without sign or blanks: a text
// that begins like a number but is none is a name, never the number (CVE-2026-30892, CVE-2024-40635). A user that is
// not in passwd must be a number, and has then group 0. Throws base::Error for an unknown name.
ResolvedUser resolve_user(std::string_view text, std::string_view passwd, std::string_view group);

}  // namespace runtime
