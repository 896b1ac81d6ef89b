// The pure half of inspect.h: partitions, file names and variables in, slots and a verdict out.

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "updater/bytes.h"
#include "updater/inspect.h"

namespace updater {
namespace {

constexpr std::string_view kLabelPrefix = "clusteros_";
constexpr std::string_view kVeritySuffix = "_verity";
constexpr std::size_t kMaxSlots = 26;

std::string version_of_label(std::string_view label) {
  // A free slot is labelled "_empty" (sysupdate.d(5)).
  return label.starts_with(kLabelPrefix) ? std::string(label.substr(kLabelPrefix.size())) : "";
}

// FAT does not tell upper from lower case.
bool same_file(std::string_view a, std::string_view b) {
  return base::lower(a) == base::lower(b);
}

const BootEntry* find_entry(const std::vector<BootEntry>& entries, std::string_view label) {
  const auto found =
      std::ranges::find_if(entries, [&](const BootEntry& entry) { return same_file(entry.base, label); });
  return found == entries.end() ? nullptr : &*found;
}

std::string file_of_path(std::string_view path) {
  const std::size_t mark = path.find_last_of("\\/");
  return std::string(mark == std::string_view::npos ? path : path.substr(mark + 1));
}

}  // namespace

const Slot* Inspection::running() const {
  const auto found = std::ranges::find_if(slots, &Slot::running);
  return found == slots.end() ? nullptr : &*found;
}

std::string partition_name(std::string_view disk, unsigned number) {
  const bool ends_in_digit = !disk.empty() && disk.back() >= '0' && disk.back() <= '9';
  return std::format("{}{}{}", disk, ends_in_digit ? "p" : "", number);
}

std::vector<Slot> make_slots(std::string_view disk, const std::vector<Partition>& partitions,
                             const std::vector<BootEntry>& entries, unsigned running_partition) {
  std::vector<const Partition*> verities;
  for (const Partition& partition : partitions) {
    if (is_verity_type(partition.type)) verities.push_back(&partition);
  }

  std::vector<Slot> slots;
  for (const Partition& partition : partitions) {
    if (!is_root_type(partition.type) || slots.size() == kMaxSlots) continue;
    Slot slot;
    slot.name = std::string(1, static_cast<char>('A' + static_cast<char>(slots.size())));
    slot.device = "/dev/" + partition_name(disk, partition.number);
    slot.partition = partition.number;
    slot.label = partition.label;
    slot.version = version_of_label(partition.label);
    slot.size = partition.size;
    slot.running = partition.number == running_partition;
    if (const BootEntry* entry = slot.empty() ? nullptr : find_entry(entries, slot.label)) slot.entry = *entry;

    // Its verity partition has its label with a suffix; an empty one is the next empty one.
    const std::string wanted = slot.empty() ? slot.label : slot.label + std::string(kVeritySuffix);
    const auto verity = std::ranges::find_if(verities, [&](const Partition* p) { return p->label == wanted; });
    if (verity != verities.end()) {
      slot.verity_device = "/dev/" + partition_name(disk, (*verity)->number);
      slot.verity_label = (*verity)->label;
      verities.erase(verity);
    }
    slots.push_back(std::move(slot));
  }
  return slots;
}

// The order of the questions is systemd-bless-boot's: the name under which the loader left the entry, the name without
// a counter, the name with no tries left.
Blessing judge_boot(const LoaderFacts& loader, const std::optional<std::vector<BootEntry>>& entries) {
  Blessing blessing;
  if (loader.boot_count_path.empty()) {
    blessing.state = loader.selected.empty() ? Blessed::kUnknown : Blessed::kClean;
    return blessing;
  }
  const auto booted = parse_boot_entry(file_of_path(loader.boot_count_path));
  if (!booted || !booted->counted || !entries) return blessing;

  const auto present = [&](auto condition) {
    return std::ranges::any_of(
        *entries, [&](const BootEntry& entry) { return same_file(entry.base, booted->base) && condition(entry); });
  };
  if (present([&](const BootEntry& e) { return e.counted && e.left == booted->left && e.done == booted->done; })) {
    blessing = {Blessed::kIndeterminate, booted->left, booted->done};
  } else if (present([](const BootEntry& e) { return !e.counted; })) {
    blessing.state = Blessed::kGood;
  } else if (present([](const BootEntry& e) { return e.counted && e.left == 0; })) {
    blessing.state = Blessed::kBad;
  }
  return blessing;
}

bool is_good(const Blessing& blessing) {
  return blessing.state == Blessed::kClean || blessing.state == Blessed::kGood;
}

std::optional<std::string> decode_efi_string(std::string_view file) {
  constexpr std::size_t kAttributes = 4;
  if (file.size() < kAttributes) return {};
  return utf8_from_utf16(file.substr(kAttributes));
}

std::string root_device_number(std::string_view mountinfo) {
  std::string number;  // the last mount on "/" hides the ones before
  for (const std::string& line : base::split(mountinfo, '\n')) {
    const std::vector<std::string> fields = base::split_words(line);
    if (fields.size() >= 5 && fields[4] == "/") number = fields[2];
  }
  if (number.empty()) throw base::Error("read mounts", "/proc/self/mountinfo", "nothing is mounted on /");
  return number;
}

}  // namespace updater
