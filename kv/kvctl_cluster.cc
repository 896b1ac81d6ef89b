#include "kv/kvctl_cluster.h"

#include <chrono>
#include <cstdio>
#include <format>
#include <thread>

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

// What the member at this URL says of itself. Throws base::Error when it says nothing.
bool is_well(const std::string& url, const ClientTls& tls) {
  Endpoints endpoint(url, std::chrono::milliseconds(5000), tls);
  base::HttpRequest request;
  request.target = "/health";
  return base::json_string(parse_answer(endpoint.request(request).body), "health") == "true";
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
      const bool healthy = is_well(url, tls);
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

base::Json find_member(const base::Json& list, const std::string& name) {
  std::vector<std::string> names;
  std::vector<base::Json> found;
  for (const base::Json& member : list["members"]) {
    const std::string id = base::json_string(member, "id");
    const std::string its_name = base::json_string(member, "name");
    if (id == name) return member;
    if (its_name == name) found.push_back(member);
    names.push_back(its_name.empty() ? id : its_name);
  }
  if (found.size() == 1) return found.front();
  const std::string all = base::join(names, ", ");
  if (found.empty()) {
    throw CommandFailed{kExitServerError, std::format("no member is called '{}' (there are: {})", name, all)};
  }
  throw CommandFailed{kExitServerError, std::format("{} members are called '{}': give an ID", found.size(), name)};
}

// Where the member answers that it is well; "": nowhere.
std::string where_well(const base::Json& member, const ClientTls& tls) {
  for (const std::string& url : urls_of(member, "clientURLs")) {
    try {
      if (is_well(url, tls)) return url;
    } catch (const base::Error&) {
      // That is what was to be found out.
    }
  }
  return "";
}

// An election is waited for.
bool has_majority(KvctlSession& session) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (true) {
    try {
      if (base::json_string(session.get_path("/health"), "health") == "true") return true;
    } catch (const CommandFailed&) {
      // 503: there is none now.
    }
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::string added_member(KvctlSession& session, const std::vector<std::string>& peer_urls) {
  base::Json body;
  body["peerURLs"] = peer_urls;
  return base::json_string(session.change("POST", "/v2/members", base::to_text(body)), "id");
}

// etcdctl's words and order: the member's name is what it will be started with.
int add_member(const base::Invocation& invocation, KvctlSession& session) {
  const std::string& name = invocation.arguments[1];
  const std::string id = added_member(session, base::split(invocation.arguments[2], ','));
  std::vector<std::string> cluster;
  const base::Json list = session.get_path("/v2/members");
  for (const base::Json& member : list["members"]) {
    const bool is_new = base::json_string(member, "id") == id;
    for (const std::string& url : urls_of(member, "peerURLs")) {
      cluster.push_back((is_new ? name : base::json_string(member, "name")) + "=" + url);
    }
  }
  std::puts(std::format("Added member named {} with ID {} to cluster\n", name, id).c_str());
  std::puts(std::format("ETCD_NAME=\"{}\"\nETCD_INITIAL_CLUSTER=\"{}\"\nETCD_INITIAL_CLUSTER_STATE=\"existing\"", name,
                        base::join(cluster, ","))
                .c_str());
  return 0;
}

int remove_member(const base::Invocation& invocation, KvctlSession& session) {
  const base::Json member = find_member(session.get_path("/v2/members"), invocation.arguments[1]);
  const std::string id = base::json_string(member, "id");
  session.change("DELETE", "/v2/members/" + id, "");
  std::puts(std::format("Removed member {} from cluster", id).c_str());
  return 0;
}

// Room for a member whose data are lost: its id goes for good, since nobody else knows what it voted for, and a new
// member comes with the same peer URLs.
int replace_member(const base::Invocation& invocation, KvctlSession& session) {
  const std::string& name = invocation.arguments[1];
  const base::Json member = find_member(session.get_path("/v2/members"), name);
  const std::vector<std::string> urls = urls_of(member, "peerURLs");
  const std::string id = base::json_string(member, "id");
  if (const std::string where = where_well(member, session.tls()); !where.empty()) {
    throw CommandFailed{kExitServerError,
                        std::format("member {} is well: it answers on {}. Nothing was changed", name, where)};
  }
  // A change that waits for a majority would be made when it comes back, maybe long after.
  if (!has_majority(session)) {
    throw CommandFailed{kExitServerError, "the cluster has no majority now. Nothing was changed"};
  }
  session.change("DELETE", "/v2/members/" + id, "");
  std::string new_id;
  try {
    new_id = added_member(session, urls);
  } catch (const CommandFailed& failed) {
    throw CommandFailed{kExitServerError, std::format("member {} was removed, but its place could not be taken ({}): "
                                                      "`kvctl member add {} {}` does that",
                                                      name, failed.text, name, base::join(urls, ","))};
  }
  std::puts(std::format("Member {} has ID {} now, in the place of {}. Start it again: it moves its old data aside, and "
                        "gets the cluster's.",
                        name, new_id, id)
                .c_str());
  return 0;
}

struct MemberCommand {
  std::string_view name;
  std::size_t arguments;  // besides the name
  std::string_view usage;
  int (*run)(const base::Invocation&, KvctlSession&);
};

constexpr MemberCommand kMemberCommands[] = {
    {"list", 0, "list", list_members},
    {"add", 2, "add NAME PEER-URLS", add_member},
    {"remove", 1, "remove NAME|ID", remove_member},
    {"replace", 1, "replace NAME|ID", replace_member},
};

}  // namespace

int kvctl_member(const base::Invocation& invocation) {
  const std::string& name = invocation.arguments[0];
  for (const MemberCommand& command : kMemberCommands) {
    if (command.name != name) continue;
    if (invocation.arguments.size() == command.arguments + 1) return run_command(invocation, command.run);
    throw base::UsageError(std::format("member {}: wrong number of arguments (member {})", name, command.usage));
  }
  throw base::UsageError("member: unknown command '" + name + "' (there are: list, add, remove, replace)");
}

int kvctl_cluster_health(const base::Invocation& invocation) {
  return run_command(invocation, check_cluster);
}

}  // namespace kv
