#include "kv/first_entries.h"

#include <algorithm>

#include "kv/proposal_entry.h"

namespace kv {

std::vector<RaftEntry> first_entries(std::vector<Member> members) {
  std::ranges::sort(members, {}, &Member::id);
  RaftConfiguration configuration;
  for (const Member& member : members) configuration.push_back({member.id, true});
  std::vector<RaftEntry> entries;
  auto add = [&](EntryKind kind, std::string bytes) {
    entries.push_back({entries.size() + 1, kFirstTerm, kind, std::make_shared<const std::string>(std::move(bytes))});
  };
  add(EntryKind::kConfiguration, encode(configuration));
  for (const Member& member : members) {
    const std::string command = encode(create_member(member));
    add(EntryKind::kCommand, encode_proposal_entry({0, 0, command}));
  }
  return entries;
}

}  // namespace kv
