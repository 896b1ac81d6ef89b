#include "discovery/confd/settings.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "discovery/confd/toml.h"

namespace discovery::confd {
namespace {

constexpr std::uint64_t kMaxInterval = 31 * 24 * 60 * 60;  // seconds
constexpr std::array<std::string_view, 9> kNames{"backend", "confdir", "interval",  "log-level", "nodes",
                                                 "noop",    "prefix",  "sync-only", "watch"};

// A member of confd.toml when neither the command line nor the environment says anything.
class File {
 public:
  File(const base::Invocation& invocation, const std::optional<std::string>& text, const std::string& name)
      : invocation_(invocation), name_(name) {
    if (!text) return;
    for (auto& [header, table] : parse_toml(*text, name)) {
      if (!header.empty()) throw base::Error("read", name, std::format("unknown table [{}]", header));
      table_ = std::move(table);
    }
    for (const auto& [key, value] : table_) {
      if (std::ranges::contains(kNames, key)) continue;
      const std::vector<std::string> known(kNames.begin(), kNames.end());
      refuse(value, std::format("unknown key '{}' (allowed: {})", key, base::join(known, ", ")));
    }
  }

  template <typename T>
  const T* find(std::string_view key, std::string_view option, std::string_view type) const {
    const auto found = table_.find(key);
    if (found == table_.end() || invocation_.given(option)) return nullptr;
    const T* value = std::get_if<T>(&found->second.value);
    if (value == nullptr) refuse(found->second, std::format("'{}' must be {}", key, type));
    return value;
  }

  std::string text(std::string_view key) const {
    const auto* value = find<std::string>(key, key, "a string");
    return value != nullptr ? *value : invocation_.get(key);
  }

  bool flag(std::string_view key) const {
    const bool* value = find<bool>(key, key, "true or false");
    return value != nullptr ? *value : invocation_.flag(key);
  }

  [[noreturn]] void refuse(const TomlValue& value, std::string_view reason) const {
    throw base::Error("read", std::format("{}:{}", name_, value.line), reason);
  }
  const TomlValue& at(std::string_view key) const { return table_.find(key)->second; }

 private:
  const base::Invocation& invocation_;
  const std::string& name_;
  TomlTable table_;
};

std::chrono::seconds interval(const base::Invocation& invocation, const File& file) {
  const auto* seconds = file.find<std::int64_t>("interval", "interval", "an integer");
  if (seconds == nullptr) return std::chrono::seconds(invocation.number("interval", 1, kMaxInterval));
  if (*seconds < 1 || *seconds > static_cast<std::int64_t>(kMaxInterval)) {
    file.refuse(file.at("interval"), std::format("'interval' is not a number from 1 to {}", kMaxInterval));
  }
  return std::chrono::seconds(*seconds);
}

// confd's etcdv3 takes addresses without a scheme.
std::string endpoints(const std::vector<std::string>& nodes) {
  std::vector<std::string> urls;
  for (const std::string& node : nodes) {
    for (const std::string& url : base::split(node, ',')) urls.push_back(url.contains("://") ? url : "http://" + url);
  }
  return base::join(urls, ",");
}

}  // namespace

Settings resolve_settings(const base::Invocation& invocation, const std::optional<std::string>& config,
                          const std::string& file_name) {
  const File file(invocation, config, file_name);
  const std::string backend = file.text("backend");
  if (backend != "etcd" && backend != "etcdv3") {
    throw base::UsageError(std::format("backend '{}' is not supported (allowed: etcd, etcdv3)", backend));
  }
  static constexpr std::pair<std::string_view, base::LogLevel> kLevels[] = {{"debug", base::LogLevel::kDebug},
                                                                            {"info", base::LogLevel::kInfo},
                                                                            {"warn", base::LogLevel::kWarning},
                                                                            {"error", base::LogLevel::kError}};
  const std::string level = file.text("log-level");
  const auto* const found = std::ranges::find(kLevels, level, [](const auto& entry) { return entry.first; });
  if (found == std::end(kLevels)) {
    throw base::UsageError(std::format("log level '{}' is not one of debug, info, warn, error", level));
  }

  Settings settings;
  settings.log_level = found->second;
  settings.folder = file.text("confdir");
  settings.prefix = file.text("prefix");
  const auto* nodes = file.find<std::vector<std::string>>("nodes", "node", "an array of strings");
  settings.endpoints = endpoints(nodes != nullptr ? *nodes : invocation.get_all("node"));
  settings.interval = interval(invocation, file);
  settings.onetime = invocation.flag("onetime");
  settings.watch = file.flag("watch");
  settings.noop = file.flag("noop");
  settings.sync_only = file.flag("sync-only");
  settings.keep_stage_file = invocation.flag("keep-stage-file");
  return settings;
}

}  // namespace discovery::confd
