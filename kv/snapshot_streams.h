#pragma once
// Snapshots on their way to members that lag too far behind: pieces with a checksum each, a few under way at a time,
// sent again from where they were acknowledged. Bookkeeping only: it sends nothing. One thread.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kv/engine.h"
#include "kv/peer_message.h"

namespace kv {

class SnapshotSenders {
 public:
  bool busy(std::uint64_t member) const { return streams_.contains(member); }
  bool idle() const { return streams_.empty(); }
  // Begins a stream; one that was under way to this member ends.
  void begin(std::uint64_t member, std::uint64_t stream, std::uint64_t term, std::unique_ptr<SnapshotReader> reader);
  // The pieces to send now. Throws base::Error when the reader does.
  std::vector<PeerSnapshotChunk> next(std::uint64_t member, std::uint64_t now_ms);
  // False when the member has lost what it had acknowledged (its process is another one): the stream has ended, and all
  // has to be sent again.
  bool acknowledged(std::uint64_t member, const PeerSnapshotAck& ack, std::uint64_t now_ms);
  // The pieces that were not acknowledged for this long, to be sent again. A stream without any answer for ten times as
  // long ends.
  std::vector<std::pair<std::uint64_t, PeerSnapshotChunk>> to_repeat(std::uint64_t now_ms, std::uint64_t after_ms);
  void clear() { streams_.clear(); }

 private:
  struct Stream {
    std::uint64_t id = 0;
    std::uint64_t term = 0;
    std::unique_ptr<SnapshotReader> reader;
    std::deque<PeerSnapshotChunk> window = {};  // sent, not acknowledged
    std::uint64_t offset = 0;                   // of the next piece
    std::uint32_t checksum = 0;
    bool ended = false;  // the reader has nothing more
    std::uint64_t sent_ms = 0;
    std::uint64_t answered_ms = 0;
  };

  std::map<std::uint64_t, Stream> streams_;
};

struct ReceivedSnapshot {
  std::uint64_t from = 0;
  std::uint64_t term = 0;
  RaftBase base = {};
  std::string state = {};
};

class SnapshotReceiver {
 public:
  static constexpr std::size_t kMaxState = std::size_t{8} * 1024 * 1024 * 1024;  // bytes

  // Who sends one, 0: nobody.
  std::uint64_t sender() const { return from_; }
  // Takes a piece and tells how far it has come, 0 for a stream whose beginning was not here; nothing for a piece that
  // cannot be used.
  std::optional<PeerSnapshotAck> take(std::uint64_t from, const PeerSnapshotChunk& chunk);
  // The whole, once, when the last piece has come.
  std::optional<ReceivedSnapshot> take_whole();
  void clear();

 private:
  std::uint64_t from_ = 0;
  std::uint64_t stream_ = 0;
  std::uint32_t checksum_ = 0;
  bool whole_ = false;
  ReceivedSnapshot snapshot_;
  std::uint64_t done_from_ = 0;  // of the last whole one
  std::uint64_t done_stream_ = 0;
};

}  // namespace kv
