#include "runtime/volume_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {
namespace {

constexpr const char* kInfoFile = "volume.json";
constexpr const char* kData = "data";
constexpr std::string_view kNew = ".new-";  // no volume's name begins so
constexpr std::string_view kRemoved = ".removed-";
constexpr std::array<std::pair<VolumeKind, std::string_view>, 3> kKinds = {
    {{VolumeKind::kDirectory, "directory"}, {VolumeKind::kEmpty, "empty"}, {VolumeKind::kMemory, "tmpfs"}}};

std::string text_of(const VolumeInfo& info) {
  base::Json json = {{"name", info.name},       {"kind", kind_name(info.kind)}, {"size", info.size},
                     {"created", info.created}, {"filled", info.filled},        {"anonymous", info.anonymous}};
  return base::to_text(json, 1) + "\n";
}

VolumeInfo info_from(const std::string& text, const std::string& where) {
  base::Json json = base::parse_json(text, where);
  std::string kind = base::json_string(json, "kind");
  if (!kind_by_name(kind)) throw base::Error("read", where, "unknown kind '" + kind + "'");
  return {.name = base::json_string(json, "name"),
          .kind = *kind_by_name(kind),
          .size = static_cast<std::uint64_t>(base::json_integer(json, "size")),
          .created = base::json_string(json, "created"),
          .filled = base::json_bool(json, "filled"),
          .anonymous = base::json_bool(json, "anonymous")};
}

base::Fd locked(const std::string& path) {
  base::Fd file = base::open_file(path, O_RDWR | O_CREAT, 0600);
  base::check(flock(file.get(), LOCK_EX), "lock", path);
  return file;
}

}  // namespace

std::string_view kind_name(VolumeKind kind) {
  for (const auto& [known, name] : kKinds) {
    if (known == kind) return name;
  }
  return "";
}

std::optional<VolumeKind> kind_by_name(std::string_view name) {
  for (const auto& [kind, known] : kKinds) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

std::string VolumeStore::path_of(const std::string& name, std::string_view file) const {
  if (!is_valid_id(name)) throw base::Error("volume", name, "not a volume's name");
  return directory_ + "/" + name + (file.empty() ? "" : "/" + std::string(file));
}

base::Fd VolumeStore::lock() const {
  base::make_directories(directory_, 0711);
  base::Fd held = locked(directory_ + "/.lock");
  base::Fd directory = base::open_directory(directory_);
  for (const std::string& name : base::list_directory(directory_)) {
    if (name.starts_with(kNew) || name.starts_with(kRemoved)) base::remove_tree_at(directory, name);
  }
  return held;
}

base::Fd VolumeStore::lock_one(const std::string& name) const {
  return locked(path_of(name, "lock"));
}

void VolumeStore::create(const VolumeInfo& info) {
  std::string path = path_of(info.name);
  if (find(info.name)) throw base::Error("volume", info.name, "there is one already");
  base::Fd directory = base::open_directory(directory_);
  std::string unfinished = std::string(kNew) + info.name;
  base::check(mkdirat(directory.get(), unfinished.c_str(), 0711), "make directory", unfinished);
  base::Fd volume = base::open_at(directory, unfinished, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  base::check(mkdirat(volume.get(), kData, 0755), "make directory", path);
  base::write_file_atomic_at(volume, kInfoFile, text_of(info), 0600);
  base::check(renameat(directory.get(), unfinished.c_str(), directory.get(), info.name.c_str()), "make volume", path);
  base::check(fsync(directory.get()), "sync", directory_);
}

void VolumeStore::remove(const std::string& name) {
  std::string path = path_of(name);
  get(name);
  base::Fd directory = base::open_directory(directory_);
  std::string removed = std::string(kRemoved) + name;
  base::check(renameat(directory.get(), name.c_str(), directory.get(), removed.c_str()), "remove", path);
  base::remove_tree_at(directory, removed);
}

std::optional<VolumeInfo> VolumeStore::find(const std::string& name) const {
  std::string path = path_of(name, kInfoFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  if (!text) return std::nullopt;
  return info_from(*text, path);
}

VolumeInfo VolumeStore::get(const std::string& name) const {
  std::optional<VolumeInfo> info = find(name);
  if (!info) throw base::Error("volume", name, "there is none");
  return *info;
}

std::vector<VolumeInfo> VolumeStore::list() const {
  std::vector<VolumeInfo> result;
  if (!base::exists(directory_)) return result;
  for (const std::string& name : base::list_directory(directory_)) {
    if (!is_valid_id(name)) continue;
    if (std::optional<VolumeInfo> info = find(name)) result.push_back(std::move(*info));
  }
  return result;
}

std::string VolumeStore::data_path(const std::string& name) const {
  return path_of(name, kData);
}

void VolumeStore::clear(const std::string& name) {
  base::Fd volume = base::open_directory(path_of(name));
  base::remove_temporary_files_at(volume, kInfoFile);
  base::remove_tree_at(volume, kData);
  base::check(mkdirat(volume.get(), kData, 0755), "make directory", data_path(name));
}

void VolumeStore::set_filled(const std::string& name) {
  VolumeInfo info = get(name);
  base::Fd volume = base::open_directory(path_of(name));
  base::check(syncfs(volume.get()), "sync", path_of(name));
  info.filled = true;
  base::write_file_atomic_at(volume, kInfoFile, text_of(info), 0600);
}

}  // namespace runtime
