#pragma once
// A disk that forgets: what was written and not synced is lost, kept, or torn at the size of a sector when the power
// goes; space ends, a flush fails.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "kv/storage.h"
#include "world.h"

namespace sim {

// Thrown out of the write during which the power goes.
struct PowerCut {};

class SimDisk : public kv::Storage {
 public:
  static constexpr std::size_t kSector = 512;  // bytes

  explicit SimDisk(World& world) : world_(world) {}

  // Faults, set by the test.
  bool full = false;
  bool fail_next_write = false;  // as a failed fsync
  bool tear_next_write = false;  // some of its sectors reach the disk, then PowerCut

  // The power goes: what was not synced is lost, sector by sector as chance has it.
  void power_cut();
  void wipe();

  std::vector<std::string> list() override;
  std::unique_ptr<kv::StorageFile> open(const std::string& name) override;
  std::unique_ptr<kv::StorageFile> create(const std::string& name) override;
  void rename(const std::string& from, const std::string& to) override;
  void remove(const std::string& name) override;
  void sync_directory() override {}  // names are durable at once: the log syncs after each change of one

 private:
  friend class SimFile;
  struct Content {
    std::string durable;
    std::map<std::uint64_t, std::string> pending;  // by offset, in the order of writing when they do not overlap
  };
  void write(Content& content, std::uint64_t offset, std::string_view data, bool durably);
  static void put(std::string& bytes, std::uint64_t offset, std::string_view data);
  void put_some_sectors(std::string& bytes, std::uint64_t offset, std::string_view data);

  World& world_;
  std::map<std::string, std::shared_ptr<Content>> files_;
};

}  // namespace sim
