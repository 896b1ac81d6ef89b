#include "runtime/anonymous_volumes.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/error.h"

namespace runtime {
namespace {

constexpr std::size_t kNameBytes = 16;

// Builders take relative ones, too, and mean the root.
std::string declared_place(const std::string& image, const std::string& text) {
  std::string place = text.size() < PATH_MAX && !text.contains('\0') ? plain_path("/" + text) : "/";
  if (place != "/") return place;
  std::string shown = text.substr(0, 100);
  std::ranges::replace_if(shown, [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
  throw base::Error("image", image, "its volume '" + shown + "' is no place for one");
}

}  // namespace

std::string plain_path(const std::string& path) {
  // (Two slashes at the beginning are something of their own to lexically_normal.)
  std::string_view rest = path;
  while (rest.starts_with("//")) rest.remove_prefix(1);
  std::string plain = std::filesystem::path(rest).lexically_normal().string();
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

void name_anonymous_volumes(RunRequest& request, const std::string& image, const std::vector<std::string>& declared,
                            base::Random& random) {
  if (declared.size() > kMostImageVolumes) {
    throw base::Error("image", image, "it has more than " + std::to_string(kMostImageVolumes) + " volumes");
  }
  std::set<std::string> taken;
  for (const Volume& volume : request.volumes) taken.insert(plain_path(volume.destination));
  for (const TemporaryMount& mount : request.temporary_mounts) taken.insert(plain_path(mount.destination));
  std::vector<Volume> volumes;
  for (const std::string& text : declared) {
    std::string place = declared_place(image, text);
    if (!taken.insert(place).second) continue;
    volumes.push_back({.destination = std::move(place), .fill = true, .anonymous = true});
  }
  request.volumes.insert(request.volumes.begin(), volumes.begin(), volumes.end());
  for (Volume& volume : request.volumes) {
    if (volume.anonymous) volume.name = random.hex_string(kNameBytes);
  }
}

}  // namespace runtime
