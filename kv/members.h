#pragma once
// Who is in the cluster. The facts live in the tree, as etcd keeps them: /0/members/<id>/raftAttributes and
// /0/members/<id>/attributes hold JSON, /0/removed_members/<id> the ids that never come back, /0/version the version of
// the API. They change by commands (kAddMember …), which the store checks as it applies them (store_members.cc).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/command.h"
#include "kv/store.h"

namespace kv {

// The etcd whose v2 API this is: clients read it from /version.
inline constexpr std::string_view kApiServerVersion = "3.4.23";
inline constexpr std::string_view kApiClusterVersion = "3.4.0";

inline constexpr std::string_view kMembersKey = "/0/members";

struct Member {
  std::uint64_t id = 0;
  std::string name = {};
  std::vector<std::string> peer_urls = {};
  std::vector<std::string> client_urls = {};

  // It has run and said its name.
  bool started() const { return !name.empty(); }
  bool operator==(const Member&) const = default;
};

std::string id_text(std::uint64_t id);  // hexadecimal, as in URLs and headers

// etcd's identities (membership/member.go, cluster.go): first 8 bytes of the SHA-1 of the sorted peer URLs and a token,
// and of the member ids. The token tells clusters apart whose members have the same URLs.
std::uint64_t member_id(std::vector<std::string> peer_urls, std::string_view token);
std::uint64_t cluster_id(std::vector<std::uint64_t> member_ids);

// Sorted by id. Store::member_changes() tells when it is worth asking again.
std::vector<Member> members_of(const Store& store);
bool is_removed_member(const Store& store, std::uint64_t id);

std::string member_key(std::uint64_t id);          // "/0/members/<id>"
std::string removed_member_key(std::uint64_t id);  // "/0/removed_members/<id>"
std::optional<std::uint64_t> member_id_of_key(std::string_view key);

// From raftAttributes; none for text that is no such JSON.
std::vector<std::string> peer_urls_of(std::string_view raft_attributes);

// strconv.ParseUint(text, 16, 64).
std::optional<std::uint64_t> parse_id(std::string_view text);

// The change that adds a member, gives it other peer URLs, or removes it. `strict`: see Command. `now`: nanoseconds
// since 1970 UTC.
Command add_member_command(const Member& member, bool strict, std::int64_t now);
Command update_member_command(const Member& member, std::int64_t now);
Command remove_member_command(std::uint64_t id, bool strict, std::int64_t now);

// Makes a member and its peer URLs known. No time is in it: all members of a new cluster make the same bytes.
Command create_member(const Member& member);

// What must be proposed so that the store knows the cluster's version and this member as it is now; nothing when it
// does already. On a fresh store that is three commands, so that the first user's write has index 4, as in etcd.
std::vector<Command> member_commands(const Store& store, const Member& self, std::int64_t now);

// {"id":…,"name":…,"peerURLs":[…],"clientURLs":[…]}, the id in hexadecimal, as on the client port.
std::string member_json(const Member& member);
// As etcd's peer port has it: the id is a number.
std::string peer_member_json(const Member& member);

}  // namespace kv
