#pragma once
// Asks a discoveryd about itself over DNS (class CHAOS, docs/discovery.md), as any DNS client could.

#include <chrono>
#include <map>
#include <string>

namespace discovery {

struct ServerStatus {
  std::chrono::microseconds latency{0};
  std::string version;                       // "clusteros 0.1.0"
  std::map<std::string, std::string> facts;  // records, index, store, synced
};

// `server`: "127.0.0.153:53" or "[::1]:53". Throws base::Error when there is no such answer within `timeout`.
ServerStatus probe(const std::string& server, std::chrono::milliseconds timeout);

}  // namespace discovery
