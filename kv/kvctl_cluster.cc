#include "kv/kvctl_cluster.h"

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "kv/client/v2_json.h"
#include "kv/kvctl_session.h"

namespace kv {

namespace {

std::vector<std::string> urls_of(const base::Json& member, std::string_view name) {
  std::vector<std::string> urls;
  auto list = member.find(name);
  if (list == member.end()) return urls;
  for (const base::Json& url : *list) urls.push_back(url.get<std::string>());
  return urls;
}

int list_members(const base::Invocation&, KvctlSession& session) {
  base::Json list = session.get_path("/v2/members");
  std::string leader = base::json_string(session.get_path("/v2/members/leader"), "id");
  for (const base::Json& member : list["members"]) {
    std::string id = base::json_string(member, "id");
    std::string name = base::json_string(member, "name");
    std::string peers = base::join(urls_of(member, "peerURLs"), ",");
    if (name.empty()) {
      std::puts(std::format("{}[unstarted]: peerURLs={}", id, peers).c_str());
      continue;
    }
    std::puts(std::format("{}: name={} peerURLs={} clientURLs={} isLeader={}", id, name, peers,
                          base::join(urls_of(member, "clientURLs"), ","), id == leader)
                  .c_str());
  }
  return 0;
}

// Asks one member on its URLs in turn. Prints what it says; true when it is well.
bool check_member(const base::Json& member, const ClientTls& tls) {
  std::string id = base::json_string(member, "id");
  std::vector<std::string> urls = urls_of(member, "clientURLs");
  if (urls.empty()) {
    std::puts(std::format("member {} is unreachable: no available published client urls", id).c_str());
    return false;
  }
  for (const std::string& url : urls) {
    try {
      Endpoints endpoint(url, std::chrono::milliseconds(5000), tls);
      base::HttpRequest request;
      request.target = "/health";
      base::Json answer = parse_answer(endpoint.request(request).body);
      bool healthy = base::json_string(answer, "health") == "true";
      std::puts(std::format("member {} is {}: got {} result from {}", id, healthy ? "healthy" : "unhealthy",
                            healthy ? "healthy" : "unhealthy", url)
                    .c_str());
      return healthy;
    } catch (const base::Error& error) {
      std::puts(std::format("failed to check the health of member {} on {}: {}", id, url, error.what()).c_str());
    }
  }
  std::puts(std::format("member {} is unreachable: [{}] are all unreachable", id, base::join(urls, " ")).c_str());
  return false;
}

int check_cluster(const base::Invocation&, KvctlSession& session) {
  base::Json list;
  try {
    list = session.get_path("/v2/members");
  } catch (const CommandFailed&) {
    std::puts("cluster may be unhealthy: failed to list members");
    throw;
  }
  std::size_t healthy = 0;
  for (const base::Json& member : list["members"]) healthy += check_member(member, session.tls()) ? 1 : 0;
  bool all = healthy == list["members"].size();
  std::puts(all ? "cluster is healthy" : healthy == 0 ? "cluster is unavailable" : "cluster is degraded");
  return all ? 0 : kExitClusterNotHealthy;
}

}  // namespace

int kvctl_member(const base::Invocation& invocation) {
  if (invocation.arguments[0] != "list") {
    throw base::UsageError("member: unknown command '" + invocation.arguments[0] + "' (there is: list)");
  }
  return run_command(invocation, list_members);
}

int kvctl_cluster_health(const base::Invocation& invocation) {
  return run_command(invocation, check_cluster);
}

}  // namespace kv
