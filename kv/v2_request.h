#pragma once
// A request to /v2/keys, read as etcd 3.4 reads it (v2http/client.go parseKeyRequest): which parameters count, what
// they may be, and which error names the first that is wrong.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/http.h"
#include "kv/command.h"
#include "kv/store_error.h"

namespace kv {

// Users' keys live below this directory of the tree.
inline constexpr std::string_view kKeysPrefix = "/1";

// A key has at most so many parts: the tree is walked recursively.
inline constexpr std::size_t kMaxKeyParts = 512;

enum class V2Kind {
  kRead,       // from the state here
  kFreshRead,  // quorum=true: behind a barrier
  kWatch,
  kWrite,
};

struct V2Request {
  V2Kind kind = V2Kind::kRead;
  std::string key;  // in the tree
  bool recursive = false;
  bool sorted = false;
  bool stream = false;
  std::uint64_t since = 0;  // waitIndex
  Command command = {};     // kWrite
  bool no_value_on_success = false;
};

// `path`: the decoded and cleaned URL path, beginning with "/v2/keys". `now`: nanoseconds since 1970 UTC.
std::variant<V2Request, StoreError> parse_v2_request(const base::HttpRequest& request, std::string_view path,
                                                     std::int64_t now);

}  // namespace kv
