#pragma once
// The GUID Partition Table (UEFI specification 2.10, chapter 5.3), read from the first blocks of a disk. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace updater {

// GUIDs are lower-case text: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b".
struct Partition {
  unsigned number = 0;  // from 1, as in /dev/vda2
  std::string type;
  std::string id;                // the partition's own GUID
  std::string label;             // UTF-8
  std::uint64_t first = 0;       // byte offset on the disk
  std::uint64_t size = 0;        // bytes
  std::uint64_t attributes = 0;  // bit 60: read-only, bit 63: no automount (Discoverable Partitions Specification)
};

// How much of the disk's beginning holds the header and the usual 128 entries, for blocks of up to 4096 bytes.
inline constexpr std::size_t kGptBytes = 64 * 1024;

// The partitions in use, by number. Throws base::Error when there is no table, its checksums are wrong, or its entries
// do not lie in `beginning`.
std::vector<Partition> parse_gpt(std::string_view beginning, std::string_view disk_name);

// Types from the Discoverable Partitions Specification, for any architecture that we build for.
bool is_root_type(std::string_view type);
bool is_verity_type(std::string_view type);
bool is_esp_type(std::string_view type);

}  // namespace updater
