#include "kv/snapshot_streams.h"

#include "base/crc32c.h"

namespace kv {

namespace {
constexpr std::size_t kPiece = 256 * 1024;  // bytes
constexpr std::size_t kWindow = 4;          // pieces under way
constexpr std::uint64_t kPatience = 10;     // repetitions without an answer
}  // namespace

void SnapshotSenders::begin(std::uint64_t member, std::uint64_t stream, std::uint64_t term,
                            std::unique_ptr<SnapshotReader> reader) {
  streams_.insert_or_assign(member, Stream{stream, term, std::move(reader)});
}

std::vector<PeerSnapshotChunk> SnapshotSenders::next(std::uint64_t member, std::uint64_t now_ms) {
  std::vector<PeerSnapshotChunk> pieces;
  auto at = streams_.find(member);
  if (at == streams_.end()) return pieces;
  Stream& stream = at->second;
  if (stream.answered_ms == 0) stream.answered_ms = now_ms;
  while (!stream.ended && stream.window.size() < kWindow) {
    PeerSnapshotChunk piece;
    piece.term = stream.term;
    piece.stream = stream.id;
    piece.base = stream.reader->base();
    piece.offset = stream.offset;
    piece.data = stream.reader->next(kPiece);
    piece.last = piece.data.empty();
    stream.checksum = base::crc32c(piece.data, stream.checksum);
    piece.checksum = stream.checksum;
    stream.offset += piece.data.size();
    stream.ended = piece.last;
    stream.window.push_back(piece);
    stream.sent_ms = now_ms;
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

// The last piece is empty, and acknowledged by what it would have been followed by.
void SnapshotSenders::acknowledged(std::uint64_t member, const PeerSnapshotAck& ack, std::uint64_t now_ms) {
  auto at = streams_.find(member);
  if (at == streams_.end() || at->second.id != ack.stream) return;
  Stream& stream = at->second;
  stream.answered_ms = now_ms;
  // The receiver has less than it had: it is another process, which knows nothing of this stream.
  if (ack.offset < stream.acknowledged) {
    streams_.erase(at);
    return;
  }
  stream.acknowledged = ack.offset;
  while (!stream.window.empty()) {
    const PeerSnapshotChunk& piece = stream.window.front();
    if (piece.offset + piece.data.size() + (piece.last ? 1 : 0) > ack.offset) break;
    stream.window.pop_front();
  }
  if (stream.ended && stream.window.empty()) streams_.erase(at);
}

std::vector<std::pair<std::uint64_t, PeerSnapshotChunk>> SnapshotSenders::to_repeat(std::uint64_t now_ms,
                                                                                    std::uint64_t after_ms) {
  std::vector<std::pair<std::uint64_t, PeerSnapshotChunk>> pieces;
  std::erase_if(streams_, [&](const auto& one) {
    return one.second.answered_ms != 0 && now_ms >= one.second.answered_ms + kPatience * after_ms;
  });
  for (auto& [member, stream] : streams_) {
    if (stream.window.empty() || now_ms < stream.sent_ms + after_ms) continue;
    stream.sent_ms = now_ms;
    for (const PeerSnapshotChunk& piece : stream.window) pieces.emplace_back(member, piece);
  }
  return pieces;
}

std::optional<PeerSnapshotAck> SnapshotReceiver::take(std::uint64_t from, const PeerSnapshotChunk& chunk) {
  // Its last acknowledgement was lost.
  if (from == done_from_ && chunk.stream == done_stream_) return PeerSnapshotAck{chunk.stream, UINT64_MAX};
  if (chunk.offset == 0 && (from != from_ || chunk.stream != stream_)) {
    clear();
    from_ = from;
    stream_ = chunk.stream;
    snapshot_ = {from, chunk.term, chunk.base, {}};
  }
  if (from != from_ || chunk.stream != stream_) return PeerSnapshotAck{chunk.stream, 0};
  if (chunk.base != snapshot_.base) return std::nullopt;
  std::string& state = snapshot_.state;
  if (chunk.offset == state.size() && !whole_) {
    if (chunk.data.size() > kMaxState - state.size() || base::crc32c(chunk.data, checksum_) != chunk.checksum) {
      clear();
      return std::nullopt;
    }
    checksum_ = chunk.checksum;
    state += chunk.data;
    whole_ = chunk.last;
  }
  return PeerSnapshotAck{chunk.stream, state.size() + (whole_ ? 1 : 0)};
}

std::optional<ReceivedSnapshot> SnapshotReceiver::take_whole() {
  if (!whole_) return std::nullopt;
  ReceivedSnapshot snapshot = std::move(snapshot_);
  done_from_ = from_;
  done_stream_ = stream_;
  clear();
  return snapshot;
}

void SnapshotReceiver::clear() {
  from_ = 0;
  stream_ = 0;
  checksum_ = 0;
  whole_ = false;
  snapshot_ = {};
}

}  // namespace kv
