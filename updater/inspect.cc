// The reading half of inspect.h. The way to the disk: / is mounted from a device number; below dm-verity (the device's
// slaves in sysfs) are the slot's two partitions; the folder around a partition in sysfs is its disk; the disk's first
// blocks are the partition table. The table is read from the disk itself, not from udev's memory of it.

#include "updater/inspect.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <format>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace updater {
namespace {

constexpr int kMaxStack = 4;  // device-mapper targets over each other
constexpr std::string_view kLoaderGuid = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
constexpr const char* kNotOurs = "find the disk of this system";

struct PartitionNode {
  std::string disk;     // "vda"
  unsigned number = 0;  // 2
};

// The partitions below a block device given by its folder in sysfs.
void find_partitions(const std::string& folder, int depth, std::vector<PartitionNode>& found) {
  if (const auto number = base::read_file_if_exists(folder + "/partition")) {
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(folder, error);
    const auto value = base::parse_unsigned(base::trim(*number));
    if (error || !value || *value == 0 || *value > 1024)
      throw base::Error("read", folder + "/partition", "not a partition number");
    found.push_back({real.parent_path().filename().string(), static_cast<unsigned>(*value)});
    return;
  }
  const std::string slaves = folder + "/slaves";
  if (depth == kMaxStack || !base::exists(slaves)) return;
  for (const std::string& name : base::list_directory(slaves)) {
    find_partitions(slaves + "/" + name, depth + 1, found);
  }
}

std::string read_beginning(const std::string& device) {
  const base::Fd fd = base::open_file(device, O_RDONLY);
  std::string data(kGptBytes, '\0');
  std::size_t have = 0;
  while (have < data.size()) {
    const ssize_t got = ::pread(fd.get(), data.data() + have, data.size() - have, static_cast<off_t>(have));
    if (got < 0 && errno == EINTR) continue;
    if (base::check(got, "read", device) == 0) break;
    have += static_cast<std::size_t>(got);
  }
  data.resize(have);
  return data;
}

std::string efi_variable(const std::string& root, std::string_view name) {
  const auto file =
      base::read_file_if_exists(std::format("{}/sys/firmware/efi/efivars/{}-{}", root, name, kLoaderGuid), 64 * 1024);
  return file ? decode_efi_string(*file).value_or("") : "";
}

// The ESP is where systemd-gpt-auto-generator(8) mounts it.
std::optional<std::vector<BootEntry>> read_esp(const std::string& root, Inspection& inspection) {
  for (const char* mount : {"/efi", "/boot"}) {
    try {
      const std::string folder = root + mount + "/EFI/Linux";
      if (!base::exists(folder)) continue;
      std::vector<BootEntry> entries;
      for (const std::string& file : base::list_directory(folder, 1000)) {
        if (auto entry = parse_boot_entry(file)) entries.push_back(std::move(*entry));
      }
      inspection.esp = mount;
      return entries;
    } catch (const base::Error& error) {
      inspection.warnings.push_back(error.what());
    }
  }
  inspection.warnings.push_back("no ESP with boot entries is mounted at /efi or /boot");
  return {};
}

void add_warnings(const std::vector<BootEntry>& entries, Inspection& inspection) {
  std::set<std::string> seen;
  for (const BootEntry& entry : entries) {
    if (!seen.insert(base::lower(entry.base)).second) {
      inspection.warnings.push_back(std::format("{} is on the ESP more than once", entry.base));
    }
    const bool used = std::ranges::any_of(inspection.slots, [&](const Slot& slot) {
      return slot.entry && base::lower(slot.entry->base) == base::lower(entry.base);
    });
    if (!used) inspection.warnings.push_back(std::format("boot entry {} belongs to no slot", entry.file));
  }
  for (const Slot& slot : inspection.slots) {
    if (!slot.empty() && !slot.entry) {
      inspection.warnings.push_back(std::format("slot {} ({}) has no boot entry", slot.name, slot.label));
    }
  }
  if (inspection.slots.size() < 2) inspection.warnings.push_back("the disk has no second slot");
}

}  // namespace

Inspection inspect(const std::string& root_folder) {
  const std::string root = root_folder == "/" ? "" : root_folder;
  const std::string number = root_device_number(base::read_file(root + "/proc/self/mountinfo"));

  std::vector<PartitionNode> below;
  const std::string device = root + "/sys/dev/block/" + number;
  if (base::exists(device)) find_partitions(device, 0, below);
  if (below.empty()) {
    throw base::Error(kNotOurs, "", "/ is on no partition of a disk; this machine did not boot a ClusterOS image");
  }

  Inspection inspection;
  const std::string disk = below.front().disk;
  inspection.disk = "/dev/" + disk;
  const std::vector<Partition> partitions = parse_gpt(read_beginning(root + inspection.disk), inspection.disk);

  // Of verity's two partitions the one with a root type is the slot.
  unsigned running = 0;
  for (const PartitionNode& node : below) {
    for (const Partition& partition : partitions) {
      if (partition.number == node.number && node.disk == disk && is_root_type(partition.type)) running = node.number;
    }
  }

  inspection.loader.info = efi_variable(root, "LoaderInfo");
  inspection.loader.selected = efi_variable(root, "LoaderEntrySelected");
  inspection.loader.boot_count_path = efi_variable(root, "LoaderBootCountPath");
  const auto entries = read_esp(root, inspection);
  inspection.slots = make_slots(disk, partitions, entries.value_or(std::vector<BootEntry>()), running);
  inspection.blessing = judge_boot(inspection.loader, entries);

  const Slot* slot = inspection.running();
  if (slot == nullptr || slot->empty()) {
    throw base::Error(kNotOurs, inspection.disk,
                      "/ is on none of its slots; this machine did not boot a ClusterOS image");
  }
  if (entries) add_warnings(*entries, inspection);
  return inspection;
}

}  // namespace updater
