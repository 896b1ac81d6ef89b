#include "kv/wal_format.h"

#include "base/crc32c.h"
#include "kv/bytes.h"

namespace kv {

namespace {

constexpr std::string_view kMagic = "COSKVWAL";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kAlignment = 8;
constexpr std::size_t kChecksumAt = 4;  // in a frame: length, checksum, the previous one's, kind, index
constexpr std::size_t kPreviousAt = 8;
constexpr std::size_t kKindAt = 12;
constexpr std::size_t kIndexAt = 16;

template <typename Number>
void put(std::string& out, Number value) {
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

template <typename Number>
Number get(std::string_view bytes, std::size_t at) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<Number>(static_cast<Number>(static_cast<unsigned char>(bytes[at + i])) << (8 * i));
  }
  return value;
}

std::uint32_t frame_checksum(std::string_view frame, std::uint32_t segment) {
  std::uint32_t crc = base::crc32c(frame.substr(0, kChecksumAt), segment);
  return base::crc32c(frame.substr(kPreviousAt), crc);
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, std::uint32_t{0});
  put(out, header.cluster_id);
  put(out, header.member_id);
  put(out, header.sequence);
  put(out, header.salt);
  put(out, header.size);
  out.resize(SegmentHeader::kSize - sizeof(std::uint32_t));
  put(out, base::crc32c(out));
  return out;
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (bytes.size() < SegmentHeader::kSize || !bytes.starts_with(kMagic)) return std::nullopt;
  bytes = bytes.substr(0, SegmentHeader::kSize);
  const std::size_t checked = SegmentHeader::kSize - sizeof(std::uint32_t);
  if (get<std::uint32_t>(bytes, checked) != base::crc32c(bytes.substr(0, checked))) return std::nullopt;
  if (get<std::uint32_t>(bytes, kMagic.size()) != kVersion) return std::nullopt;
  std::size_t at = kMagic.size() + 2 * sizeof(std::uint32_t);
  auto next = [&] {
    auto value = get<std::uint64_t>(bytes, at);
    at += sizeof value;
    return value;
  };
  SegmentHeader header;
  header.cluster_id = next();
  header.member_id = next();
  header.sequence = next();
  header.salt = next();
  header.size = next();
  return header;
}

std::uint32_t segment_checksum(const SegmentHeader& header) {
  return base::crc32c(encode(header));
}

std::size_t frame_size(std::size_t payload_size) {
  return (Frame::kHeaderSize + payload_size + kAlignment - 1) / kAlignment * kAlignment;
}

std::string encode_frame(const Frame& frame, FrameChain& chain) {
  std::string out;
  out.reserve(frame_size(frame.payload.size()));
  put(out, static_cast<std::uint32_t>(frame.payload.size()));
  put(out, std::uint32_t{0});
  put(out, chain.previous);
  put(out, static_cast<std::uint32_t>(frame.kind));
  put(out, frame.index);
  put(out, std::uint64_t{0});
  out += frame.payload;
  const std::uint32_t checksum = frame_checksum(out, chain.segment);
  std::string stored;
  put(stored, checksum);
  out.replace(kChecksumAt, stored.size(), stored);
  out.resize(frame_size(frame.payload.size()));
  chain.previous = checksum;
  return out;
}

std::optional<FoundFrame> frame_at(std::string_view segment, std::size_t offset, std::uint32_t segment_checksum) {
  if (offset + Frame::kHeaderSize > segment.size()) return std::nullopt;
  const std::string_view bytes = segment.substr(offset);
  const std::size_t length = get<std::uint32_t>(bytes, 0);
  const auto kind = get<std::uint32_t>(bytes, kKindAt);
  if (length == 0 || length > bytes.size() - Frame::kHeaderSize) return std::nullopt;
  if (kind < static_cast<std::uint32_t>(FrameKind::kState) || kind > static_cast<std::uint32_t>(FrameKind::kReset)) {
    return std::nullopt;
  }
  FoundFrame found;
  found.checksum = get<std::uint32_t>(bytes, kChecksumAt);
  if (found.checksum != frame_checksum(bytes.substr(0, Frame::kHeaderSize + length), segment_checksum)) {
    return std::nullopt;
  }
  found.previous = get<std::uint32_t>(bytes, kPreviousAt);
  found.frame = {static_cast<FrameKind>(kind), get<std::uint64_t>(bytes, kIndexAt),
                 bytes.substr(Frame::kHeaderSize, length)};
  found.size = frame_size(length);
  return found;
}

std::string encode(const HardState& state) {
  ByteWriter out;
  out.number(state.term);
  out.number(state.voted_for);
  return out.take();
}

HardState decode_hard_state(std::string_view payload) {
  ByteReader in(payload, "hard state");
  HardState state;
  state.term = in.number();
  state.voted_for = in.number();
  in.end();
  return state;
}

std::string encode(const std::vector<RaftEntry>& entries) {
  constexpr std::size_t kNumbers = 16;  // bytes of an entry, about
  std::size_t size = kNumbers;
  for (const RaftEntry& entry : entries) size += kNumbers + entry.bytes().size();
  ByteWriter out(size);
  out.number(entries.size());
  for (const RaftEntry& entry : entries) {
    out.number(entry.term);
    out.byte(static_cast<std::uint8_t>(entry.kind));
    out.text(entry.bytes());
  }
  return out.take();
}

std::vector<RaftEntry> decode_entries(std::uint64_t first_index, std::string_view payload) {
  ByteReader in(payload, "entries");
  std::uint64_t count = in.number();
  if (count > payload.size()) in.fail("more entries than bytes");
  std::vector<RaftEntry> entries;
  entries.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    RaftEntry entry;
    entry.index = first_index + i;
    entry.term = in.number();
    std::uint8_t kind = in.byte();
    if (kind < static_cast<std::uint8_t>(EntryKind::kCommand) ||
        kind > static_cast<std::uint8_t>(EntryKind::kConfiguration)) {
      in.fail("unknown kind of entry");
    }
    entry.kind = static_cast<EntryKind>(kind);
    entry.data = std::make_shared<const std::string>(in.text());
    entries.push_back(std::move(entry));
  }
  in.end();
  return entries;
}

}  // namespace kv
