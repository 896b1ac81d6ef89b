#include "runtime/id_map_option.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::uint64_t kHighestId = 4294967294;
constexpr std::size_t kMaxLines = 340;  // of a map, user_namespaces(7)

[[noreturn]] void refuse_map(const std::string& where, std::string_view text, const std::string& reason) {
  throw base::Error("config.json", where, "idmap '" + std::string(text) + "': " + reason);
}

// What the container's `id`… are on the host, all of them by one line of the map.
std::uint32_t on_host(const IdMapping& line, const std::vector<IdMapping>& map, const std::string& where) {
  for (const IdMapping& known : map) {
    std::uint64_t end = std::uint64_t{known.inside} + known.count;
    if (line.outside < known.inside || std::uint64_t{line.outside} + line.count > end) continue;
    return known.outside + (line.outside - known.inside);
  }
  refuse_map(where, std::to_string(line.outside), "not one range of the container's user namespace");
}

IdMapping parse_line(std::string_view text, const std::string& where, const std::vector<IdMapping>& map) {
  bool relative = text.starts_with('@');
  std::vector<std::string> parts = base::split(relative ? text.substr(1) : text, '-');
  if (parts.size() != 3) refuse_map(where, text, "expected FROM-TO-COUNT");
  std::vector<std::uint32_t> numbers;
  for (const std::string& part : parts) {
    std::optional<std::uint64_t> number = base::parse_unsigned(part);
    if (!number || *number > kHighestId) refuse_map(where, text, "expected numbers up to 4294967294");
    numbers.push_back(static_cast<std::uint32_t>(*number));
  }
  IdMapping line = {.inside = numbers[0], .outside = numbers[1], .count = numbers[2]};
  if (line.count == 0) refuse_map(where, text, "a range of no ids");
  if (relative) line.outside = on_host(line, map, where);
  return line;
}

}  // namespace

MountIdMap parse_id_map_option(std::string_view text, const std::string& where, const std::vector<IdMapping>& uid_map,
                               const std::vector<IdMapping>& gid_map) {
  MountIdMap result;
  for (const std::string& part : base::split(text, ';')) {
    bool uids = part.starts_with("uids=");
    if (!uids && !part.starts_with("gids=")) refuse_map(where, part, "expected uids=… or gids=…");
    std::vector<IdMapping>& lines = uids ? result.uids : result.gids;
    for (const std::string& line : base::split(part.substr(5), '#')) {
      if (lines.size() >= kMaxLines) refuse_map(where, part.substr(0, 5), "more than 340 ranges");
      lines.push_back(parse_line(line, where, uids ? uid_map : gid_map));
    }
  }
  if (result.uids.empty() || result.gids.empty()) refuse_map(where, text, "uids and gids are needed");
  return result;
}

}  // namespace runtime
