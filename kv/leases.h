#pragma once
// Leases of the v3 API: they end by themselves, and the keys that hang on them end with them. Each is a node of the
// tree, "/4/leases/<id>", whose expiry is the lease's; so a lease is replicated, kept, compared and ended as every
// other node is. A key's TTL in v2 is no such lease: it belongs to the one node.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kv {

inline constexpr std::string_view kLeasesRoot = "/4/leases";

inline constexpr std::int64_t kMaxLeaseTtl = 9'000'000'000;  // seconds; etcd's

struct Lease {
  std::int64_t id = 0;
  std::int64_t granted = 0;     // seconds
  std::int64_t expires_at = 0;  // nanoseconds since 1970 UTC

  bool operator==(const Lease&) const = default;
};

// When a lease of so many seconds ends that begins at `time`, in nanoseconds since 1970 UTC; never later than there are
// such times.
std::int64_t lease_end(std::int64_t seconds, std::int64_t time);

// "/4/leases/00000000000000ff"
std::string lease_path(std::int64_t id);
// Nothing for the path of anything else.
std::optional<std::int64_t> lease_of_path(std::string_view path);

}  // namespace kv
