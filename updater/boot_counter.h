#pragma once
// Names of boot entries with a counter, as systemd-boot keeps it (systemd.io/AUTOMATIC_BOOT_ASSESSMENT):
// "clusteros_0.1.0+3.efi" has 3 tries left, "clusteros_0.1.0+2-1.efi" 2 left and 1 done, "clusteros_0.1.0.efi" has been
// blessed or was never counted. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace updater {

struct BootEntry {
  std::string file;     // as on the disk
  std::string base;     // without counter and ".efi": "clusteros_0.1.0"
  std::string version;  // after the first "_": "0.1.0"; empty when there is none
  bool counted = false;
  std::uint32_t left = 0;  // tries left; count only when `counted`
  std::uint32_t done = 0;
};

// Nothing for a name that does not end in ".efi" (in any case: the ESP is FAT) or has nothing before it. What looks
// like a counter but is malformed belongs to the name, as for the loader.
std::optional<BootEntry> parse_boot_entry(std::string_view file);

}  // namespace updater
