#pragma once
// What the members of a cluster replicate: entries of the log, configurations, and the messages of the Raft protocol
// (Ongaro, "Consensus: Bridging Theory and Practice", 2014). Plain data, no rules.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kv {

// Who replicates the log. A voter counts in elections and majorities; a learner only receives (libraft: standby).
struct RaftServer {
  std::uint64_t id = 0;
  bool voter = false;

  bool operator==(const RaftServer&) const = default;
};
using RaftConfiguration = std::vector<RaftServer>;

enum class EntryKind : std::uint8_t {
  kCommand = 1,
  kBarrier = 2,        // changes nothing: makes the first entry of a term
  kConfiguration = 3,  // the bytes are an encoded RaftConfiguration
};

// The bytes are shared by the log on the disk, the cache and the messages: they are made once and never change.
struct RaftEntry {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  EntryKind kind = EntryKind::kCommand;
  std::shared_ptr<const std::string> data = {};

  std::string_view bytes() const { return data ? std::string_view(*data) : std::string_view(); }
};

// A point in the log, and who was in the cluster there: where a log begins whose older entries are in a checkpoint.
struct RaftBase {
  std::uint64_t index = 0;
  std::uint64_t term = 0;
  std::uint64_t configuration_index = 0;
  RaftConfiguration configuration = {};

  bool operator==(const RaftBase&) const = default;
};

// What a member must not forget, or it would vote twice.
struct HardState {
  std::uint64_t term = 0;
  std::uint64_t voted_for = 0;

  bool operator==(const HardState&) const = default;
};

// What a log on the disk holds at the start.
struct LogContent {
  HardState state;
  std::uint64_t first_index = 1;  // the first entry is, or will be, this one
  std::vector<RaftEntry> entries = {};
};

enum class MessageKind : std::uint8_t {
  kAppend = 1,
  kAppendResult = 2,
  kVote = 3,
  kVoteResult = 4,
  kInstallSnapshot = 5,
  kTimeoutNow = 6,
};

// The fields that a kind does not have are 0.
struct RaftMessage {
  MessageKind kind = MessageKind::kAppend;
  std::uint64_t peer = 0;  // the sender, or where it goes
  std::uint64_t term = 0;
  std::uint64_t index = 0;        // kAppend: of the entry before; kAppendResult, kVote, kTimeoutNow: of the last entry
  std::uint64_t index_term = 0;   // the term of that entry
  std::uint64_t commit = 0;       // kAppend
  std::uint64_t rejected = 0;     // kAppendResult: the index that did not match, 0: success
  std::uint32_t entry_count = 0;  // kAppend: how many follow `index`
  bool disrupt_leader = false;    // kVote: the leader itself asked for the election
  bool pre_vote = false;
  bool granted = false;
  std::vector<RaftEntry> entries = {};  // kAppend: once they are attached
};

std::string encode(const RaftConfiguration& configuration);
RaftConfiguration decode_configuration(std::string_view bytes);  // throws base::Error

}  // namespace kv
