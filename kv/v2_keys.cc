#include "kv/v2_keys.h"

#include "kv/v2_answer.h"

namespace kv {

void V2Keys::handle(const base::HttpRequest& http, const std::string& path,
                    const std::shared_ptr<base::HttpReply>& reply) {
  auto parsed = parse_v2_request(http, path, wall_nanoseconds(replica_.clock()));
  if (auto* error = std::get_if<StoreError>(&parsed)) return answer(*error, false, *reply);
  const V2Request& request = std::get<V2Request>(parsed);
  if (!access_.enabled()) return run(request, reply);
  bool write = http.method != "GET" && http.method != "HEAD";
  std::string key = path.substr(std::string_view("/v2/keys").size());
  access_.check_key(credentials_of(http), key, write, request.recursive, [this, request, reply](Access access) {
    if (access == Access::kGranted) return run(request, reply);
    if (access == Access::kDenied) {
      return answer(StoreError{ErrorCode::kUnauthorized, "Insufficient credentials", 0}, false, *reply);
    }
    answer(StoreError{ErrorCode::kRaftInternal, "etcdserver: too many requests", 0}, false, *reply);
  });
}

void V2Keys::run(const V2Request& request, const std::shared_ptr<base::HttpReply>& reply) {
  switch (request.kind) {
    case V2Kind::kRead:
      return read(request.key, request.recursive, *reply);
    case V2Kind::kWatch:
      return watch(request, reply);
    case V2Kind::kFreshRead:
      replica_.barrier(
          [this, key = request.key, recursive = request.recursive, reply](const std::optional<StoreError>& error) {
            if (error) return answer(*error, false, *reply);
            read(key, recursive, *reply);
          });
      return;
    case V2Kind::kWrite:
      replica_.write(request.command, [this, no_value = request.no_value_on_success, reply](const Result& result) {
        answer(result, no_value, *reply);
      });
      return;
  }
}

void V2Keys::set_position_headers(base::HttpResponse& response) const {
  const EngineStatus status = replica_.engine_status();
  response.headers.add("Content-Type", "application/json");
  response.headers.add("X-Etcd-Cluster-Id", cluster_id_);
  response.headers.add("X-Raft-Index", std::to_string(status.committed_index));
  response.headers.add("X-Raft-Term", std::to_string(status.term));
}

void V2Keys::answer(const Result& result, bool no_value, base::HttpReply& reply) const {
  if (auto* error = std::get_if<StoreError>(&result)) {
    base::HttpResponse response = error_response(*error);
    response.headers.set("X-Etcd-Cluster-Id", cluster_id_);
    return reply.send(std::move(response));
  }
  const StoreEvent& event = *std::get<EventPtr>(result);
  base::HttpResponse response;
  set_position_headers(response);
  response.status = event.created() ? 201 : 200;
  response.headers.add("X-Etcd-Index", std::to_string(event.index));
  response.body = event_json(event, no_value);
  reply.send(std::move(response));
}

void V2Keys::read(const std::string& key, bool recursive, base::HttpReply& reply) {
  answer(replica_.store().get(key, recursive, wall_nanoseconds(replica_.clock())), false, reply);
}

void V2Keys::watch(const V2Request& request, const std::shared_ptr<base::HttpReply>& reply) {
  const Store& store = replica_.store();
  const std::uint64_t since = request.since == 0 ? store.revision() + 1 : request.since;
  if (auto gap = store.history_gap(since)) return answer(*gap, false, *reply);
  if (watches_.full()) {
    return answer(StoreError{ErrorCode::kRaftInternal, "etcdserver: too many watchers", 0}, false, *reply);
  }
  base::HttpResponse head;
  set_position_headers(head);
  head.headers.set("X-Etcd-Index", std::to_string(store.revision()));
  reply->start(std::move(head));
  watches_.begin({request.key, request.recursive, request.stream, since}, reply);
}

}  // namespace kv
