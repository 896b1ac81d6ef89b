#include "runtime/mount_option.h"

#include <sys/mount.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

[[noreturn]] void wrong(std::string_view text, const std::string& reason) {
  throw base::UsageError("--mount '" + std::string(text) + "': " + reason);
}

// Docker has several names for some; the first one here is ours.
std::string usual_name(const std::string& name) {
  if (name == "src") return "source";
  if (name == "dst" || name == "destination") return "target";
  if (name == "ro") return "readonly";
  return name;
}

std::map<std::string, std::string> words_of(std::string_view text) {
  std::map<std::string, std::string> words;
  for (const std::string& word : base::split(text, ',')) {
    std::size_t equals = word.find('=');
    std::string name = usual_name(word.substr(0, equals));
    std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (equals == std::string::npos && name != "readonly" && name != "volume-nocopy") {
      wrong(text, "'" + word + "' is none of NAME=VALUE, readonly and volume-nocopy");
    }
    if (!words.emplace(name, value).second) wrong(text, name + " is given twice");
  }
  return words;
}

// Takes a word out, so that at the end those are left that nobody wants.
std::string take(std::map<std::string, std::string>& words, const std::string& name) {
  auto found = words.find(name);
  if (found == words.end()) return "";
  std::string value = found->second;
  words.erase(found);
  return value;
}

bool take_truth(std::map<std::string, std::string>& words, const std::string& name, std::string_view text) {
  if (!words.contains(name)) return false;
  std::string value = take(words, name);
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  wrong(text, name + " is true or false");
}

bool is_place(const std::string& path) {
  return path.starts_with('/') && path.find_first_not_of('/') != std::string::npos;
}

void require_nothing_left(const std::map<std::string, std::string>& words, const std::string& type,
                          std::string_view text) {
  if (words.empty()) return;
  wrong(text, "'" + words.begin()->first + "' is nothing that type=" + type + " has");
}

TemporaryMount temporary_mount(std::map<std::string, std::string>& words, const std::string& target, bool read_only,
                               std::string_view text) {
  TemporaryMount mount{.destination = target, .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (read_only) mount.attributes |= MOUNT_ATTR_RDONLY;
  if (words.contains("tmpfs-size")) {
    std::optional<std::uint64_t> size = base::parse_size(take(words, "tmpfs-size"));
    if (!size || *size == 0) wrong(text, "tmpfs-size is in bytes, as 64m");
    mount.parameters.emplace_back("size", std::to_string(*size));
  }
  if (words.contains("tmpfs-mode")) {
    std::string mode = take(words, "tmpfs-mode");
    if (mode.empty() || mode.size() > 5 || mode.find_first_not_of("01234567") != std::string::npos) {
      wrong(text, "tmpfs-mode is octal, as 1777");
    }
    mount.parameters.emplace_back("mode", mode);
  }
  return mount;
}

// A directory that the runtime keeps, under a name or with the container.
Volume kept_volume(std::map<std::string, std::string>& words, const std::string& type, std::string_view text) {
  Volume volume{.destination = {}};
  volume.own = type == "empty";
  if (volume.own) return volume;
  volume.anonymous = !words.contains("source");
  volume.name = take(words, "source");
  if (!volume.anonymous && !is_valid_id(volume.name))
    wrong(text, "source= is a volume's name: letters, digits, _ + - (and . after the first)");
  volume.fill = true;
  if (words.contains("volume-nocopy")) volume.fill = !take_truth(words, "volume-nocopy", text);
  return volume;
}

}  // namespace

std::variant<Volume, TemporaryMount> parse_mount(std::string_view text) {
  std::map<std::string, std::string> words = words_of(text);
  std::string type = take(words, "type");
  std::string target = take(words, "target");
  bool read_only = take_truth(words, "readonly", text);
  if (!is_place(target)) wrong(text, "target= is an absolute path in the container, not its root");
  if (type == "tmpfs") {
    TemporaryMount mount = temporary_mount(words, target, read_only, text);
    require_nothing_left(words, type, text);
    return mount;
  }
  if (type == "volume" || type == "empty") {
    Volume volume = kept_volume(words, type, text);
    volume.destination = target;
    volume.read_only = read_only;
    require_nothing_left(words, type, text);
    return volume;
  }
  if (type != "bind") wrong(text, "type is bind, volume, empty or tmpfs");
  Volume volume{.source = take(words, "source"), .destination = target, .read_only = read_only};
  if (!volume.source.starts_with('/')) wrong(text, "source= is an absolute path on this machine");
  require_nothing_left(words, type, text);
  return volume;
}

}  // namespace runtime
