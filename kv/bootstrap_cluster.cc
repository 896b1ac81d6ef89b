#include "kv/bootstrap_cluster.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "kv/bootstrap_discovery.h"
#include "kv/rejoin.h"

namespace kv {

namespace {

using base::Url;
using base::UsageError;

constexpr std::size_t kMaxMembers = 1000;
constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::chrono::milliseconds kShortPatience{1000};  // with those that may not run yet

// The URLs with an address in the place of each name.
std::vector<std::string> resolved(const std::vector<std::string>& urls, BootstrapNetwork& network) {
  std::vector<std::string> found;
  for (const std::string& text : urls) {
    Url url = base::parse_url(text);
    url.host = network.addresses(url.host).front();
    found.push_back(url.origin());
  }
  std::ranges::sort(found);
  return found;
}

// Names may be written in two ways, so what differs as text is compared again by address. Both are sorted.
bool same_urls(const std::vector<std::string>& a, const std::vector<std::string>& b, BootstrapNetwork& network) {
  if (a == b) return true;
  return a.size() == b.size() && resolved(a, network) == resolved(b, network);
}

void check_own_urls(const KvdOptions& options, const std::vector<InitialMember>& members, BootstrapNetwork& network) {
  const auto self = std::ranges::find(members, options.name, &InitialMember::name);
  if (self == members.end()) {
    throw UsageError(std::format("couldn't find local name \"{}\" in the initial cluster configuration", options.name));
  }
  if (same_urls(self->peer_urls, options.initial_advertise_peer_urls, network)) return;
  const std::string advertised = base::join(options.initial_advertise_peer_urls, ",");
  for (const std::string& url : self->peer_urls) {
    if (std::ranges::contains(options.initial_advertise_peer_urls, url)) continue;
    throw UsageError(std::format("--initial-cluster has {}={} but missing from --initial-advertise-peer-urls={}",
                                 options.name, url, advertised));
  }
  throw UsageError(std::format("--initial-advertise-peer-urls has {} but missing from --initial-cluster={}", advertised,
                               initial_cluster_text({*self})));
}

void check_each_url_once(const std::vector<InitialMember>& members) {
  std::set<std::string> seen;
  for (const InitialMember& member : members) {
    for (const std::string& url : member.peer_urls) {
      if (seen.insert(url).second) continue;
      throw UsageError(std::format("initial cluster {} has duplicate url", initial_cluster_text(members)));
    }
  }
}

std::vector<InitialMember> listed_members(const KvdOptions& options, BootstrapNetwork& network) {
  return options.discovery_srv.empty() ? options.initial_cluster : members_from_srv(options, network);
}

// A member that ran has voted and confirmed entries. With an empty data directory it knows of neither.
[[noreturn]] void refuse_forgetful(const KvdOptions& options, const Member& self) {
  throw base::Error("start", options.data_dir,
                    std::format("it is empty, but member {} with these peer URLs has run before: {}", id_text(self.id),
                                rejoin_advice(options)));
}

std::vector<std::string> urls_of_others(const KvdOptions& options, const std::vector<InitialMember>& members) {
  std::vector<std::string> urls;
  for (const InitialMember& member : members) {
    if (member.name != options.name) urls.insert(urls.end(), member.peer_urls.begin(), member.peer_urls.end());
  }
  return urls;
}

// The cluster's own list counts, and this member is the one in it with its URLs. The list in the options must be the
// same set of members: whoever writes it wrong may think of another cluster.
ClusterPlan plan_existing(const KvdOptions& options, BootstrapNetwork& network) {
  const std::vector<InitialMember> local = listed_members(options, network);
  if (std::ranges::find(local, options.name, &InitialMember::name) == local.end()) {
    throw UsageError(std::format("couldn't find local name \"{}\" in the initial cluster configuration", options.name));
  }
  check_each_url_once(local);
  ClusterPlan plan = fetch_cluster(urls_of_others(options, local), network);
  if (plan.members.size() != local.size()) {
    throw base::Error("join the cluster", "",
                      std::format("member count is unequal: it has {} members, --initial-cluster has {}",
                                  plan.members.size(), local.size()));
  }
  for (const InitialMember& member : local) {
    const auto known = std::ranges::find_if(
        plan.members, [&](const Member& m) { return same_urls(m.peer_urls, member.peer_urls, network); });
    if (known == plan.members.end()) {
      throw base::Error("join the cluster", "",
                        std::format("unmatched member while checking PeerURLs: it has no member with {}",
                                    base::join(member.peer_urls, ",")));
    }
    if (member.name != options.name) continue;
    if (known->started()) refuse_forgetful(options, *known);
    plan.own_id = known->id;
  }
  return plan;
}

Member member_from_json(const base::Json& json) {
  Member member;
  const auto id = json.find("id");
  if (id == json.end() || !id->is_number_unsigned()) throw base::Error("read member", "", "it has no id");
  member.id = id->get<std::uint64_t>();
  member.name = base::json_string(json, "name");
  for (auto [field, urls] : {std::pair("peerURLs", &member.peer_urls), std::pair("clientURLs", &member.client_urls)}) {
    const auto list = json.find(field);
    if (list == json.end() || list->is_null()) continue;
    for (const base::Json& url : *list) {
      if (!url.is_string()) throw base::Error("read member", field, "not a text");
      urls->push_back(base::parse_url(url.get<std::string>()).origin());
    }
    std::ranges::sort(*urls);
  }
  return member;
}

ClusterPlan fetch_from(const std::string& peer_url, BootstrapNetwork& network, std::chrono::milliseconds patience) {
  base::HttpRequest request;
  request.target = "/members";
  const base::HttpResponse response = network.ask_peer(base::parse_url(peer_url), request, patience);
  if (response.status != 200) {
    throw base::Error("get members from", peer_url, std::format("status {}", response.status));
  }
  const base::Json json = base::parse_json(response.body, peer_url + "/members");
  if (!json.is_array() || json.empty() || json.size() > kMaxMembers) {
    throw base::Error("get members from", peer_url, "no list of members");
  }
  const auto id = parse_id(response.headers.get("X-Etcd-Cluster-ID"));
  if (!id || *id == 0) throw base::Error("get members from", peer_url, "no cluster id");
  ClusterPlan plan;
  plan.existing = true;
  plan.cluster_id = *id;
  for (const base::Json& member : json) plan.members.push_back(member_from_json(member));
  std::ranges::sort(plan.members, {}, &Member::id);
  return plan;
}

// What the members of a cluster that is to be made say, as far as it runs already.
std::vector<ClusterPlan> running_clusters(const ClusterPlan& fresh, BootstrapNetwork& network) {
  std::vector<ClusterPlan> running;
  for (const Member& other : fresh.members) {
    for (const std::string& url : other.peer_urls) {
      if (other.id == fresh.own_id) continue;
      try {
        running.push_back(fetch_from(url, network, kShortPatience));
        break;
      } catch (const base::Error&) {
        // It may not have begun yet.
      }
    }
  }
  return running;
}

// Where the cluster runs already, this member has lost its data: it has a new one in its place, or needs one. All
// others are asked, since one may lag behind.
ClusterPlan unless_it_runs(const KvdOptions& options, ClusterPlan fresh, BootstrapNetwork& network) {
  const Member own = *std::ranges::find(fresh.members, fresh.own_id, &Member::id);
  ClusterPlan plan = fresh;
  for (ClusterPlan& running : running_clusters(fresh, network)) {
    const auto self = std::ranges::find(running.members, own.peer_urls, &Member::peer_urls);
    if (self == running.members.end()) continue;
    if (self->started()) refuse_forgetful(options, *self);
    if (self->id == own.id) continue;
    running.own_id = self->id;
    plan = std::move(running);
  }
  return plan;
}

}  // namespace

ClusterPlan plan_new_cluster(const KvdOptions& options, const std::vector<InitialMember>& members,
                             const std::string& token, BootstrapNetwork& network) {
  check_own_urls(options, members, network);
  check_each_url_once(members);
  ClusterPlan plan;
  std::vector<std::uint64_t> ids;
  for (const InitialMember& initial : members) {
    Member member{member_id(initial.peer_urls, token), initial.name, initial.peer_urls, {}};
    if (member.name == options.name) plan.own_id = member.id;
    ids.push_back(member.id);
    plan.members.push_back(std::move(member));
  }
  plan.cluster_id = cluster_id(ids);
  std::ranges::sort(plan.members, {}, &Member::id);
  return plan;
}

std::vector<std::string> peer_urls_of_others(const KvdOptions& options, BootstrapNetwork& network) {
  return urls_of_others(options, listed_members(options, network));
}

std::optional<Member> find_self(const KvdOptions& options, const ClusterPlan& plan, BootstrapNetwork& network) {
  for (const Member& member : plan.members) {
    if (same_urls(member.peer_urls, options.initial_advertise_peer_urls, network)) return member;
  }
  return std::nullopt;
}

ClusterPlan fetch_cluster(const std::vector<std::string>& peer_urls, BootstrapNetwork& network) {
  std::vector<std::string> reasons;
  for (const std::string& url : peer_urls) {
    try {
      return fetch_from(url, network, kPatience);
    } catch (const base::Error& error) {
      reasons.push_back(error.what());
    }
  }
  if (reasons.empty()) reasons.push_back("no other member is named");
  throw base::Error("fetch cluster info from peer urls", base::join(peer_urls, ","), base::join(reasons, "; "));
}

std::vector<InitialMember> members_from_srv(const KvdOptions& options, BootstrapNetwork& network) {
  const std::vector<std::string> own = resolved(options.initial_advertise_peer_urls, network);
  const std::string suffix = options.discovery_srv_name.empty() ? "" : "-" + options.discovery_srv_name;
  std::vector<InitialMember> members;
  int next_name = 0;
  for (const auto& [scheme, service] : {std::pair("https", "etcd-server-ssl"), std::pair("http", "etcd-server")}) {
    const std::string name = std::format("_{}{}._tcp.{}", service, suffix, options.discovery_srv);
    for (const base::SrvRecord& record : network.services(name)) {
      Url url;
      url.scheme = scheme;
      url.host = base::lower(record.target);
      url.port = record.port;
      const std::string origin = url.origin();
      Url by_address = url;
      by_address.host = network.addresses(url.host).front();
      const bool self = std::ranges::contains(own, by_address.origin());
      const std::string member_name = self ? options.name : std::to_string(next_name++);
      base::log_info("got bootstrap from DNS for etcd-server at {}={}", member_name, origin);
      const auto known = std::ranges::find(members, member_name, &InitialMember::name);
      if (known == members.end()) {
        members.push_back({member_name, {origin}});
      } else {
        known->peer_urls.push_back(origin);
      }
    }
  }
  if (members.empty()) {
    throw base::Error("find members by DNS", options.discovery_srv,
                      std::format("no SRV records _etcd-server-ssl{0}._tcp and _etcd-server{0}._tcp", suffix));
  }
  for (InitialMember& member : members) std::ranges::sort(member.peer_urls);
  if (std::ranges::find(members, options.name, &InitialMember::name) == members.end()) {
    throw base::Error("find members by DNS", options.discovery_srv,
                      std::format("cannot find local etcd member \"{}\" in SRV records", options.name));
  }
  return members;
}

ClusterPlan plan_cluster(const KvdOptions& options, BootstrapNetwork& network) {
  ClusterPlan plan;
  if (options.initial_cluster_state == ClusterState::kExisting) {
    plan = plan_existing(options, network);
  } else if (options.discovery_url.empty()) {
    plan = plan_new_cluster(options, listed_members(options, network), options.initial_cluster_token, network);
  } else {
    plan = plan_new_cluster(options, join_by_discovery(options, network), options.discovery_url, network);
  }
  if (!plan.existing) plan = unless_it_runs(options, std::move(plan), network);
  base::log_info("starting member {} in {} cluster {} of {}", id_text(plan.own_id), plan.existing ? "existing" : "new",
                 id_text(plan.cluster_id), plan.members.size());
  return plan;
}

}  // namespace kv
