#include "discovery/name.h"

#include <algorithm>
#include <format>

#include "base/text.h"

namespace discovery {

std::optional<Name> parse_name(std::string_view text) {
  if (text == ".") return Name{};
  if (!text.empty() && text.back() == '.') text.remove_suffix(1);
  Name name = base::split(text, '.');
  for (const std::string& label : name) {
    if (label.empty() || label.size() > kMaxLabel) return {};
  }
  if (wire_size(name) > kMaxName) return {};
  return name;
}

std::string to_text(const Name& name) {
  if (name.empty()) return ".";
  std::string text;
  for (const std::string& label : name) {
    for (const char c : label) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '.' || c == '\\') {
        text += '\\';
        text += c;
      } else if (byte <= ' ' || byte >= 0x7f) {
        text += std::format("\\{:03}", byte);
      } else {
        text += c;
      }
    }
    text += '.';
  }
  return text;
}

Name lower(const Name& name) {
  Name result;
  for (const std::string& label : name) result.push_back(base::lower(label));
  return result;
}

bool same_name(const Name& a, const Name& b) {
  return std::ranges::equal(a, b, [](const std::string& x, const std::string& y) {
    return x.size() == y.size() && base::lower(x) == base::lower(y);
  });
}

std::size_t wire_size(const Name& name) {
  std::size_t size = 1;
  for (const std::string& label : name) size += 1 + label.size();
  return size;
}

bool is_within(const Name& name, const Name& domain) {
  if (name.size() < domain.size()) return false;
  return same_name(Name(name.end() - static_cast<std::ptrdiff_t>(domain.size()), name.end()), domain);
}

}  // namespace discovery
