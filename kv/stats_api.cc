#include "kv/stats_api.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <format>

#include "base/file.h"
#include "base/machine.h"
#include "base/text.h"
#include "kv/go_text.h"
#include "kv/http_plain.h"
#include "kv/members.h"

namespace kv {

namespace {

std::string_view state_name(const EngineStatus& status) {
  return status.leads() ? "StateLeader" : "StateFollower";
}

// The arguments of this process, as /proc/self/cmdline has them.
std::string command_line_json() {
  std::string text = base::read_file("/proc/self/cmdline");
  if (text.ends_with('\0')) text.pop_back();
  std::string out = "[";
  for (const std::string& argument : base::split(text, '\0')) {
    if (out.size() > 1) out += ',';
    append_json_string(out, argument);
  }
  return out + "]";
}

}  // namespace

bool StatsApi::handle(const base::HttpRequest& request, const std::string& path, base::HttpReply& reply) {
  auto answer = [&](std::string_view methods, auto make) {
    if (allow_methods(request, methods, reply)) reply.send(make());
    return true;
  };
  if (path == "/v2/machines") return answer("GET,HEAD", [this] { return machines(); });
  if (path == "/v2/stats/store") return answer("GET", [this] { return store(); });
  if (path == "/v2/stats/self") return answer("GET", [this] { return self(); });
  if (path == "/v2/stats/leader") return answer("GET", [this] { return leader(); });
  if (path == "/metrics") return answer("GET,HEAD,POST", [this] { return metrics(); });
  if (path == "/debug/vars") return answer("GET", [this] { return variables(); });
  return false;
}

base::HttpResponse StatsApi::machines() const {
  std::vector<std::string> urls;
  for (const Member& member : members_of(replica_.store())) {
    urls.insert(urls.end(), member.client_urls.begin(), member.client_urls.end());
  }
  std::ranges::sort(urls);
  return text_response(base::join(urls, ", "));
}

base::HttpResponse StatsApi::store() const {
  const StoreStats& s = replica_.store().stats();
  return json_response(std::format(
      "{{\"getsSuccess\":{},\"getsFail\":{},\"setsSuccess\":{},\"setsFail\":{},\"deleteSuccess\":{},"
      "\"deleteFail\":{},\"updateSuccess\":{},\"updateFail\":{},\"createSuccess\":{},\"createFail\":{},"
      "\"compareAndSwapSuccess\":{},\"compareAndSwapFail\":{},\"compareAndDeleteSuccess\":{},"
      "\"compareAndDeleteFail\":{},\"expireCount\":{},\"watchers\":{}}}",
      s.gets_success, s.gets_fail, s.sets_success, s.sets_fail, s.delete_success, s.delete_fail, s.update_success,
      s.update_fail, s.create_success, s.create_fail, s.compare_and_swap_success, s.compare_and_swap_fail,
      s.compare_and_delete_success, s.compare_and_delete_fail, s.expire_count, replica_.watches().size()));
}

base::HttpResponse StatsApi::self() {
  EngineStatus status = replica_.engine_status();
  peers_.leader_is(status.leader_id);
  return json_response(peers_.self_json(name_, status.member_id, std::string(state_name(status))));
}

base::HttpResponse StatsApi::leader() const {
  EngineStatus status = replica_.engine_status();
  if (!status.leads()) return message_error(403, "not current leader");
  return json_response(peers_.leader_json(status.leader_id, members_of(replica_.store())));
}

base::HttpResponse StatsApi::metrics() const {
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
  metric("etcd_server_health_success", "counter", "The total number of successful health checks", health_.passed);
  metric("etcd_server_health_failures", "counter", "The total number of failed health checks", health_.failed);
  metric("etcd_debugging_store_expires_total", "counter", "Total number of expired keys.", store.stats().expire_count);
  metric("etcd_debugging_store_watchers", "gauge", "Count of currently active watchers.", replica_.watches().size());
  metric("clusteros_kv_revision", "counter", "The store's index.", store.revision());
  metric("clusteros_kv_nodes", "gauge", "Files and directories in the tree.", store.node_count());
  metric("clusteros_kv_history_events", "gauge", "Events that watches can start from.", store.history().size());
  metric("clusteros_kv_disk_full", "gauge", "1 while writes fail because the disk is full.", replica_.disk_full());
  metric("clusteros_kv_bytes", "gauge", "Size of the state that the quota bounds: nodes, names and values.",
         store.bytes());
  metric("etcd_server_quota_backend_bytes", "gauge", "Current backend storage quota size in bytes.",
         replica_.quota().bytes());
  metric("clusteros_kv_quota_exceeded", "gauge", "1 while writes fail because the state is larger than the quota.",
         replica_.quota().exceeded());
  metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
         base::resident_bytes(static_cast<int>(getpid())));
  base::HttpResponse response;
  response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = std::move(text);
  return response;
}

// Go's expvar; what is about Go's memory is not there.
base::HttpResponse StatsApi::variables() const {
  EngineStatus status = replica_.engine_status();
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  base::HttpResponse response = json_response(
      std::format("{{\n\"cmdline\": {},\n\"file_descriptor_limit\": {},\n\"raft.status\": {{\"id\":\"{}\",\"term\":{},"
                  "\"commit\":{},\"lead\":\"{}\",\"raftState\":\"{}\",\"applied\":{}}}\n}}\n",
                  command_line_json(), files.rlim_cur, id_text(status.member_id), status.term, status.committed_index,
                  id_text(status.leader_id), state_name(status), replica_.store().position().applied_index));
  response.headers.set("Content-Type", "application/json; charset=utf-8");
  return response;
}

}  // namespace kv
