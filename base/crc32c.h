#pragma once
// CRC-32C (Castagnoli), as in iSCSI and ext4 (RFC 3720, appendix B.4): finds damage, does not resist an attacker.

#include <cstdint>
#include <string_view>

namespace base {

// The checksum of `data` behind what `crc` covers already (0: nothing). Any thread.
std::uint32_t crc32c(std::string_view data, std::uint32_t crc = 0);

}  // namespace base
