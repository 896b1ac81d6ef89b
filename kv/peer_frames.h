#pragma once
// The stream of one member's messages to another one, cut into messages (docs/formats/kv-peer.md). An empty frame says
// only that the sender is alive.

#include <functional>
#include <string>
#include <string_view>

namespace kv {

// Length, checksum and the message.
std::string encode_peer_frame(std::string_view message);

class PeerFrameReader {
 public:
  // Calls `each` with every whole message. Throws base::Error for bytes that are no frames.
  void take(std::string_view data, const std::function<void(std::string)>& each);

 private:
  std::string rest_;
};

}  // namespace kv
