#include "kv/kvd_urls.h"

#include <algorithm>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "kv/kvd_options.h"

namespace kv {

using base::Url;
using base::UsageError;

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> parts;
  for (const std::string& part : base::split(text, ',')) {
    if (!base::trim(part).empty()) parts.emplace_back(base::trim(part));
  }
  return parts;
}

Url strict_url(const std::string& text, const std::string& where) {
  const auto refuse = [&](std::string_view reason) {
    throw UsageError(std::format("{}: '{}': {}", where, text, reason));
  };
  Url url;
  try {
    url = base::parse_url(text);
  } catch (const base::Error& error) {
    throw UsageError(std::format("{}: {}", where, error.what()));
  }
  if (url.scheme != "http" && url.scheme != "https") refuse("URL scheme must be http or https");
  if (url.path != "/" || !url.user_info.empty()) refuse("URL must have no more than scheme, host and port");
  if (!std::string_view(text).substr(0, text.find_last_not_of('/') + 1).ends_with(std::format(":{}", url.port))) {
    refuse("URL address does not have the form \"host:port\"");
  }
  if (url.host.empty()) refuse("unexpected empty host");
  return url;
}

void check_origin(const std::string& text) {
  try {
    const Url url = base::parse_url(text);
    if (url.scheme != "unix" && url.path == "/" && url.user_info.empty() && !text.ends_with('/')) return;
  } catch (const base::Error&) {
    // Said below.
  }
  throw UsageError(std::format("--cors: '{}' is not '*' or an origin such as https://www.example.com", text));
}

std::vector<InitialMember> parse_initial_cluster(const std::string& text, const std::string& where) {
  std::string pairs = text;
  std::ranges::replace(pairs, '&', ',');
  std::vector<InitialMember> members;
  for (const std::string& pair : comma_list(pairs)) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw UsageError(std::format("{}: '{}' is not of the form NAME=URL", where, pair));
    }
    const std::string name = pair.substr(0, equals);
    const std::string url = strict_url(pair.substr(equals + 1), where).origin();
    auto member = std::ranges::find(members, name, &InitialMember::name);
    if (member == members.end()) member = members.insert(members.end(), {name, {}});
    member->peer_urls.push_back(url);
  }
  for (InitialMember& member : members) std::ranges::sort(member.peer_urls);
  return members;
}

std::string initial_cluster_text(const std::vector<InitialMember>& members) {
  std::vector<std::string> pairs;
  for (const InitialMember& member : members) {
    for (const std::string& url : member.peer_urls) pairs.push_back(member.name + "=" + url);
  }
  return base::join(pairs, ",");
}

std::string bind_address(const Url& url) {
  return url.host == "localhost" ? "127.0.0.1" : url.host;
}

}  // namespace kv
