#pragma once
// A change to the store, as it is proposed to the engine, kept in its log and applied by every member. Everything that
// a change depends on is in it (the time too), so that all members that apply the same commands hold the same state.
//
// Bytes (docs/formats/kv-command.md): version, operation, flags, three integers, three strings.

#include <cstdint>
#include <string>
#include <string_view>

namespace kv {

enum class Operation : std::uint8_t {
  kSet = 1,             // make or replace
  kCreate = 2,          // only when there is none
  kCreateInOrder = 3,   // below `key`, named after the new index
  kUpdate = 4,          // only when there is one
  kCompareAndSwap = 5,  // when previous_value and previous_index hold (empty, 0: no condition)
  kDelete = 6,
  kCompareAndDelete = 7,
  kExpire = 8,  // remove all that ran out at `time`
  // The cluster's members (kv/members.h). `key`: the member's directory, `value`: its raftAttributes or attributes.
  kAddMember = 9,
  kUpdateMember = 10,
  kRemoveMember = 11,   // for ever
  kPublishMember = 12,  // a known member says its name and its clients' URLs
  // Keys and leases, as v3 has them.
  kTransaction = 13,  // `value`: encode(Transaction) (kv/transaction.h)
  kCompact = 14,      // `previous_index`: states before this revision are not asked for any more
  kGrantLease = 15,   // `key`: the lease's path (kv/leases.h), `value`: its seconds, `expires_at`
  kRenewLease = 16,   // from `time` on
  kRevokeLease = 17,
};

struct Command {
  Operation operation = Operation::kSet;
  std::string key = {};  // clean absolute path in the tree ("/1/foo")
  std::string value = {};
  std::string previous_value = {};
  std::uint64_t previous_index = 0;
  bool directory = false;
  bool recursive = false;
  bool refresh = false;         // keep the value, wake no watcher
  bool strict = false;          // kAddMember, kRemoveMember: only if a quorum of started members is left
  std::int64_t expires_at = 0;  // nanoseconds since 1970 UTC, 0: never
  std::int64_t time = 0;        // the proposer's clock, the same unit

  bool operator==(const Command&) const = default;
};

std::string encode(const Command& command);

// Throws base::Error for bytes that encode() cannot have made.
Command decode_command(std::string_view bytes);

}  // namespace kv
