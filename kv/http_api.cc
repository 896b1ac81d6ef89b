#include "kv/http_api.h"

#include "base/random.h"
#include "kv/go_text.h"
#include "kv/http_plain.h"
#include "kv/v2_answer.h"

namespace kv {

namespace {

// The decoded path of the request's target, which may be in absolute form (RFC 9112, 3.2.2). Nothing for a bad escape.
std::optional<std::string> decoded_path(const base::HttpRequest& request) {
  std::string_view raw = request.raw_path();
  if (raw.starts_with("http://") || raw.starts_with("https://")) {
    std::size_t slash = raw.find('/', raw.find("//") + 2);
    raw = slash == std::string_view::npos ? "/" : raw.substr(slash);
  }
  return unescape_path(raw);
}

bool is_at_or_below(std::string_view path, std::string_view prefix) {
  return path == prefix || (path.starts_with(prefix) && path[prefix.size()] == '/');
}

bool shows_no_state(std::string_view path) {
  return is_at_or_below(path, "/health") || is_at_or_below(path, "/livez") || is_at_or_below(path, "/readyz") ||
         is_at_or_below(path, "/version") || is_at_or_below(path, "/metrics") || is_at_or_below(path, "/v2/stats");
}

}  // namespace

HttpApi::HttpApi(Replica& replica, base::EventLoop& loop, std::uint64_t cluster_id, HttpApiOptions options)
    : replica_(replica),
      cluster_id_(id_text(cluster_id)),
      cors_(std::move(options.cors)),
      peer_stats_(replica.clock()),
      access_(
          replica.store(), [&loop](std::function<void()> work) { loop.post(std::move(work)); }, base::system_random()),
      keys_(
          replica, access_, [&loop](std::function<void()> work) { loop.post(std::move(work)); }, options.watches,
          cluster_id_),
      members_(replica, access_, cluster_id_, options.strict_reconfig_check),
      auth_(replica, access_, cluster_id_),
      health_(replica, loop),
      stats_(replica, peer_stats_, health_.counters(), std::move(options.name)) {
  if (options.discovery_service_url.empty()) return;
  discovery_ = std::make_unique<DiscoveryService>(replica, access_, keys_, base::system_random(),
                                                  std::move(options.discovery_service_url));
}

void HttpApi::handle(const base::HttpRequest& request, const ReplyPtr& plain_reply) {
  std::optional<std::string> path = decoded_path(request);
  if (!path) return plain_reply->send(bad_request());
  ReplyPtr reply = cors_.wrap(request, plain_reply);
  if (request.method == "OPTIONS") return reply->send({});
  if (!is_clean_url_path(*path)) return reply->send(moved_permanently(request, clean_url_path(*path)));
  route(request, *path, reply);
}

void HttpApi::route(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  if (replica_.diverged() && !shows_no_state(path)) return reply->send(error_response(Replica::corrupt_error()));
  if (is_at_or_below(path, "/v2/keys")) {
    if (allow_methods(request, "HEAD,GET,PUT,POST,DELETE", *reply)) keys_.handle(request, path, reply);
    return;
  }
  if (is_at_or_below(path, "/v2/members")) return members_.handle(request, path, reply);
  if (is_at_or_below(path, "/v2/auth")) return auth_.handle(request, path, reply);
  if (health_.handle(request, path, reply)) return;
  if (stats_.handle(request, path, *reply)) return;
  if (discovery_ && discovery_->handle(request, path, reply)) return;
  reply->send(plain_error(404, "404 page not found"));
}

}  // namespace kv
