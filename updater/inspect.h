#pragma once
// What is on the disk and what the loader did: both slots, their boot entries, which one runs, whether it is blessed.
// Everything below `inspect` is pure; inspect() reads the partition table, the ESP and the EFI variables. Nothing here
// writes.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "updater/boot_counter.h"
#include "updater/gpt.h"

namespace updater {

// A root partition with its verity partition and its boot entry (UKI).
struct Slot {
  std::string name;    // "A" is the first root partition on the disk, "B" the second
  std::string device;  // "/dev/vda2"
  unsigned partition = 0;
  std::string label;          // "clusteros_0.1.0", or "_empty"
  std::string version;        // "0.1.0"; empty when the slot is
  std::uint64_t size = 0;     // bytes
  std::string verity_device;  // empty: there is none
  std::string verity_label;
  std::optional<BootEntry> entry;
  bool running = false;

  bool empty() const { return version.empty(); }
};

// As systemd-bless-boot(8) tells it.
enum class Blessed {
  kClean,          // the entry had no counter: it was blessed in an earlier boot
  kGood,           // this boot has been blessed
  kIndeterminate,  // this boot is being counted
  kBad,            // this boot was given up
  kUnknown,        // the loader left no variables, or the ESP cannot be read
};

struct Blessing {
  Blessed state = Blessed::kUnknown;
  std::uint32_t left = 0;  // tries left and done, for kIndeterminate
  std::uint32_t done = 0;
};

// What systemd-boot tells in EFI variables (systemd.io/BOOT_LOADER_INTERFACE); empty where it told nothing.
struct LoaderFacts {
  std::string info;             // "systemd-boot 257.13-1~deb13u1"
  std::string selected;         // the entry that it started: "clusteros_0.1.0.efi"
  std::string boot_count_path;  // "\EFI\Linux\clusteros_0.1.0+2-1.efi", when the entry was counted
};

struct Inspection {
  std::string disk;  // "/dev/vda"
  std::string esp;   // where it is mounted; empty: nowhere
  LoaderFacts loader;
  std::vector<Slot> slots;
  Blessing blessing;
  std::vector<std::string> warnings;  // one line each

  const Slot* running() const;  // nullptr: / is none of the slots
};

// Slots in disk order, at most 26. `running_partition`: the number of the partition that / is on.
std::vector<Slot> make_slots(std::string_view disk, const std::vector<Partition>& partitions,
                             const std::vector<BootEntry>& entries, unsigned running_partition);

// `entries`: nothing when the ESP could not be read.
Blessing judge_boot(const LoaderFacts& loader, const std::optional<std::vector<BootEntry>>& entries);

bool is_good(const Blessing& blessing);          // kClean or kGood
std::string_view name_of(Blessed state);         // "clean", "good", "indeterminate", "bad", "unknown"
std::string describe(const Blessing& blessing);  // one phrase for people
base::Json to_json(const Blessing& blessing);
base::Json to_json(const Inspection& inspection);
std::string to_text(const Inspection& inspection);

// The value of an EFI variable as efivarfs gives it: 4 bytes of attributes, then UTF-16. Nothing when it is shorter.
std::optional<std::string> decode_efi_string(std::string_view file);

// "vda" and 2 are "vda2", "nvme0n1" and 2 are "nvme0n1p2".
std::string partition_name(std::string_view disk, unsigned number);

// Device number ("254:0") that / is mounted from, by the text of /proc/self/mountinfo (proc_pid_mountinfo(5)).
std::string root_device_number(std::string_view mountinfo);

// Looks at this machine, or at the files of one below `root`. Throws base::Error when it is not a ClusterOS disk that
// booted (a plain Linux machine), or what must be read cannot be.
Inspection inspect(const std::string& root);

}  // namespace updater
