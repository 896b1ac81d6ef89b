#pragma once
// Bytes in, bytes out: what the sockets call for every message. Pure.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "discovery/answerer.h"

namespace discovery {

enum class Transport { kUdp, kTcp };

inline constexpr std::size_t kMaxTcpMessage = 65535;
inline constexpr std::size_t kMinUdpMessage = 512;   // without EDNS
inline constexpr std::size_t kMaxUdpMessage = 4096;  // whatever the asker offers

// What the server answers from. The loop's thread changes and asks it.
struct Snapshot {
  std::unique_ptr<Zone> zone;  // none until the store was read for the first time
  FeedState feed;
};

struct Statistics {
  std::uint64_t queries = 0;
  std::uint64_t malformed = 0;
  std::uint64_t truncated = 0;
};

class Responder {
 public:
  Responder(const Answerer& answerer, const Snapshot& snapshot) : answerer_(answerer), snapshot_(snapshot) {}

  // Nothing when the message deserves no answer (too short, or itself a response).
  std::optional<std::string> respond(std::string_view message, Transport transport);

  const Statistics& statistics() const { return statistics_; }

 private:
  const Answerer& answerer_;
  const Snapshot& snapshot_;
  Statistics statistics_;
};

}  // namespace discovery
