#include "kv/client/key_path.h"

#include <algorithm>

namespace kv {

bool is_clean_key(std::string_view key) {
  if (key == "/") return true;
  if (!key.starts_with('/')) return false;
  for (std::size_t at = 1; at <= key.size();) {
    const std::size_t end = std::min(key.find('/', at), key.size());
    const std::string_view part = key.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return false;
    at = end + 1;
  }
  return true;
}

std::string clean_key(std::string_view key) {
  if (is_clean_key(key)) return std::string(key);
  std::string clean;
  for (std::size_t at = 0; at <= key.size();) {
    std::size_t end = key.find('/', at);
    if (end == std::string_view::npos) end = key.size();
    std::string_view part = key.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      clean.resize(clean.empty() ? 0 : clean.rfind('/'));
      continue;
    }
    clean += '/';
    clean += part;
  }
  return clean.empty() ? "/" : clean;
}

bool is_below(std::string_view key, std::string_view directory) {
  if (directory == "/") return key.size() > 1;
  return key.size() > directory.size() && key[directory.size()] == '/' && key.starts_with(directory);
}

bool is_hidden_below(std::string_view key, std::string_view directory) {
  if (!is_below(key, directory)) return false;
  return key.substr(directory == "/" ? 0 : directory.size()).contains("/_");
}

}  // namespace kv
