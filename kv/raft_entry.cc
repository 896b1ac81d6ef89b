#include "kv/raft_entry.h"

#include "kv/bytes.h"

namespace kv {

namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::uint64_t kMaxServers = 64;
}  // namespace

std::string encode(const RaftConfiguration& configuration) {
  ByteWriter out;
  out.byte(kVersion);
  out.number(configuration.size());
  for (const RaftServer& server : configuration) {
    out.number(server.id);
    out.byte(server.voter ? 1 : 0);
  }
  return out.take();
}

RaftConfiguration decode_configuration(std::string_view bytes) {
  ByteReader in(bytes, "configuration");
  if (in.byte() != kVersion) in.fail("unknown version");
  std::uint64_t count = in.number();
  if (count > kMaxServers) in.fail("too many servers");
  RaftConfiguration configuration;
  for (std::uint64_t i = 0; i < count; ++i) {
    RaftServer server;
    server.id = in.number();
    std::uint8_t role = in.byte();
    if (server.id == 0 || role > 1) in.fail("a server that cannot be");
    server.voter = role == 1;
    configuration.push_back(server);
  }
  in.end();
  return configuration;
}

}  // namespace kv
