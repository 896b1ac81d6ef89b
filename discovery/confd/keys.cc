#include "discovery/confd/keys.h"

#include <set>

#include "base/text.h"
#include "kv/client/key_path.h"

namespace discovery::confd {

const std::string* Keys::get(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::vector<Pair> Keys::gets(std::string_view pattern) const {
  std::vector<Pair> found;
  for (const auto& [key, value] : values_) {
    if (base::glob_match(pattern, key)) found.push_back({key, value});
  }
  return found;
}

std::vector<std::string> Keys::ls(std::string_view directory) const {
  const std::string clean = kv::clean_key(directory);
  std::set<std::string> names;
  for (const auto& [key, value] : values_) {
    if (key == clean) names.insert(key.substr(key.rfind('/') + 1));
    if (!kv::is_below(key, clean)) continue;
    const std::size_t start = clean == "/" ? 1 : clean.size() + 1;
    names.insert(key.substr(start, key.find('/', start) - start));
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> Keys::lsdir(std::string_view directory) const {
  const std::string clean = kv::clean_key(directory);
  std::set<std::string> names;
  for (const auto& [key, value] : values_) {
    if (!kv::is_below(key, clean)) continue;
    const std::size_t start = clean == "/" ? 1 : clean.size() + 1;
    const std::size_t slash = key.find('/', start);
    if (slash != std::string::npos) names.insert(key.substr(start, slash - start));
  }
  return {names.begin(), names.end()};
}

}  // namespace discovery::confd
