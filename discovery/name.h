#pragma once
// Domain names (RFC 1035, 3.1) as lists of labels. A label is 1 to 63 bytes of anything, a name at most 255 bytes on
// the wire. Names compare without case (RFC 4343): keys in the zone are lower case, answers keep the asker's spelling.
// Pure.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace discovery {

using Name = std::vector<std::string>;  // {"web", "skydns", "local"}; the root is empty

inline constexpr std::size_t kMaxLabel = 63;
inline constexpr std::size_t kMaxName = 255;  // on the wire, lengths and the root's zero included

// "web.skydns.local" with or without the last dot, "." for the root; nothing when a label is empty or too long, or the
// whole is. Backslashes have no meaning: names from the store are plain text.
std::optional<Name> parse_name(std::string_view text);

// With a dot at the end; dots, blanks and unprintable bytes inside labels as \. and \DDD.
std::string to_text(const Name& name);

Name lower(const Name& name);
bool same_name(const Name& a, const Name& b);
std::size_t wire_size(const Name& name);

// Whether `name` is `domain` or below it.
bool is_within(const Name& name, const Name& domain);

}  // namespace discovery
