#include "kv/http_api.h"

#include <unistd.h>

#include <format>

#include "base/machine.h"
#include "base/text.h"
#include "kv/go_text.h"
#include "kv/http_plain.h"

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

}  // namespace

HttpApi::HttpApi(Replica& replica, std::uint64_t cluster_id, std::string name)
    : replica_(replica),
      cluster_id_(id_text(cluster_id)),
      name_(std::move(name)),
      keys_(replica, cluster_id_),
      start_wall_(replica.clock().wall_now()),
      start_(replica.clock().now()) {}

void HttpApi::handle(const base::HttpRequest& request, const ReplyPtr& reply) {
  std::optional<std::string> path = decoded_path(request);
  if (!path) return reply->send(bad_request());
  std::string clean = clean_url_path(*path);
  if (clean != *path) return reply->send(moved_permanently(request, clean));
  route(request, clean, reply);
}

void HttpApi::route(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  const std::string& method = request.method;
  auto allowed = [&](std::string_view methods) {
    for (const std::string& one : base::split(methods, ',')) {
      if (one == method) return true;
    }
    reply->send(method_not_allowed(methods));
    return false;
  };
  if (is_at_or_below(path, "/v2/keys")) {
    if (allowed("HEAD,GET,PUT,POST,DELETE")) keys_.handle(request, path, reply);
  } else if (path == "/v2/machines") {
    if (allowed("GET,HEAD")) machines(*reply);
  } else if (is_at_or_below(path, "/v2/members")) {
    if (allowed("GET")) members(path, *reply);
  } else if (path == "/v2/stats/store") {
    if (allowed("GET")) store_stats(*reply);
  } else if (path == "/v2/stats/self") {
    if (allowed("GET")) self_stats(*reply);
  } else if (path == "/v2/stats/leader") {
    if (allowed("GET")) leader_stats(*reply);
  } else if (path == "/version") {
    if (!allowed("GET")) return;
    reply->send(json_response(
        std::format("{{\"etcdserver\":\"{}\",\"etcdcluster\":\"{}\"}}", kApiServerVersion, kApiClusterVersion)));
  } else if (path == "/health") {
    if (allowed("GET")) health(reply);
  } else if (path == "/metrics") {
    if (allowed("GET")) metrics(*reply);
  } else {
    reply->send(plain_error(404, "404 page not found"));
  }
}

void HttpApi::machines(base::HttpReply& reply) const {
  std::vector<std::string> urls;
  for (const Member& member : members_of(replica_.store())) {
    urls.insert(urls.end(), member.client_urls.begin(), member.client_urls.end());
  }
  base::HttpResponse response;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = base::join(urls, ", ");
  reply.send(std::move(response));
}

void HttpApi::members(const std::string& path, base::HttpReply& reply) const {
  std::vector<Member> all = members_of(replica_.store());
  std::string_view rest = std::string_view(path).substr(std::string_view("/v2/members").size());
  if (rest.starts_with('/')) rest.remove_prefix(1);
  base::HttpResponse response = json_response("");
  response.headers.set("X-Etcd-Cluster-Id", cluster_id_);
  if (rest.empty()) {
    std::vector<std::string> texts;
    for (const Member& member : all) texts.push_back(member_json(member));
    response.body = "{\"members\":[" + base::join(texts, ",") + "]}\n";
  } else if (rest == "leader") {
    auto leader = std::ranges::find(all, replica_.engine_status().leader_id, &Member::id);
    if (leader == all.end()) {
      response.status = 503;
      response.body = R"({"message":"During election"})";
    } else {
      response.body = member_json(*leader) + "\n";
    }
  } else {
    response.status = 404;
    response.body = R"({"message":"Not found"})";
  }
  reply.send(std::move(response));
}

void HttpApi::store_stats(base::HttpReply& reply) const {
  const StoreStats& s = replica_.store().stats();
  reply.send(json_response(std::format(
      "{{\"getsSuccess\":{},\"getsFail\":{},\"setsSuccess\":{},\"setsFail\":{},\"deleteSuccess\":{},"
      "\"deleteFail\":{},\"updateSuccess\":{},\"updateFail\":{},\"createSuccess\":{},\"createFail\":{},"
      "\"compareAndSwapSuccess\":{},\"compareAndSwapFail\":{},\"compareAndDeleteSuccess\":{},"
      "\"compareAndDeleteFail\":{},\"expireCount\":{},\"watchers\":{}}}",
      s.gets_success, s.gets_fail, s.sets_success, s.sets_fail, s.delete_success, s.delete_fail, s.update_success,
      s.update_fail, s.create_success, s.create_fail, s.compare_and_swap_success, s.compare_and_swap_fail,
      s.compare_and_delete_success, s.compare_and_delete_fail, s.expire_count, replica_.watches().size())));
}

// Between members nothing is sent yet where there is only one: the counts of append requests are what they are, zero.
void HttpApi::self_stats(base::HttpReply& reply) const {
  EngineStatus status = replica_.engine_status();
  std::string started = base::format_rfc3339(start_wall_);
  reply.send(json_response(std::format(
      "{{\"name\":{},\"id\":\"{}\",\"state\":\"{}\",\"startTime\":\"{}\",\"leaderInfo\":{{\"leader\":\"{}\","
      "\"uptime\":\"{}\",\"startTime\":\"{}\"}},\"recvAppendRequestCnt\":0,\"sendAppendRequestCnt\":0}}",
      json_quoted(name_), id_text(status.member_id), status.leads() ? "StateLeader" : "StateFollower", started,
      id_text(status.leader_id), duration_text(replica_.clock().now() - start_), started)));
}

void HttpApi::leader_stats(base::HttpReply& reply) const {
  EngineStatus status = replica_.engine_status();
  base::HttpResponse response = json_response(R"({"message":"not current leader"})");
  if (status.leads()) {
    response.body = std::format("{{\"leader\":\"{}\",\"followers\":{{}}}}", id_text(status.leader_id));
  } else {
    response.status = 403;
  }
  reply.send(std::move(response));
}

void HttpApi::health(const ReplyPtr& reply) {
  replica_.barrier([this, reply](const std::optional<StoreError>& error) {
    bool healthy = !error && !replica_.disk_full() && replica_.engine_status().leader_id != 0;
    base::HttpResponse response;
    response.status = healthy ? 200 : 503;
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = healthy ? R"({"health":"true"})" : R"({"health":"false"})";
    reply->send(std::move(response));
  });
}

void HttpApi::metrics(base::HttpReply& reply) const {
  EngineStatus status = replica_.engine_status();
  const Replica::Counters& counters = replica_.counters();
  const Store& store = replica_.store();
  std::string text;
  auto metric = [&](std::string_view name, std::string_view type, std::string_view help, std::uint64_t value) {
    text += std::format("# HELP {0} {1}\n# TYPE {0} {2}\n{0} {3}\n", name, help, type, value);
  };
  metric("etcd_server_has_leader", "gauge", "Whether or not a leader exists. 1 is existence, 0 is not.",
         status.leader_id != 0);
  metric("etcd_server_is_leader", "gauge", "Whether or not this member is a leader. 1 if is, 0 otherwise.",
         status.leads());
  metric("etcd_server_proposals_committed_total", "gauge", "The total number of consensus proposals committed.",
         status.committed_index);
  metric("etcd_server_proposals_applied_total", "gauge", "The total number of consensus proposals applied.",
         store.position().applied_index);
  metric("etcd_server_proposals_pending", "gauge", "The current number of pending proposals to commit.",
         replica_.pending());
  metric("etcd_server_proposals_failed_total", "counter", "The total number of failed proposals seen.",
         counters.refused + counters.timed_out);
  metric("etcd_debugging_store_expires_total", "counter", "Total number of expired keys.", store.stats().expire_count);
  metric("etcd_debugging_store_watchers", "gauge", "Count of currently active watchers.", replica_.watches().size());
  metric("clusteros_kv_revision", "counter", "The store's index.", store.revision());
  metric("clusteros_kv_nodes", "gauge", "Files and directories in the tree.", store.node_count());
  metric("clusteros_kv_history_events", "gauge", "Events that watches can start from.", store.history().size());
  metric("clusteros_kv_disk_full", "gauge", "1 while writes fail because the disk is full.", replica_.disk_full());
  metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
         base::resident_bytes(static_cast<int>(getpid())));
  base::HttpResponse response;
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(text);
  reply.send(std::move(response));
}

}  // namespace kv
