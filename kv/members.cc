#include "kv/members.h"

#include <algorithm>
#include <charconv>
#include <format>

#include "base/digest.h"
#include "base/json.h"
#include "kv/go_text.h"

namespace kv {

namespace {

constexpr std::string_view kRemovedKey = "/0/removed_members";
constexpr std::string_view kVersionKey = "/0/version";

std::uint64_t first_eight_bytes(std::string_view hash) {
  std::uint64_t value = 0;
  for (char byte : hash.substr(0, 8)) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string list_json(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ',';
    append_json_string(out, text);
  }
  return out + "]";
}

std::string raft_attributes(const Member& member) {
  return "{\"peerURLs\":" + list_json(member.peer_urls) + "}";
}

std::string attributes(const Member& member) {
  return "{\"name\":" + json_quoted(member.name) + ",\"clientURLs\":" + list_json(member.client_urls) + "}";
}

std::vector<std::string> string_list(const base::Json& object, std::string_view member) {
  std::vector<std::string> texts;
  auto list = object.find(member);
  if (list == object.end()) return texts;
  for (const base::Json& text : *list) texts.push_back(text.get<std::string>());
  return texts;
}

Command put(Operation operation, std::string key, std::string value, std::int64_t now) {
  Command command{.operation = operation, .key = std::move(key), .value = std::move(value)};
  command.time = now;
  return command;
}

}  // namespace

std::string id_text(std::uint64_t id) {
  return std::format("{:x}", id);
}

std::uint64_t member_id(std::vector<std::string> peer_urls, std::string_view token) {
  std::ranges::sort(peer_urls);
  std::string text;
  for (const std::string& url : peer_urls) text += url;
  text += token;
  return first_eight_bytes(base::sha1_bytes(text));
}

std::uint64_t cluster_id(std::vector<std::uint64_t> member_ids) {
  std::ranges::sort(member_ids);
  std::string bytes;
  for (std::uint64_t id : member_ids) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(id >> shift & 0xff);
  }
  return first_eight_bytes(base::sha1_bytes(bytes));
}

std::vector<Member> members_of(const Store& store) {
  std::vector<Member> members;
  std::optional<NodeView> list = store.peek(std::string(kMembersKey));
  if (!list) return members;
  for (const NodeView& entry : list->nodes) {
    Member member;
    std::optional<std::uint64_t> id = member_id_of_key(entry.key);
    if (!id) continue;
    member.id = *id;
    for (const NodeView& part : entry.nodes) {
      base::Json facts = base::parse_json(part.value.value_or("{}"), part.key);
      if (part.key.ends_with("/raftAttributes")) {
        member.peer_urls = string_list(facts, "peerURLs");
      } else if (part.key.ends_with("/attributes")) {
        member.name = base::json_string(facts, "name");
        member.client_urls = string_list(facts, "clientURLs");
      }
    }
    members.push_back(std::move(member));
  }
  std::ranges::sort(members, {}, &Member::id);
  return members;
}

Command create_member(const Member& member) {
  return put(Operation::kCreate, std::format("{}/{}/raftAttributes", kMembersKey, id_text(member.id)),
             raft_attributes(member), 0);
}

bool is_removed_member(const Store& store, std::uint64_t id) {
  return store.peek(removed_member_key(id)).has_value();
}

std::string member_key(std::uint64_t id) {
  return std::format("{}/{}", kMembersKey, id_text(id));
}

std::string removed_member_key(std::uint64_t id) {
  return std::format("{}/{}", kRemovedKey, id_text(id));
}

std::optional<std::uint64_t> member_id_of_key(std::string_view key) {
  if (!key.starts_with(kMembersKey) || key.size() <= kMembersKey.size()) return std::nullopt;
  return parse_id(key.substr(kMembersKey.size() + 1));
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t id = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::vector<std::string> peer_urls_of(std::string_view raft_attributes) {
  try {
    return string_list(base::parse_json(raft_attributes, "raftAttributes"), "peerURLs");
  } catch (const std::exception&) {
    return {};
  }
}

Command add_member_command(const Member& member, bool strict, std::int64_t now) {
  Command command = put(Operation::kAddMember, member_key(member.id), raft_attributes(member), now);
  command.strict = strict;
  return command;
}

Command update_member_command(const Member& member, std::int64_t now) {
  return put(Operation::kUpdateMember, member_key(member.id), raft_attributes(member), now);
}

Command remove_member_command(std::uint64_t id, bool strict, std::int64_t now) {
  Command command = put(Operation::kRemoveMember, member_key(id), "", now);
  command.strict = strict;
  return command;
}

std::vector<Command> member_commands(const Store& store, const Member& self, std::int64_t now) {
  std::vector<Command> commands;
  std::vector<Member> members = members_of(store);
  auto known = std::ranges::find(members, self.id, &Member::id);
  if (known == members.end()) commands.push_back(add_member_command(self, false, now));
  if (known == members.end() || known->name != self.name || known->client_urls != self.client_urls) {
    commands.push_back(put(Operation::kPublishMember, member_key(self.id), attributes(self), now));
  }
  std::optional<NodeView> version = store.peek(std::string(kVersionKey));
  if (!version || version->value != kApiClusterVersion) {
    // Several members may begin at the same time: one of them makes it, and the index moves once.
    commands.push_back(put(version ? Operation::kSet : Operation::kCreate, std::string(kVersionKey),
                           std::string(kApiClusterVersion), now));
  }
  return commands;
}

std::string member_json(const Member& member) {
  return "{\"id\":" + json_quoted(id_text(member.id)) + ",\"name\":" + json_quoted(member.name) +
         ",\"peerURLs\":" + list_json(member.peer_urls) + ",\"clientURLs\":" + list_json(member.client_urls) + "}";
}

}  // namespace kv
