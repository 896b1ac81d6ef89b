#include "bootstrap/reader.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/text.h"

namespace bootstrap {
namespace {

constexpr std::size_t kShownKey = 64;  // bytes of a key that a message shows

}  // namespace

std::string normal_key(std::string_view key) {
  std::string normal(key);
  std::ranges::replace(normal, '-', '_');
  return normal;
}

std::string read_string(const YamlNode& node, std::string_view name, Findings& findings) {
  if (node.is_scalar()) return node.is_null() ? "" : node.text;
  findings.push_back({Severity::kError, node.mark, std::format("incorrect type for \"{}\" (want string)", name)});
  return "";
}

MapReader::MapReader(const YamlNode& node, std::string name, Findings& findings)
    : node_(node), name_(std::move(name)), findings_(findings) {
  if (!node.is_mapping() && !node.is_null())
    error(node.mark, std::format("incorrect type for \"{}\" (want struct)", name_));
}

const YamlNode* MapReader::find(std::string_view key) {
  known_.emplace_back(key);
  const YamlNode* found = nullptr;
  for (std::size_t i = 0; i < node_.keys.size(); i++)
    if (normal_key(node_.keys[i].text) == key) found = &node_.items[i];
  return found && !found->is_null() ? found : nullptr;
}

std::string MapReader::string(std::string_view key, std::string_view fallback) {
  const YamlNode* node = find(key);
  return node ? read_string(*node, key, findings_) : std::string(fallback);
}

bool MapReader::boolean(std::string_view key, bool fallback) {
  const YamlNode* node = find(key);
  if (!node) return fallback;
  const auto value = node->as_boolean();
  if (!value) error(node->mark, std::format("incorrect type for \"{}\" (want bool)", key));
  return value.value_or(fallback);
}

std::vector<std::string> MapReader::strings(std::string_view key) {
  std::vector<std::string> values;
  each(key,
       [&](const YamlNode& item, const std::string& name) { values.push_back(read_string(item, name, findings_)); });
  return values;
}

void MapReader::each(std::string_view key, const std::function<void(const YamlNode&, std::string)>& take) {
  const YamlNode* node = find(key);
  if (!node) return;
  if (!node->is_sequence()) return error(node->mark, std::format("incorrect type for \"{}\" (want slice)", key));
  for (std::size_t i = 0; i < node->items.size(); i++) take(node->items[i], std::format("{}[{}]", key, i));
}

Mark MapReader::mark_of(std::string_view key) {
  const YamlNode* node = find(key);
  return node ? node->mark : node_.mark;
}

void MapReader::error(Mark mark, std::string message) {
  findings_.push_back({Severity::kError, mark, std::move(message)});
}

void MapReader::warning(Mark mark, std::string message) {
  findings_.push_back({Severity::kWarning, mark, std::move(message)});
}

void MapReader::ignore(std::initializer_list<std::string_view> keys, std::string_view reason) {
  for (const auto key : keys)
    if (find(key)) warning(mark_of(key), std::format("ignored key \"{}\" ({})", key, reason));
}

void MapReader::finish() {
  std::set<std::string> seen;
  for (const auto& key : node_.keys) {
    const std::string normal = normal_key(key.text);
    const std::string shown = key.text.substr(0, kShownKey);
    if (!seen.insert(normal).second) {
      warning(key.mark, std::format("key \"{}\" stands twice, the last one counts", shown));
    } else if (!std::ranges::contains(known_, normal)) {
      const std::string near = base::nearest(normal_key(shown), known_);
      const std::string hint = near.empty() ? "" : std::format(" (did you mean \"{}\"?)", near);
      warning(key.mark, std::format("unrecognized key \"{}\"{}", shown, hint));
    }
  }
}

}  // namespace bootstrap
