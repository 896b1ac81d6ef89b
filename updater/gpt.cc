// The table at a glance: block 0 is the protective MBR, block 1 the header ("EFI PART"), which says where the array of
// entries is, how many and how big they are, and the CRC-32 of both. All numbers are little-endian. Nothing in the
// table tells the block size, so the header is looked for at 512 and at 4096 bytes.

#include "updater/gpt.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/error.h"
#include "updater/bytes.h"

namespace updater {
namespace {

constexpr std::size_t kHeaderBytes = 92;
constexpr std::size_t kEntryBytes = 128;
constexpr std::uint32_t kMaxEntries = 1024;
constexpr std::size_t kLabelBytes = 72;
constexpr std::string_view kSignature = "EFI PART";

// CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320), bit by bit: 16 KiB once is no work.
std::uint32_t crc32(std::string_view data) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : data) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

// The first three fields of a GUID are little-endian, the last two big-endian.
std::string guid_text(std::string_view bytes) {
  constexpr std::array<int, 16> kOrder{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
  std::string text;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += std::format("{:02x}", static_cast<std::uint8_t>(bytes[static_cast<std::size_t>(kOrder[i])]));
  }
  return text;
}

std::size_t find_block_size(std::string_view beginning, std::string_view disk) {
  for (const std::size_t size : {std::size_t{512}, std::size_t{4096}}) {
    if (beginning.size() >= 2 * size && beginning.substr(size, kSignature.size()) == kSignature) return size;
  }
  throw base::Error("read partition table of", disk, "there is no GPT on it");
}

}  // namespace

std::vector<Partition> parse_gpt(std::string_view beginning, std::string_view disk) {
  constexpr std::string_view kWhat = "read partition table of";
  const std::size_t block = find_block_size(beginning, disk);
  const std::string_view header = beginning.substr(block, block);

  const std::uint32_t header_bytes = read_u32(header, 12);
  if (header_bytes < kHeaderBytes || header_bytes > block) {
    throw base::Error(kWhat, disk, std::format("the header claims {} bytes", header_bytes));
  }
  std::string copy(header.substr(0, header_bytes));
  std::fill_n(copy.begin() + 16, 4, '\0');  // its own checksum counts as zero
  if (crc32(copy) != read_u32(header, 16)) throw base::Error(kWhat, disk, "the header's checksum is wrong");

  const std::uint64_t entries_block = read_u64(header, 72);
  const std::uint32_t count = read_u32(header, 80);
  const std::uint32_t entry_bytes = read_u32(header, 84);
  if (count > kMaxEntries || entry_bytes < kEntryBytes || entry_bytes > block) {
    throw base::Error(kWhat, disk, std::format("{} entries of {} bytes are not believable", count, entry_bytes));
  }
  const std::uint64_t array_bytes = std::uint64_t{count} * entry_bytes;
  if (entries_block > beginning.size() / block || entries_block * block + array_bytes > beginning.size()) {
    throw base::Error(kWhat, disk, std::format("its entries are at block {}, which is too far", entries_block));
  }
  const std::string_view array = beginning.substr(entries_block * block, array_bytes);
  if (crc32(array) != read_u32(header, 88)) throw base::Error(kWhat, disk, "the entries' checksum is wrong");

  std::vector<Partition> partitions;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string_view entry = array.substr(std::size_t{i} * entry_bytes, kEntryBytes);
    if (entry.substr(0, 16).find_first_not_of('\0') == std::string_view::npos) continue;  // not in use
    const std::uint64_t first = read_u64(entry, 32);
    const std::uint64_t last = read_u64(entry, 40);
    if (last < first || last >= UINT64_MAX / block) {
      throw base::Error(kWhat, disk, std::format("partition {} ends before it begins", i + 1));
    }
    partitions.push_back({.number = i + 1,
                          .type = guid_text(entry.substr(0, 16)),
                          .id = guid_text(entry.substr(16, 16)),
                          .label = utf8_from_utf16(entry.substr(56, kLabelBytes)),
                          .first = first * block,
                          .size = (last - first + 1) * block,
                          .attributes = read_u64(entry, 48)});
  }
  return partitions;
}

bool is_root_type(std::string_view type) {
  return type == "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" || type == "b921b045-1df0-41c3-af44-4c6f280d3fae";
}

bool is_verity_type(std::string_view type) {
  return type == "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5" || type == "df3300ce-d69f-4c92-978c-9bfb0f38d820";
}

bool is_esp_type(std::string_view type) {
  return type == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
}

}  // namespace updater
