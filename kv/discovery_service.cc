#include "kv/discovery_service.h"

#include <algorithm>
#include <format>

#include "base/log.h"
#include "base/text.h"
#include "kv/go_text.h"
#include "kv/http_plain.h"
#include "kv/v2_form.h"

namespace kv {

namespace {

constexpr std::string_view kRegistry = "/_etcd/registry";
constexpr std::size_t kTokenBytes = 16;

bool is_token(std::string_view text) {
  auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 2 * kTokenBytes && std::ranges::all_of(text, is_hex);
}

}  // namespace

std::string_view discovery_methods(std::string_view path) {
  if (!path.starts_with('/')) return "";
  std::string_view token = path.substr(1, path.find('/', 1) - 1);
  if (!is_token(token)) return "";
  std::string_view rest = path.substr(1 + token.size());
  if (rest.empty() || rest == "/") return "GET,PUT";
  rest.remove_prefix(1);
  if (rest == "_config/size") return "GET";
  if (rest.contains('/')) return "";
  return rest.starts_with('_') ? "GET" : "GET,PUT,DELETE";
}

DiscoveryService::DiscoveryService(Replica& replica, AccessControl& access, V2Keys& keys, base::Random& random,
                                   std::string base_url)
    : replica_(replica), access_(access), keys_(keys), random_(random), base_url_(std::move(base_url)) {
  while (base_url_.ends_with('/')) base_url_.pop_back();
}

bool DiscoveryService::handle(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  if (path == "/new") {
    if (allow_methods(request, "GET,PUT", *reply)) new_token(request, reply);
    return true;
  }
  if (path == "/robots.txt") {
    if (allow_methods(request, "GET,HEAD", *reply)) reply->send(text_response("User-agent: *\nDisallow: /\n"));
    return true;
  }
  std::string_view methods = discovery_methods(path);
  if (methods.empty()) return false;
  if (!allow_methods(request, methods, *reply)) return true;
  std::string key = std::format("/v2/keys{}{}", kRegistry, path);
  if (key.ends_with('/')) key.pop_back();
  keys_.handle(request, key, reply);
  return true;
}

bool DiscoveryService::has_room() {
  if (!tokens_ || *tokens_ >= kMaxTokens) {
    std::optional<NodeView> registry = replica_.store().peek(std::format("{}{}", kKeysPrefix, kRegistry));
    tokens_ = registry ? registry->nodes.size() : 0;
  }
  return *tokens_ < kMaxTokens;
}

void DiscoveryService::new_token(const base::HttpRequest& request, const ReplyPtr& reply) {
  V2Form form;
  if (std::string error = form.parse(request); !error.empty()) return reply->send(plain_error(400, error));
  std::int64_t size = 3;
  if (const std::string& text = form.value("size"); !text.empty()) {
    std::optional<std::int64_t> parsed = base::parse_signed(text.starts_with('+') ? text.substr(1) : text);
    if (!parsed) {
      return reply->send(plain_error(400, std::format("strconv.Atoi: parsing {}: invalid syntax", json_quoted(text))));
    }
    size = *parsed;
  }
  if (size < 1 || size > kMaxSize) {
    return reply->send(plain_error(400, std::format("size must be from 1 to {}", kMaxSize)));
  }
  if (!has_room()) return reply->send(plain_error(400, "Unable to generate token"));

  std::string token = random_.hex_string(kTokenBytes);
  std::string key = std::format("{}/{}/_config/size", kRegistry, token);
  access_.check_key(credentials_of(request), key, true, false, [this, key, token, size, reply](Access access) {
    if (access != Access::kGranted) return reply->send(no_access(access));
    Command command{.operation = Operation::kCreate, .key = std::string(kKeysPrefix) + key};
    command.value = std::to_string(size);
    command.time = wall_nanoseconds(replica_.clock());
    replica_.write(command, [this, token, reply](const Result& result) {
      if (auto* error = std::get_if<StoreError>(&result)) {
        base::log_warning("discovery: no new token: {}", error->cause);
        return reply->send(plain_error(400, "Unable to generate token"));
      }
      if (tokens_) ++*tokens_;
      base::log_info("discovery: new cluster {}", token);
      reply->send(text_response(base_url_ + "/" + token));
    });
  });
}

}  // namespace kv
