#include "kv/bootstrap_cluster.h"

#include <doctest/doctest.h>

#include <map>

#include "base/error.h"
#include "base/json.h"

namespace {

using kv::ClusterPlan;
using kv::KvdOptions;
using Words = std::vector<std::string>;

// A network that consists of what a test writes into it.
class FakeNetwork : public kv::BootstrapNetwork {
 public:
  std::map<std::string, Words> hosts;
  std::map<std::string, std::vector<base::SrvRecord>> records;
  std::map<std::string, base::HttpResponse> peers;  // by "http://host:port/path"
  Words asked;

  std::vector<std::string> addresses(const std::string& host) override {
    if (host.find_first_not_of("0123456789.") == std::string::npos) return {host};
    const auto found = hosts.find(host);
    if (found == hosts.end()) throw base::Error("resolve", host, "no address");
    return found->second;
  }
  std::vector<base::SrvRecord> services(const std::string& name) override {
    asked.push_back(name);
    return records[name];
  }
  base::HttpResponse ask_peer(const base::Url& url, const base::HttpRequest& request,
                              std::chrono::milliseconds) override {
    const std::string where = url.origin() + request.target;
    asked.push_back(where);
    if (!peers.contains(where)) throw base::Error("connect to", where, "refused");
    return peers[where];
  }
  base::HttpResponse ask_discovery(const base::Url& url, const base::HttpRequest&, std::chrono::milliseconds) override {
    throw base::Error("connect to", url.origin(), "refused");
  }
  void pause(std::chrono::milliseconds) override { FAIL("nothing to wait for"); }
};

KvdOptions options_of(const std::string& name, const Words& own, std::vector<kv::InitialMember> members) {
  KvdOptions options;
  options.name = name;
  options.initial_advertise_peer_urls = own;
  options.initial_cluster = std::move(members);
  return options;
}

template <typename Error>
std::string failure(const KvdOptions& options, FakeNetwork& network) {
  try {
    kv::plan_cluster(options, network);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST_CASE("a cluster of one has etcd's ids") {
  FakeNetwork network;
  const ClusterPlan plan = kv::plan_cluster(
      options_of("default", {"http://127.0.0.1:23791"}, {{"default", {"http://127.0.0.1:23791"}}}), network);
  CHECK(kv::id_text(plan.own_id) == "ac7c97ef0ec193b0");
  CHECK(kv::id_text(plan.cluster_id) == "8cc9da78b36d1115");
  CHECK_FALSE(plan.existing);
}

TEST_CASE("all members of a list find the same cluster, whatever its order") {
  FakeNetwork network;
  std::vector<kv::InitialMember> list{{"c", {"http://10.0.0.3:2380"}},
                                      {"a", {"http://10.0.0.1:2380", "http://10.0.0.1:7001"}},
                                      {"b", {"http://10.0.0.2:2380"}}};
  const ClusterPlan a =
      kv::plan_cluster(options_of("a", {"http://10.0.0.1:2380", "http://10.0.0.1:7001"}, list), network);
  std::ranges::reverse(list);
  const ClusterPlan b = kv::plan_cluster(options_of("b", {"http://10.0.0.2:2380"}, list), network);
  CHECK(a.members == b.members);
  CHECK(a.cluster_id == b.cluster_id);
  CHECK(a.own_id != b.own_id);
  CHECK(a.members.size() == 3);
  CHECK(std::ranges::is_sorted(a.members, {}, &kv::Member::id));
  KvdOptions other = options_of("b", {"http://10.0.0.2:2380"}, list);
  other.initial_cluster_token = "other";
  CHECK(kv::plan_cluster(other, network).cluster_id != b.cluster_id);
}

TEST_CASE("a list that does not fit this member is refused in etcd's words") {
  FakeNetwork network;
  CHECK(failure<base::UsageError>(options_of("x", {"http://10.0.0.1:1"}, {{"a", {"http://10.0.0.1:1"}}}), network) ==
        "couldn't find local name \"x\" in the initial cluster configuration");
  CHECK(failure<base::UsageError>(options_of("a", {"http://10.0.0.1:2"}, {{"a", {"http://10.0.0.1:1"}}}), network) ==
        "--initial-cluster has a=http://10.0.0.1:1 but missing from --initial-advertise-peer-urls=http://10.0.0.1:2");
  CHECK(failure<base::UsageError>(
            options_of("a", {"http://10.0.0.1:1", "http://10.0.0.1:2"}, {{"a", {"http://10.0.0.1:1"}}}), network) ==
        "--initial-advertise-peer-urls has http://10.0.0.1:1,http://10.0.0.1:2 but missing from "
        "--initial-cluster=a=http://10.0.0.1:1");
  CHECK(failure<base::UsageError>(
            options_of("a", {"http://10.0.0.1:1"}, {{"a", {"http://10.0.0.1:1"}}, {"b", {"http://10.0.0.1:1"}}}),
            network) == "initial cluster a=http://10.0.0.1:1,b=http://10.0.0.1:1 has duplicate url");
}

TEST_CASE("a name and its address are the same URL") {
  FakeNetwork network;
  network.hosts["one.example"] = {"10.0.0.1"};
  const KvdOptions options = options_of("a", {"http://one.example:1"}, {{"a", {"http://10.0.0.1:1"}}});
  // The ids come from the list, as all members have that one.
  CHECK(kv::plan_cluster(options, network).own_id == kv::member_id({"http://10.0.0.1:1"}, "etcd-cluster"));
}

TEST_CASE("members by SRV records, encrypted or not") {
  FakeNetwork network;
  network.hosts = {{"one.example", {"10.0.0.1"}}, {"two.example", {"10.0.0.2"}}, {"three.example", {"10.0.0.3"}}};
  network.records["_etcd-server-ssl._tcp.example"] = {{"one.example", 2380, 0, 0}, {"two.example", 2380, 0, 0}};
  network.records["_etcd-server._tcp.example"] = {{"three.example", 2380, 0, 0}};
  KvdOptions options = options_of("me", {"https://two.example:2380"}, {});
  options.discovery_srv = "example";
  CHECK(kv::members_from_srv(options, network) == std::vector<kv::InitialMember>{{"0", {"https://one.example:2380"}},
                                                                                 {"me", {"https://two.example:2380"}},
                                                                                 {"1", {"http://three.example:2380"}}});
  const ClusterPlan mine = kv::plan_cluster(options, network);
  options.initial_advertise_peer_urls = {"http://10.0.0.3:2380"};
  const ClusterPlan third = kv::plan_cluster(options, network);
  CHECK(mine.cluster_id == third.cluster_id);
  CHECK(mine.own_id != third.own_id);

  options.initial_advertise_peer_urls = {"http://10.0.0.9:2380"};
  CHECK(failure<base::Error>(options, network).contains("cannot find local etcd member \"me\" in SRV records"));
  options.discovery_srv_name = "blue";
  network.asked.clear();
  CHECK(failure<base::Error>(options, network).contains("no SRV records _etcd-server-ssl-blue._tcp"));
  CHECK(network.asked == Words{"_etcd-server-ssl-blue._tcp.example", "_etcd-server-blue._tcp.example"});
}

base::HttpResponse members_answer(const std::string& body) {
  base::HttpResponse response{200, {}, body};
  response.headers.set("X-Etcd-Cluster-Id", "81a477befcbc12bb");
  return response;
}

TEST_CASE("an existing cluster tells its members") {
  FakeNetwork network;
  network.peers["http://10.0.0.2:2380/members"] = members_answer(
      R"([{"id":18446744073709551614,"peerURLs":["http://10.0.0.2:2380"],"name":"b","clientURLs":["http://10.0.0.2:2379"]},)"
      R"({"id":7,"peerURLs":["http://10.0.0.1:2380"]}])"
      "\n");
  KvdOptions options =
      options_of("a", {"http://10.0.0.1:2380"},
                 {{"a", {"http://10.0.0.1:2380"}}, {"b", {"http://10.0.0.9:2380", "http://10.0.0.2:2380"}}});
  options.initial_cluster_state = kv::ClusterState::kExisting;
  CHECK(failure<base::Error>(options, network).contains("unmatched member while checking PeerURLs"));
  CHECK(network.asked == Words{"http://10.0.0.9:2380/members", "http://10.0.0.2:2380/members"});

  options.initial_cluster[1].peer_urls = {"http://10.0.0.2:2380"};
  const ClusterPlan plan = kv::plan_cluster(options, network);
  CHECK(plan.existing);
  CHECK(plan.own_id == 7);
  CHECK(kv::id_text(plan.cluster_id) == "81a477befcbc12bb");
  CHECK(plan.members ==
        std::vector<kv::Member>{{7, "", {"http://10.0.0.1:2380"}, {}},
                                {18446744073709551614U, "b", {"http://10.0.0.2:2380"}, {"http://10.0.0.2:2379"}}});

  options.initial_cluster.push_back({"c", {"http://10.0.0.3:2380"}});
  CHECK(failure<base::Error>(options, network)
            .contains("member count is unequal: it has 2 members, --initial-cluster has 3"));
  options.initial_cluster = {{"a", {"http://10.0.0.1:2380"}}};
  CHECK(failure<base::Error>(options, network).contains("no other member is named"));
}

// Three members of which b and c run; a's data are gone.
struct RunningCluster {
  RunningCluster() {
    fresh = kv::plan_cluster(options, network);
    network.asked.clear();
  }
  // What b and c say about the member with a's URLs: "" when there is none.
  void say(const std::string& by_b, const std::string& by_c) {
    const std::string others =
        R"({"id":2,"peerURLs":["http://10.0.0.2:1"],"name":"b"},{"id":3,"peerURLs":["http://10.0.0.3:1"],"name":"c"})";
    network.peers["http://10.0.0.2:1/members"] = members_answer("[" + others + by_b + "]");
    network.peers["http://10.0.0.3:1/members"] = members_answer("[" + others + by_c + "]");
  }
  static std::string self(std::uint64_t id, const std::string& name) {
    return R"(,{"id":)" + std::to_string(id) + R"(,"peerURLs":["http://10.0.0.1:1"],"name":")" + name + "\"}";
  }

  FakeNetwork network;
  KvdOptions options =
      options_of("a", {"http://10.0.0.1:1"},
                 {{"a", {"http://10.0.0.1:1"}}, {"b", {"http://10.0.0.2:1"}}, {"c", {"http://10.0.0.3:1"}}});
  ClusterPlan fresh;
};

TEST_CASE("a member that has run does not begin anew under its old id") {
  RunningCluster cluster;
  const std::string advice =
      "has run before: `kvctl member replace a` makes room for it as a new member; then start it again";
  cluster.say(cluster.self(cluster.fresh.own_id, "a"), cluster.self(cluster.fresh.own_id, "a"));
  CHECK(failure<base::Error>(cluster.options, cluster.network).contains(advice));
  CHECK(cluster.network.asked == Words{"http://10.0.0.2:1/members", "http://10.0.0.3:1/members"});
  // One of them lags.
  cluster.say(cluster.self(cluster.fresh.own_id, ""), cluster.self(cluster.fresh.own_id, "a"));
  CHECK(failure<base::Error>(cluster.options, cluster.network).contains(advice));
  // It joined later, under an id of that time.
  cluster.say(cluster.self(99, "a"), cluster.self(99, "a"));
  CHECK(failure<base::Error>(cluster.options, cluster.network).contains(advice));
  cluster.options.initial_cluster_state = kv::ClusterState::kExisting;
  CHECK(failure<base::Error>(cluster.options, cluster.network).contains(advice));
}

TEST_CASE("a member in whose place there is a new one joins as that") {
  RunningCluster cluster;
  cluster.say(cluster.self(99, ""), cluster.self(99, ""));
  ClusterPlan plan = kv::plan_cluster(cluster.options, cluster.network);
  CHECK(plan.existing);
  CHECK(plan.own_id == 99);
  CHECK(plan.members.size() == 3);
  cluster.say("", cluster.self(99, ""));
  plan = kv::plan_cluster(cluster.options, cluster.network);
  CHECK(plan.existing);
  CHECK(plan.own_id == 99);
}

TEST_CASE("members that were quicker do not change what a new cluster is") {
  RunningCluster cluster;
  cluster.say(cluster.self(cluster.fresh.own_id, ""), cluster.self(cluster.fresh.own_id, ""));
  CHECK(kv::plan_cluster(cluster.options, cluster.network) == cluster.fresh);
  cluster.network.peers["http://10.0.0.2:1/members"] = members_answer("[]");
  cluster.network.peers.erase("http://10.0.0.3:1/members");
  CHECK(kv::plan_cluster(cluster.options, cluster.network) == cluster.fresh);
}

TEST_CASE("an answer that is no list of members is an error that says from whom") {
  for (const char* body :
       {"", "{}", "[]", "[1]", R"([{"id":"x"}])", R"([{"id":1,"peerURLs":[2]}])", R"([{"id":-1}])"}) {
    FakeNetwork network;
    network.peers["http://10.0.0.2:2380/members"] = members_answer(body);
    CHECK_THROWS_AS(kv::fetch_cluster({"http://10.0.0.2:2380"}, network), base::Error);
  }
  FakeNetwork network;
  network.peers["http://10.0.0.2:2380/members"] = {200, {}, R"([{"id":1}])"};
  CHECK_THROWS_WITH_AS(kv::fetch_cluster({"http://10.0.0.2:2380"}, network), doctest::Contains("cluster id"),
                       base::Error);
}

}  // namespace
