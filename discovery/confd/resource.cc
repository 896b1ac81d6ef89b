#include "discovery/confd/resource.h"

#include <array>
#include <charconv>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "discovery/confd/toml.h"
#include "kv/client/key_path.h"

namespace discovery::confd {
namespace {

constexpr std::array<std::string_view, 9> kNames{"src", "dest", "keys",      "prefix",    "mode",
                                                 "uid", "gid",  "check_cmd", "reload_cmd"};

[[noreturn]] void refuse(const std::string& file, unsigned line, std::string_view reason) {
  throw base::Error("read", std::format("{}:{}", file, line), reason);
}

// The table's members, typed.
class Reader {
 public:
  Reader(const TomlTable& table, const std::string& file) : table_(table), file_(file) {}

  template <typename T>
  const T* find(std::string_view name, std::string_view type) {
    const auto found = table_.find(name);
    if (found == table_.end()) return nullptr;
    line_ = found->second.line;
    const T* value = std::get_if<T>(&found->second.value);
    if (value == nullptr) refuse(file_, line_, std::format("'{}' must be {}", name, type));
    return value;
  }

  std::string string(std::string_view name) {
    const auto* value = find<std::string>(name, "a string");
    if (value != nullptr && value->contains('\0')) refuse(file_, line_, std::format("'{}' has a zero byte", name));
    return value == nullptr ? "" : *value;
  }

  // -1 is confd's way to say "ours".
  std::optional<std::uint32_t> id(std::string_view name) {
    const auto* value = find<std::int64_t>(name, "an integer");
    if (value == nullptr || *value == -1) return std::nullopt;
    if (*value < 0 || *value >= UINT32_MAX) {
      refuse(file_, line_, std::format("'{}' is not a number from 0 to {}", name, UINT32_MAX - 1));
    }
    return static_cast<std::uint32_t>(*value);
  }

  unsigned line() const { return line_; }  // of the member found last

 private:
  const TomlTable& table_;
  const std::string& file_;
  unsigned line_ = 1;
};

// Octal with a leading 0, as confd reads it; "644" would be decimal there, and never what was meant.
std::uint32_t parse_mode(const std::string& text, const std::string& file, unsigned line) {
  std::uint32_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (!text.starts_with('0') || error != std::errc() || end != text.data() + text.size() || mode > 07777) {
    refuse(file, line, std::format("mode '{}' is not octal with a leading zero, such as \"0644\"", text));
  }
  return mode;
}

}  // namespace

std::string Resource::store_key(const std::string& key) const {
  return kv::clean_key(prefix + "/" + key);
}

Resource parse_resource(std::string_view text, const std::string& file, const std::string& prefix) {
  const auto tables = parse_toml(text, file);
  const std::vector<std::string> known(kNames.begin(), kNames.end());
  for (const auto& [name, table] : tables) {
    if (name.empty() && table.empty()) continue;
    const unsigned line = table.empty() ? 1 : table.begin()->second.line;
    if (name.empty()) refuse(file, line, std::format("'{}' stands outside of [template]", table.begin()->first));
    if (name != "template") refuse(file, line, std::format("unknown table [{}] (allowed: [template])", name));
  }
  const auto found = tables.find("template");
  if (found == tables.end()) refuse(file, 1, "there is no [template]");
  for (const auto& [key, value] : found->second) {
    if (!std::ranges::contains(known, key)) {
      refuse(file, value.line, std::format("unknown key '{}' (allowed: {})", key, base::join(known, ", ")));
    }
  }

  Reader reader(found->second, file);
  Resource resource;
  resource.file = file;
  resource.source = reader.string("src");
  if (resource.source.empty()) refuse(file, 1, "'src' is missing: the name of the template");
  resource.destination = reader.string("dest");
  if (resource.destination.empty()) refuse(file, 1, "'dest' is missing: the file to write");
  if (resource.destination.ends_with('/')) refuse(file, reader.line(), "'dest' names a folder, not a file");
  if (const auto* keys = reader.find<std::vector<std::string>>("keys", "an array of strings")) {
    if (keys->size() > kMaxKeys) refuse(file, reader.line(), std::format("more than {} keys", kMaxKeys));
    for (const std::string& key : *keys) resource.keys.push_back(kv::clean_key(key));
  }
  if (resource.keys.empty()) refuse(file, 1, "'keys' is missing: the keys to read");
  resource.prefix = kv::clean_key(reader.string("prefix"));
  if (!prefix.empty()) resource.prefix = kv::clean_key(prefix);
  if (const auto* mode = reader.find<std::string>("mode", "a string")) {
    if (!mode->empty()) resource.mode = parse_mode(*mode, file, reader.line());
  }
  resource.uid = reader.id("uid");
  resource.gid = reader.id("gid");
  resource.check_command = reader.string("check_cmd");
  resource.reload_command = reader.string("reload_cmd");
  return resource;
}

}  // namespace discovery::confd
