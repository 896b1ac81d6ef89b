// Changes of the cluster's members, checked and made where they are applied, so that every member decides alike
// (etcd 3.4 etcdserver/api/membership/{cluster,store}.go). The tree holds them as etcd's does: adding makes one event,
// updating one, removing two (the directory goes, the id is remembered as removed).

#include <algorithm>

#include "kv/members.h"
#include "kv/store.h"

namespace kv {

namespace {

// Started members must stay a quorum of those that would be there. The second member of a cluster may always be added.
bool may_add(const std::vector<Member>& members) {
  auto started = static_cast<std::size_t>(std::ranges::count_if(members, &Member::started));
  std::size_t after = members.size() + 1;
  return (started == 1 && after == 2) || started >= after / 2 + 1;
}

bool may_remove(const std::vector<Member>& members, std::uint64_t id) {
  auto stays_started = [&](const Member& member) { return member.id != id && member.started(); };
  auto started = static_cast<std::size_t>(std::ranges::count_if(members, stays_started));
  return started >= (members.size() - 1) / 2 + 1;
}

bool has_peer_url_of(const std::vector<Member>& members, const std::vector<std::string>& urls, std::uint64_t except) {
  return std::ranges::any_of(members, [&](const Member& member) {
    return member.id != except && std::ranges::find_first_of(member.peer_urls, urls) != member.peer_urls.end();
  });
}

}  // namespace

std::optional<ErrorCode> Store::member_refusal(const Command& command) const {
  std::optional<std::uint64_t> id = member_id_of_key(command.key);
  if (!id) return ErrorCode::kMemberUnknown;
  if (is_removed_member(*this, *id)) return ErrorCode::kMemberRemoved;
  std::vector<Member> members = members_of(*this);
  bool known = std::ranges::contains(members, *id, &Member::id);
  if (command.operation == Operation::kAddMember) {
    if (known) return ErrorCode::kMemberExists;
  } else if (!known) {
    return ErrorCode::kMemberUnknown;
  }
  if (command.operation == Operation::kAddMember || command.operation == Operation::kUpdateMember) {
    if (has_peer_url_of(members, peer_urls_of(command.value), *id)) return ErrorCode::kPeerUrlExists;
  }
  if (!command.strict) return std::nullopt;
  if (command.operation == Operation::kAddMember && !may_add(members)) return ErrorCode::kTooFewStarted;
  if (command.operation == Operation::kRemoveMember && !may_remove(members, *id)) return ErrorCode::kTooFewStarted;
  return std::nullopt;
}

Applied Store::change_member(const Command& command) {
  if (std::optional<ErrorCode> refusal = member_refusal(command)) return {error(*refusal, command.key)};
  Applied applied{EventPtr()};
  auto keep = [&](Result result, std::uint64_t& counter) {
    if (const EventPtr* event = std::get_if<EventPtr>(&result)) {
      ++counter;
      applied.events.push_back(*event);
    }
    if (applied.events.size() <= 1) applied.result = std::move(result);
  };
  Command part{.operation = Operation::kCreate, .key = command.key + "/raftAttributes", .value = command.value};
  part.time = command.time;
  switch (command.operation) {
    case Operation::kAddMember:
      keep(create(part), stats_.create_success);
      break;
    case Operation::kUpdateMember:
      part.operation = Operation::kUpdate;
      keep(update(part), stats_.update_success);
      break;
    case Operation::kPublishMember:
      part.operation = Operation::kSet;
      part.key = command.key + "/attributes";
      keep(set(part), stats_.sets_success);
      break;
    default:
      part.operation = Operation::kDelete;
      part.key = command.key;
      part.recursive = true;
      keep(remove(part), stats_.delete_success);
      part.operation = Operation::kCreate;
      part.key = removed_member_key(*member_id_of_key(command.key));
      part.value.clear();
      keep(create(part), stats_.create_success);
  }
  return applied;
}

}  // namespace kv
