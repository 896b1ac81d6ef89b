#include "runtime/user_spec.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "base/users.h"

namespace runtime {
namespace {

constexpr std::uint64_t kHighestId = 2147483647;

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::uint32_t parse_id(std::string_view text, std::string_view whole) {
  std::optional<std::uint64_t> value = base::parse_unsigned(text);
  if (!value || *value > kHighestId) throw base::Error("user", whole, "an id is a number from 0 to 2147483647");
  return static_cast<std::uint32_t>(*value);
}

}  // namespace

ResolvedUser resolve_user(std::string_view text, std::string_view passwd, std::string_view group) {
  std::size_t colon = text.find(':');
  std::string_view user_part = text.substr(0, colon);
  std::optional<std::string_view> group_part;
  if (colon != std::string_view::npos) group_part = text.substr(colon + 1);
  if ((!text.empty() && user_part.empty()) || (group_part && group_part->empty())) {
    throw base::Error("user", text, "expected USER or USER:GROUP");
  }

  ResolvedUser result;
  std::optional<base::User> user;
  if (is_number(user_part)) {
    result.uid = parse_id(user_part, text);
    user = base::find_user(passwd, result.uid);
  } else {
    std::string_view name = user_part.empty() ? std::string_view("root") : user_part;
    user = base::find_user(passwd, name);
    if (!user && !user_part.empty()) throw base::Error("user", user_part, "not in the container's /etc/passwd");
  }
  if (user) {
    if (user->uid > kHighestId || user->gid > kHighestId) {
      throw base::Error("user", text, "the container's /etc/passwd has an id above 2147483647");
    }
    result.uid = user->uid;
    result.gid = user->gid;
    if (user->home.starts_with('/')) result.home = user->home;
  }
  if (!group_part) {
    if (user) result.groups = base::supplementary_groups(group, user->name);
    std::erase_if(result.groups, [](std::uint32_t id) { return id > kHighestId; });
    return result;
  }
  if (is_number(*group_part)) {
    result.gid = parse_id(*group_part, text);
  } else {
    std::optional<base::Group> found = base::find_group(group, *group_part);
    if (!found) throw base::Error("group", *group_part, "not in the container's /etc/group");
    if (found->gid > kHighestId) throw base::Error("group", *group_part, "its id is above 2147483647");
    result.gid = found->gid;
  }
  return result;
}

}  // namespace runtime
