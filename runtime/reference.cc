#include "runtime/reference.h"

#include <arpa/inet.h>

#include <algorithm>
#include <format>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxName = 255;  // registry and repository together, as Docker has it
constexpr std::size_t kMaxTag = 128;
constexpr std::string_view kDefaultRegistry = "docker.io";

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// [a-z0-9]+ (separator [a-z0-9]+)*, where a separator is '.', '_', '__' or any number of '-'.
bool is_component(std::string_view text) {
  std::size_t i = 0;
  auto run = [&] {
    const std::size_t start = i;
    while (i < text.size() && is_lower_or_digit(text[i])) ++i;
    return i > start;
  };
  if (!run()) return false;
  while (i < text.size()) {
    if (text[i] == '.') {
      ++i;
    } else if (text[i] == '_') {
      ++i;
      if (i < text.size() && text[i] == '_') ++i;
    } else if (text[i] == '-') {
      while (i < text.size() && text[i] == '-') ++i;
    } else {
      return false;
    }
    if (!run()) return false;
  }
  return true;
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > kMaxTag || text[0] == '.' || text[0] == '-') return false;
  return std::ranges::all_of(
      text, [](char c) { return is_lower_or_digit(c) || is_upper(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_host_name(std::string_view host) {
  for (const std::string& label : base::split(host, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || is_upper(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool looks_like_registry(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
         std::ranges::any_of(component, is_upper);
}

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == 71 && text.starts_with("sha256:") && std::ranges::all_of(text.substr(7), is_hex);
}

std::string digest_hex(std::string_view digest) {
  if (!is_digest(digest)) {
    throw base::Error("digest", digest.substr(0, 100), "only sha256: and 64 lower-case hexadecimal digits is allowed");
  }
  return std::string(digest.substr(7));
}

RegistryHost parse_registry_host(std::string_view text) {
  auto wrong = [&](std::string_view reason) { return base::Error("registry", text.substr(0, kMaxName), reason); };
  RegistryHost result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) throw wrong("the bracket of an IPv6 address is not closed");
    result.host = text.substr(1, end - 1);
    if (!is_ipv6(result.host)) throw wrong("no IPv6 address in the brackets");
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest[0] != ':') throw wrong("only :PORT may follow the brackets");
    has_port = !rest.empty();
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    result.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
    if (!is_host_name(result.host)) throw wrong("a host name has letters, digits, '-' and '.' (HOST or HOST:PORT)");
  }
  if (has_port) {
    const auto number = base::parse_unsigned(port);
    if (!number || *number == 0 || *number > 65535) throw wrong("the port must be a number from 1 to 65535");
    result.port = static_cast<std::uint16_t>(*number);
  }
  return result;
}

bool is_loopback(std::string_view host) {
  if (base::lower(host) == "localhost" || host == "::1") return true;
  in_addr address{};
  if (inet_pton(AF_INET, std::string(host).c_str(), &address) != 1) return false;
  return (ntohl(address.s_addr) >> 24) == 127;
}

std::string Reference::text() const {
  std::string result = registry + "/" + repository;
  if (!tag.empty()) result += ":" + tag;
  if (!digest.empty()) result += "@" + digest;
  return result;
}

Reference parse_reference(std::string_view text) {
  const std::string shown(text.substr(0, 300));
  auto wrong = [&](const std::string& reason) { return base::Error("image reference", shown, reason); };
  if (text.empty()) throw wrong("it is empty; allowed is [REGISTRY/]NAME[:TAG][@sha256:DIGEST]");

  Reference result;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    result.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_digest(result.digest)) {
      throw wrong("after '@' only sha256: and 64 lower-case hexadecimal digits is allowed");
    }
  }
  if (rest.find("://") != std::string_view::npos)
    throw wrong("an image name has no scheme; leave out everything up to //");

  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos && looks_like_registry(rest.substr(0, slash))) {
    result.registry = rest.substr(0, slash);
    rest = rest.substr(slash + 1);
    parse_registry_host(result.registry);
    if (result.registry == "index.docker.io") result.registry = kDefaultRegistry;
  } else {
    result.registry = kDefaultRegistry;
  }

  if (const std::size_t colon = rest.rfind(':'); colon != std::string_view::npos) {
    result.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(result.tag)) {
      throw wrong("a tag has 1 to 128 letters, digits, '_', '.' and '-', and starts with none of '.' and '-'");
    }
  }
  result.repository = rest;
  if (rest.empty()) throw wrong("the name is missing; allowed is [REGISTRY/]NAME[:TAG][@sha256:DIGEST]");
  for (const std::string& component : base::split(rest, '/')) {
    if (is_component(component)) continue;
    throw wrong(
        std::format("the component '{}' is not allowed: lower-case letters and digits, separated by '.', '_', "
                    "'__' or '-'",
                    component));
  }
  if (result.registry == kDefaultRegistry && rest.find('/') == std::string_view::npos) {
    result.repository = "library/" + result.repository;
  }
  if (result.registry.size() + 1 + result.repository.size() > kMaxName) {
    throw wrong(std::format("the name is longer than {} characters", kMaxName));
  }
  if (result.tag.empty() && result.digest.empty()) result.tag = "latest";
  return result;
}

}  // namespace runtime
