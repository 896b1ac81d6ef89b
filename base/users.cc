#include "base/users.h"

#include <algorithm>

#include "base/file.h"
#include "base/text.h"

namespace base {
namespace {

constexpr std::size_t kMaxLines = 100'000;

// Calls `use` with the fields of each line until it returns true.
template <typename Use>
void each_line(std::string_view text, std::size_t fields, const Use& use) {
  for (std::size_t lines = 0; !text.empty() && lines < kMaxLines; ++lines) {
    const auto end = text.find('\n');
    const auto parts = split(text.substr(0, end), ':');
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (parts.size() >= fields && use(parts)) return;
  }
}

// Ids are 32 bits; all ones means "no change" to chown(2) and is nobody's.
std::optional<std::uint32_t> parse_id(std::string_view text) {
  const auto id = parse_unsigned(text);
  if (!id || *id >= UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*id);
}

std::optional<User> to_user(const std::vector<std::string>& parts) {
  const auto uid = parse_id(parts[2]);
  const auto gid = parse_id(parts[3]);
  if (!uid || !gid) return std::nullopt;
  return User{parts[0], *uid, *gid, parts[5], parts[6]};
}

std::optional<Group> to_group(const std::vector<std::string>& parts) {
  const auto gid = parse_id(parts[2]);
  if (!gid) return std::nullopt;
  Group group{parts[0], *gid, {}};
  if (!parts[3].empty()) group.members = split(parts[3], ',');
  return group;
}

}  // namespace

std::optional<User> find_user(std::string_view passwd_text, std::string_view name) {
  std::optional<User> found;
  each_line(passwd_text, 7,
            [&](const auto& parts) { return parts[0] == name && (found = to_user(parts)).has_value(); });
  return found;
}

std::optional<User> find_user(std::string_view passwd_text, std::uint32_t uid) {
  std::optional<User> found;
  each_line(passwd_text, 7,
            [&](const auto& parts) { return parse_id(parts[2]) == uid && (found = to_user(parts)).has_value(); });
  return found;
}

std::optional<Group> find_group(std::string_view group_text, std::string_view name) {
  std::optional<Group> found;
  each_line(group_text, 4,
            [&](const auto& parts) { return parts[0] == name && (found = to_group(parts)).has_value(); });
  return found;
}

std::vector<std::uint32_t> supplementary_groups(std::string_view group_text, std::string_view user) {
  std::vector<std::uint32_t> groups;
  each_line(group_text, 4, [&](const auto& parts) {
    const auto group = to_group(parts);
    if (group && std::ranges::contains(group->members, user)) groups.push_back(group->gid);
    return false;
  });
  return groups;
}

std::optional<User> system_user(std::string_view name) {
  return find_user(read_file("/etc/passwd"), name);
}

std::optional<Group> system_group(std::string_view name) {
  return find_group(read_file("/etc/group"), name);
}

}  // namespace base
