#pragma once
// The peer URLs of a member, as POST and PUT /v2/members take them: etcd's types.NewURLs over Go's url.Parse, with
// their words for what is wrong.

#include <string>
#include <variant>
#include <vector>

namespace kv {

struct UrlError {
  std::string text;
};

// Sorted. Each must be http, https, unix or unixs with host:port and no path.
std::variant<std::vector<std::string>, UrlError> parse_peer_urls(const std::vector<std::string>& texts);

}  // namespace kv
