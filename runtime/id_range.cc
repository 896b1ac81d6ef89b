#include "runtime/id_range.h"

#include <sys/file.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/json.h"

namespace runtime {
namespace {

constexpr const char* kFile = "ids.json";

base::Fd lock(const std::string& root) {
  base::Fd file = base::open_file(root + "/ids.lock", O_RDWR | O_CREAT, 0600);
  base::check(flock(file.get(), LOCK_EX), "lock", root + "/ids.lock");
  base::remove_temporary_files_at(base::open_directory(root), kFile);
  return file;
}

base::Json load(const std::string& root) {
  std::string path = root + "/" + kFile;
  std::optional<std::string> text = base::read_file_if_exists(path);
  base::Json json = text ? base::parse_json(*text, path) : base::Json::object();
  if (!json.is_object()) throw base::Error("read", path, "not an object");
  if (!json.contains("ranges")) json["ranges"] = base::Json::object();
  if (!json["ranges"].is_object()) throw base::Error("read", path, "'ranges' is not an object");
  return json;
}

void save(const std::string& root, const base::Json& json) {
  base::write_file_atomic(root + "/" + kFile, base::to_text(json, 1) + "\n", 0600);
}

}  // namespace

std::uint32_t allocate_ids(const std::string& root, const std::string& container,
                           const std::vector<std::string>& existing) {
  base::make_directories(root, 0700);
  base::Fd held = lock(root);
  base::Json json = load(root);
  base::Json& ranges = json["ranges"];
  std::vector<std::string> stale;
  std::set<std::int64_t> taken;
  for (const auto& [id, first] : ranges.items()) {
    if (!first.is_number_integer()) throw base::Error("read", root + "/ids.json", "a range is not a number");
    if (id == container) return first.get<std::uint32_t>();
    if (std::ranges::find(existing, id) == existing.end()) {
      stale.push_back(id);
    } else {
      taken.insert(first.get<std::int64_t>());
    }
  }
  for (const std::string& id : stale) ranges.erase(id);

  // The next one after the last given, so that a range rests as long as possible before it is used again.
  std::int64_t next = base::json_integer(json, "next", kFirstId);
  constexpr std::int64_t kRanges = (std::int64_t{kLastId} + 1 - kFirstId) / kIdsPerContainer;
  for (std::int64_t i = 0; i < kRanges; i++, next += kIdsPerContainer) {
    if (next < kFirstId || next + kIdsPerContainer - 1 > kLastId || (next - kFirstId) % kIdsPerContainer != 0) {
      next = kFirstId;
    }
    if (taken.contains(next)) continue;
    ranges[container] = next;
    json["next"] = next + kIdsPerContainer;
    save(root, json);
    return static_cast<std::uint32_t>(next);
  }
  throw base::Error("allocate ids for", container, "every range is taken");
}

std::uint32_t share_ids(const std::string& root, const std::string& container, const std::string& other) {
  base::Fd held = lock(root);
  base::Json json = load(root);
  base::Json& ranges = json["ranges"];
  if (!ranges.contains(other) || !ranges[other].is_number_integer()) {
    throw base::Error("share the ids of", other, "it has none");
  }
  std::uint32_t first = ranges[other].get<std::uint32_t>();
  ranges[container] = first;
  save(root, json);
  return first;
}

void release_ids(const std::string& root, const std::string& container) {
  if (!base::exists(root + "/" + kFile)) return;
  base::Fd held = lock(root);
  base::Json json = load(root);
  if (json["ranges"].erase(container) > 0) save(root, json);
}

}  // namespace runtime
