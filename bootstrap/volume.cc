// fsopen(2) makes a mount that has no place in the file system: nothing to clean up, whatever happens to us, and no
// path that another process could look into while the user-data, which may hold secrets, is being read.
#include "bootstrap/volume.h"

#include <blkid/blkid.h>
#include <sys/mount.h>

#include <array>
#include <format>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace bootstrap {
namespace {

constexpr std::string_view kLabel = "cidata";

std::string lookup(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  if (blkid_probe_lookup_value(probe, name, &value, nullptr) != 0 || value == nullptr) return "";
  return value;
}

std::optional<Volume> nocloud_at(const std::string& device) {
  auto volume = probe_volume(device);
  if (!volume || base::lower(volume->label) != kLabel) return std::nullopt;
  return volume;
}

// What the kernel has to say about a failed mount is read from the context's descriptor.
std::string kernel_message(const base::Fd& context) {
  std::array<char, 512> buffer{};
  const ssize_t size = read(context.get(), buffer.data(), buffer.size());
  return size > 2 ? std::string(base::trim(std::string_view(buffer.data() + 2, static_cast<std::size_t>(size - 2))))
                  : "";
}

[[noreturn]] void throw_mount(const Volume& volume, const base::Fd& context, int error) {
  const std::string message = kernel_message(context);
  const std::string object = std::format("{} ({})", volume.device, volume.type);
  if (message.empty()) throw base::Error("mount", object, error);
  throw base::Error("mount", object, message);
}

}  // namespace

std::optional<Volume> probe_volume(const std::string& device) {
  const std::unique_ptr<blkid_struct_probe, void (*)(blkid_probe)> probe(blkid_new_probe_from_filename(device.c_str()),
                                                                         blkid_free_probe);
  if (!probe) return std::nullopt;
  std::array<char, 5> vfat{"vfat"};
  std::array<char, 8> iso{"iso9660"};
  std::array<char*, 3> types{vfat.data(), iso.data(), nullptr};
  blkid_probe_enable_superblocks(probe.get(), 1);
  blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
  blkid_probe_filter_superblocks_type(probe.get(), BLKID_FLTR_ONLYIN, types.data());
  if (blkid_do_safeprobe(probe.get()) != 0) return std::nullopt;
  return Volume{device, lookup(probe.get(), "TYPE"), lookup(probe.get(), "LABEL")};
}

std::optional<Volume> find_nocloud_volume(const std::string& sys_block, const std::string& devices) {
  for (const char* label : {"cidata", "CIDATA"})
    if (auto volume = nocloud_at(devices + "/disk/by-label/" + label)) return volume;
  if (!base::exists(sys_block)) return std::nullopt;
  for (const auto& name : base::list_directory(sys_block)) {
    const auto size = base::read_file_if_exists(sys_block + "/" + name + "/size", 64);
    if (!size || base::trim(*size) == "0") continue;
    if (auto volume = nocloud_at(devices + "/" + name)) return volume;
  }
  return std::nullopt;
}

base::Fd mount_volume(const Volume& volume) {
  const base::Fd context(fsopen(volume.type.c_str(), FSOPEN_CLOEXEC));
  if (!context.valid()) throw base::Error("mount", std::format("{} ({})", volume.device, volume.type), errno);
  if (fsconfig(context.get(), FSCONFIG_SET_STRING, "source", volume.device.c_str(), 0) != 0 ||
      fsconfig(context.get(), FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0 ||
      fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    throw_mount(volume, context, errno);
  base::Fd mounted(fsmount(context.get(), FSMOUNT_CLOEXEC,
                           MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!mounted.valid()) throw_mount(volume, context, errno);
  return mounted;
}

}  // namespace bootstrap
