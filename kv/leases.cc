#include "kv/leases.h"

#include <algorithm>
#include <charconv>
#include <format>

namespace kv {

std::int64_t lease_end(std::int64_t seconds, std::int64_t time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  time = std::max<std::int64_t>(time, 0);
  return seconds > (INT64_MAX - time) / kSecond ? INT64_MAX : time + seconds * kSecond;
}

std::string lease_path(std::int64_t id) {
  return std::format("{}/{:016x}", kLeasesRoot, static_cast<std::uint64_t>(id));
}

std::optional<std::int64_t> lease_of_path(std::string_view path) {
  if (!path.starts_with(kLeasesRoot)) return std::nullopt;
  path.remove_prefix(kLeasesRoot.size());
  if (path.size() != 17 || path.front() != '/') return std::nullopt;
  std::uint64_t id = 0;
  auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), id, 16);
  if (error != std::errc() || end != path.data() + path.size() || id == 0) return std::nullopt;
  return static_cast<std::int64_t>(id);
}

}  // namespace kv
