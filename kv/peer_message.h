#pragma once
// What members say to each other (docs/formats/kv-peer.md): Raft's messages, and what goes above them: proposals on
// their way to the leader, the probes behind fresh reads, snapshots in pieces.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kv/engine.h"
#include "kv/raft_entry.h"

namespace kv {

// A command on its way to the leader. `origin` and `ticket` come back in the entry, so that the member that proposed it
// knows it again.
struct PeerProposal {
  std::uint64_t ticket = 0;
  std::string command = {};

  bool operator==(const PeerProposal&) const = default;
};
struct PeerPropose {
  std::uint64_t origin = 0;
  std::vector<PeerProposal> proposals = {};

  bool operator==(const PeerPropose&) const = default;
};

// The leader did not take these; nothing was done.
struct PeerRefuse {
  Refusal reason = Refusal::kNoLeader;  // kNoLeader: not the leader any more, to be tried again
  std::vector<std::uint64_t> tickets = {};

  bool operator==(const PeerRefuse&) const = default;
};

// "How far must I have applied to answer reads that are waiting here now?"
struct PeerReadRequest {
  std::uint64_t sequence = 0;

  bool operator==(const PeerReadRequest&) const = default;
};
struct PeerReadAnswer {
  std::uint64_t sequence = 0;
  std::uint64_t index = 0;  // 0: not the leader, ask another one

  bool operator==(const PeerReadAnswer&) const = default;
};

// "Am I still your leader?" An answer proves that there was no newer one when the probe was sent.
struct PeerProbe {
  std::uint64_t term = 0;
  std::uint64_t sequence = 0;

  bool operator==(const PeerProbe&) const = default;
};
struct PeerProbeAck {
  std::uint64_t term = 0;
  std::uint64_t sequence = 0;

  bool operator==(const PeerProbeAck&) const = default;
};

// A piece of the snapshot at `base`. The first one of a stream has offset 0.
struct PeerSnapshotChunk {
  std::uint64_t term = 0;
  std::uint64_t stream = 0;  // of the sender, new for each snapshot
  RaftBase base = {};
  std::uint64_t offset = 0;
  bool last = false;
  std::uint32_t checksum = 0;  // CRC-32C of all bytes up to the end of this piece
  std::string data = {};

  bool operator==(const PeerSnapshotChunk&) const = default;
};
inline constexpr std::uint64_t kNothingMore = UINT64_MAX;  // an offset: the rest of the stream is not needed
struct PeerSnapshotAck {
  std::uint64_t stream = 0;
  std::uint64_t offset = 0;  // all before it is here

  bool operator==(const PeerSnapshotAck&) const = default;
};

// How my state looks (kv/state_comparison.h).
struct PeerStateMark {
  StateMark mark;

  bool operator==(const PeerStateMark&) const = default;
};

// "My state is wrong: send me yours." The answer is a snapshot.
struct PeerStateRequest {
  bool operator==(const PeerStateRequest&) const = default;
};

using PeerMessage = std::variant<RaftMessage, PeerPropose, PeerRefuse, PeerReadRequest, PeerReadAnswer, PeerProbe,
                                 PeerProbeAck, PeerSnapshotChunk, PeerSnapshotAck, PeerStateMark, PeerStateRequest>;

inline constexpr std::size_t kMaxPeerMessage = 32 * 1024 * 1024;  // bytes; a longer one is damage

std::string encode(const PeerMessage& message);
// Throws base::Error for bytes that encode() cannot have made. The sender (RaftMessage::peer) is for the caller to set.
PeerMessage decode_peer_message(std::string_view bytes);

// What the figures about followers need to know of a message, at little cost.
struct AppendGist {
  enum class Kind : std::uint8_t { kOther, kEntries, kStored } kind = Kind::kOther;
  std::uint64_t last_index = 0;  // of the entries that go to a follower; up to which it has stored them
};
AppendGist append_gist(std::string_view bytes);  // kOther for bytes that are no message

}  // namespace kv
