#pragma once
// passwd(5) and group(5) read directly: a static binary has no NSS.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

struct User {
  std::string name;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string home;
  std::string shell;
};

struct Group {
  std::string name;
  std::uint32_t gid = 0;
  std::vector<std::string> members;
};

// From the text of the files; malformed lines are skipped, at most 100,000 lines are read.
std::optional<User> find_user(std::string_view passwd_text, std::string_view name);
std::optional<User> find_user(std::string_view passwd_text, std::uint32_t uid);
std::optional<Group> find_group(std::string_view group_text, std::string_view name);
std::vector<std::uint32_t> supplementary_groups(std::string_view group_text, std::string_view user);

// Of this machine (/etc/passwd, /etc/group).
std::optional<User> system_user(std::string_view name);
std::optional<Group> system_group(std::string_view name);

}  // namespace base
