#include "bootstrap/ssh_keys.h"

#include <algorithm>

#include "base/digest.h"
#include "base/text.h"

namespace bootstrap {
namespace {

constexpr std::string_view kBegin = "# begin keys of bootstrap (cloud-config)";
constexpr std::string_view kEnd = "# end keys of bootstrap";

// The blob of a key begins with its type as an SSH string: four bytes of length, then the text (RFC 4253, 6.6).
bool blob_has_type(std::string_view base64, std::string_view type) {
  const auto blob = base::base64_decode(base64);
  if (!blob || blob->size() <= 4 + type.size()) return false;
  const std::string length{'\0', '\0', '\0', static_cast<char>(type.size())};
  return blob->starts_with(length) && std::string_view(*blob).substr(4, type.size()) == type;
}

}  // namespace

bool looks_like_ssh_key(std::string_view line) {
  const auto words = base::split_words(line);
  for (std::size_t i = 0; i + 1 < words.size(); i++)
    if (words[i].size() < 128 && blob_has_type(words[i + 1], words[i])) return true;
  return false;
}

std::string merge_authorized_keys(std::string_view existing, const std::vector<std::string>& keys, bool keep_old) {
  std::vector<std::string> others, block;
  bool inside = false;
  for (const auto& line : base::split(existing, '\n')) {
    if (line == kBegin || line == kEnd) {
      inside = line == kBegin;
    } else if (!inside) {
      others.push_back(line);
    } else if (keep_old && !line.empty()) {
      block.push_back(line);
    }
  }
  while (!others.empty() && others.back().empty()) others.pop_back();
  for (const auto& key : keys) {
    const std::string line(base::trim(key));
    if (!std::ranges::contains(others, line) && !std::ranges::contains(block, line)) block.push_back(line);
  }
  std::string text;
  for (const auto& line : others) text += line + "\n";
  if (block.empty()) return text;
  text += std::string(kBegin) + "\n";
  for (const auto& line : block) text += line + "\n";
  return text + std::string(kEnd) + "\n";
}

}  // namespace bootstrap
