#pragma once
// The bytes of the write-ahead log (docs/formats/kv-wal.md): a segment is a header and frames, each on 8 bytes, each
// with a checksum that covers the frame before it too. Pure: no files here (wal.h has them).
//
// Little endian. One thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/raft_entry.h"

namespace kv {

struct SegmentHeader {
  static constexpr std::size_t kSize = 64;  // bytes

  std::uint64_t cluster_id = 0;
  std::uint64_t member_id = 0;
  std::uint64_t sequence = 0;  // 1, 2, 3 …
  std::uint64_t salt = 0;      // random, so that no client can write a value that looks like a frame
  std::uint64_t size = 0;      // bytes of the whole segment

  bool operator==(const SegmentHeader&) const = default;
};

std::string encode(const SegmentHeader& header);
// Nothing for bytes that are no header, or a damaged one.
std::optional<SegmentHeader> decode_segment_header(std::string_view bytes);

enum class FrameKind : std::uint8_t {
  kState = 1,    // the hard state
  kEntries = 2,  // entries from `index` on; what came before at or above `index` is void
  kReset = 3,    // all entries are void: the next one is `index` + 1
};

struct Frame {
  static constexpr std::size_t kHeaderSize = 32;  // bytes

  FrameKind kind = FrameKind::kState;
  std::uint64_t index = 0;
  std::string_view payload = {};
};

// Where the chain of checksums stands.
struct FrameChain {
  std::uint32_t segment = 0;   // from the segment's header
  std::uint32_t previous = 0;  // checksum of the last frame, also over the segments' borders
};
std::uint32_t segment_checksum(const SegmentHeader& header);

// The frame's bytes, a multiple of 8; moves the chain.
std::string encode_frame(const Frame& frame, FrameChain& chain);
std::size_t frame_size(std::size_t payload_size);

// The frame that begins at `offset`, if it is whole. Does not look at the chain.
struct FoundFrame {
  Frame frame;
  std::uint32_t checksum = 0;
  std::uint32_t previous = 0;  // checksum of the frame that stood before it when it was written
  std::size_t size = 0;
};
std::optional<FoundFrame> frame_at(std::string_view segment, std::size_t offset, std::uint32_t segment_checksum);

// Payloads. The decoders throw base::Error.
std::string encode(const HardState& state);
HardState decode_hard_state(std::string_view payload);
std::string encode(const std::vector<RaftEntry>& entries);
std::vector<RaftEntry> decode_entries(std::uint64_t first_index, std::string_view payload);

}  // namespace kv
