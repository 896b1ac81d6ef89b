#include "power_cut.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace power {

namespace {

namespace fs = std::filesystem;

struct Unsynced {
  // What each sector held before its changes, the oldest first; "" where the file did not reach.
  std::map<std::uint64_t, std::vector<std::string>> sectors;
  std::vector<std::uint64_t> sizes;
};

struct Changes {
  std::map<std::uint64_t, Unsynced> files;
  std::map<std::string, std::vector<Record>> directories;
};

void take_data(Unsynced& file, const Record& record) {
  file.sizes.push_back(record.old_size);
  const std::uint64_t first = record.offset / kSector;
  const std::uint64_t end = (record.offset + record.size + kSector - 1) / kSector;
  for (std::uint64_t sector = first; sector < end; ++sector) {
    const std::size_t at = (sector - first) * kSector;
    file.sectors[sector].emplace_back(at < record.text.size() ? record.text.substr(at, kSector) : std::string_view());
  }
}

void take_synced_range(Unsynced& file, const Record& record) {
  const std::uint64_t end = (record.offset + record.size + kSector - 1) / kSector;
  file.sectors.erase(file.sectors.lower_bound(record.offset / kSector), file.sectors.lower_bound(end));
  for (std::uint64_t& size : file.sizes) size = std::max(size, record.offset + record.size);
}

Changes unsynced(const UndoLog& log) {
  Changes changes;
  log.each([&](const Record& record) {
    switch (record.change) {
      case Change::kData:
        return take_data(changes.files[record.file], record);
      case Change::kSynced:
        changes.files.erase(record.file);
        return;
      case Change::kSyncedRange:
        return take_synced_range(changes.files[record.file], record);
      case Change::kNamesSynced:
        changes.directories.erase(record.names().at(0));
        return;
      case Change::kCreated:
      case Change::kRemoved:
      case Change::kRenamed:
      case Change::kMadeDirectory:
        changes.directories[record.names().at(0)].push_back(record);
        return;
    }
  });
  return changes;
}

void take_back(const Record& record) {
  const std::vector<std::string> names = record.names();
  const fs::path directory = names.at(0);
  const fs::path path = directory / names.at(1);
  switch (record.change) {
    case Change::kCreated:
      fs::remove(path);
      return;
    case Change::kMadeDirectory:
      fs::remove_all(path);
      return;
    case Change::kRemoved:
      fs::create_hard_link(names.at(2), path);
      return;
    case Change::kRenamed:
      fs::rename(directory / names.at(2), path);
      if (!names.at(3).empty()) fs::create_hard_link(names.at(3), directory / names.at(2));
      return;
    default:
      return;
  }
}

// How much of something survives, in percent: all, nothing, or some of it.
std::uint64_t share(base::Random& random) {
  switch (random.below(4)) {
    case 0:
      return 0;
    case 1:
      return 100;
    default:
      return 1 + random.below(99);
  }
}

std::uint64_t take_back_data(const std::string& path, const Unsynced& changes, base::Random& random) {
  const base::Fd file = base::open_file(path, O_RDWR);
  struct stat status{};
  base::check(::fstat(file.get(), &status), "stat", path);
  const auto written = static_cast<std::uint64_t>(status.st_size);
  const std::uint64_t percent = share(random);
  std::uint64_t size = random.below(100) < percent ? written : changes.sizes.at(random.below(changes.sizes.size()));
  if (percent == 0) size = changes.sizes.front();
  std::uint64_t taken = 0;
  for (const auto& [sector, versions] : changes.sectors) {
    if (random.below(100) < percent) {
      if (sector * kSector < written) size = std::max(size, std::min((sector + 1) * kSector, written));
      continue;
    }
    std::string old = percent == 0 ? versions.front() : versions.at(random.below(versions.size()));
    old.resize(kSector);
    base::check(::pwrite(file.get(), old.data(), old.size(), static_cast<off_t>(sector * kSector)), "write", path);
    ++taken;
  }
  base::check(::ftruncate(file.get(), static_cast<off_t>(size)), "truncate", path);
  return taken;
}

}  // namespace

Taken cut_power(const UndoLog& log, const std::string& root, base::Random& random) {
  Taken taken;
  const Changes changes = unsynced(log);
  // A directory comes before those in it.
  for (const auto& [directory, records] : changes.directories) {
    std::uint64_t keep = records.size() * share(random) / 100;
    for (std::size_t i = records.size(); i > keep && fs::exists(directory); --i) {
      take_back(records[i - 1]);
      ++taken.names;
    }
  }
  if (!fs::exists(root)) return taken;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    struct stat status{};
    if (!entry.is_regular_file() || ::stat(entry.path().c_str(), &status) != 0) continue;
    auto file = changes.files.find(status.st_ino);
    if (file != changes.files.end() && !file->second.sizes.empty()) {
      taken.sectors += take_back_data(entry.path(), file->second, random);
    }
  }
  return taken;
}

}  // namespace power
