#include "bootstrap/accounts.h"

#include <algorithm>
#include <format>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace bootstrap {
namespace {

std::set<std::uint32_t> numbers_in(std::string_view text) {
  std::set<std::uint32_t> numbers;  // the third field of passwd and of group
  for (const auto& line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() < 3) continue;
    if (const auto number = base::parse_unsigned(fields[2]); number && *number <= UINT32_MAX)
      numbers.insert(static_cast<std::uint32_t>(*number));
  }
  return numbers;
}

std::optional<std::uint32_t> free_number(const std::set<std::uint32_t>& used, std::uint32_t low, std::uint32_t high,
                                         bool from_top) {
  if (!from_top) {
    const auto above = used.upper_bound(high);
    const std::uint32_t highest = above == used.begin() ? 0 : *std::prev(above);
    const std::uint32_t next = std::max(low, highest + 1);
    if (next <= high) return next;
  }
  for (std::uint32_t number = high; number >= low && number != 0; number--)
    if (!used.contains(number)) return number;
  return std::nullopt;
}

void append_line(std::string& text, const std::string& line) {
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  text += line + "\n";
}

// Adds the member to the last field of the group's line in group or gshadow.
void add_member(std::string& text, std::string_view group, const std::string& member) {
  auto lines = base::split(text, '\n');
  for (auto& line : lines) {
    auto fields = base::split(line, ':');
    if (fields.size() != 4 || fields[0] != group) continue;
    auto members = base::split(fields[3], ',');
    std::erase(members, "");
    if (!std::ranges::contains(members, member)) members.push_back(member);
    fields[3] = base::join(members, ",");
    line = base::join(fields, ":");
  }
  text = base::join(lines, "\n");
}

std::optional<base::Group> find_group_by_number(std::string_view text, std::uint32_t gid) {
  for (const auto& line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() >= 3 && fields[2] == std::to_string(gid)) return base::find_group(text, fields[0]);
  }
  return std::nullopt;
}

base::Group existing_group(const AccountFiles& files, const std::string& name) {
  auto group = base::find_group(files.group, name);
  if (const auto number = base::parse_unsigned(name); !group && number && *number < UINT32_MAX)
    group = find_group_by_number(files.group, static_cast<std::uint32_t>(*number));
  if (!group) throw base::Error("add user", "", std::format("there is no group {}", name));
  return *group;
}

// A group of the user's own. One that is there already is taken only when nobody can have it: a power cut between our
// own writes leaves such a group.
std::uint32_t own_group(AccountFiles& files, const NewUser& user, std::uint32_t uid, const IdRanges& ranges) {
  if (const auto group = base::find_group(files.group, user.name)) {
    bool is_primary = false;
    for (const auto& line : base::split(files.passwd, '\n')) {
      const auto fields = base::split(line, ':');
      is_primary = is_primary || (fields.size() > 3 && fields[3] == std::to_string(group->gid));
    }
    if (is_primary || !group->members.empty() || group->gid < ranges.gid_min)
      throw base::Error("add user", user.name, "there is a group of this name already; give primary_group");
    return group->gid;
  }
  const auto used = numbers_in(files.group);
  const std::uint32_t low = user.system ? ranges.system_gid_min : ranges.gid_min;
  const std::uint32_t high = user.system ? ranges.system_gid_max : ranges.gid_max;
  const auto gid = used.contains(uid) ? free_number(used, low, high, user.system) : uid;
  if (!gid) throw base::Error("add user", user.name, "no group number is free");
  append_line(files.group, std::format("{}:x:{}:", user.name, *gid));
  if (!files.gshadow.empty()) append_line(files.gshadow, std::format("{}:!::", user.name));
  return *gid;
}

}  // namespace

IdRanges parse_login_defs(std::string_view text) {
  IdRanges ranges;
  const std::vector<std::pair<std::string_view, std::uint32_t*>> names{{"UID_MIN", &ranges.uid_min},
                                                                       {"UID_MAX", &ranges.uid_max},
                                                                       {"SYS_UID_MIN", &ranges.system_uid_min},
                                                                       {"SYS_UID_MAX", &ranges.system_uid_max},
                                                                       {"GID_MIN", &ranges.gid_min},
                                                                       {"GID_MAX", &ranges.gid_max},
                                                                       {"SYS_GID_MIN", &ranges.system_gid_min},
                                                                       {"SYS_GID_MAX", &ranges.system_gid_max}};
  for (const auto& line : base::split(text, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() < 2) continue;
    const auto number = base::parse_unsigned(words[1]);
    const auto found = std::ranges::find(names, words[0], [](const auto& pair) { return pair.first; });
    if (found != names.end() && number && *number < 65534) *found->second = static_cast<std::uint32_t>(*number);
  }
  return ranges;
}

base::User add_user(AccountFiles& files, const NewUser& user, const IdRanges& ranges, std::int64_t today) {
  if (base::find_user(files.passwd, user.name)) throw base::Error("add user", user.name, "there is one already");
  AccountFiles edited = files;
  const std::uint32_t low = user.system ? ranges.system_uid_min : ranges.uid_min;
  const std::uint32_t high = user.system ? ranges.system_uid_max : ranges.uid_max;
  // A number that is free in both files, so that the user's own group can have the same one.
  auto used = numbers_in(files.passwd);
  used.merge(numbers_in(files.group));
  auto uid = free_number(used, low, high, user.system);
  if (!uid) uid = free_number(numbers_in(files.passwd), low, high, user.system);
  if (!uid) throw base::Error("add user", user.name, "no user number is free");

  base::User added{user.name, *uid, 0, user.home, user.shell};
  if (!user.primary_group.empty()) {
    added.gid = existing_group(edited, user.primary_group).gid;
  } else {
    added.gid = user.no_user_group ? existing_group(edited, "users").gid : own_group(edited, user, *uid, ranges);
  }
  for (const auto& name : user.groups) {
    const auto group = existing_group(edited, name);
    add_member(edited.group, group.name, user.name);
    add_member(edited.gshadow, group.name, user.name);
  }
  append_line(edited.passwd,
              std::format("{}:x:{}:{}:{}:{}:{}", user.name, added.uid, added.gid, user.gecos, user.home, user.shell));
  set_password(edited, user.name, user.passwd, today);
  files = std::move(edited);
  return added;
}

bool set_password(AccountFiles& files, std::string_view name, std::string_view hash, std::int64_t today) {
  auto lines = base::split(files.shadow, '\n');
  for (auto& line : lines) {
    auto fields = base::split(line, ':');
    if (fields.size() < 3 || fields[0] != name) continue;
    if (fields[1] == hash) return false;
    fields[1] = hash;
    fields[2] = std::to_string(today);
    line = base::join(fields, ":");
    files.shadow = base::join(lines, "\n");
    return true;
  }
  append_line(files.shadow, std::format("{}:{}:{}:0:99999:7:::", name, hash, today));
  return true;
}

}  // namespace bootstrap
