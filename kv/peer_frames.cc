#include "kv/peer_frames.h"

#include <cstdint>
#include <format>

#include "base/crc32c.h"
#include "base/error.h"
#include "kv/peer_message.h"

namespace kv {

namespace {

constexpr std::size_t kHead = 8;  // bytes: length and CRC-32C, little endian

void put(std::string& out, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint32_t get(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

}  // namespace

std::string encode_peer_frame(std::string_view message) {
  std::string out;
  out.reserve(kHead + message.size());
  put(out, static_cast<std::uint32_t>(message.size()));
  put(out, base::crc32c(message));
  out += message;
  return out;
}

void PeerFrameReader::take(std::string_view data, const std::function<void(std::string)>& each) {
  rest_ += data;
  std::size_t at = 0;
  while (rest_.size() - at >= kHead) {
    const std::string_view head = std::string_view(rest_).substr(at, kHead);
    const std::size_t size = get(head);
    if (size > kMaxPeerMessage) throw base::Error("read", "a member's messages", std::format("one has {} bytes", size));
    if (rest_.size() - at - kHead < size) break;
    std::string message = rest_.substr(at + kHead, size);
    if (base::crc32c(message) != get(head.substr(4))) {
      throw base::Error("read", "a member's messages", "a checksum is wrong");
    }
    at += kHead + size;
    if (!message.empty()) each(std::move(message));
  }
  rest_.erase(0, at);
}

}  // namespace kv
