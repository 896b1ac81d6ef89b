// Members that meet at a real store over HTTP, in one process; and services that fail, played by a fake.

#include "kv/bootstrap_discovery.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/temp_dir.h"
#include "base/text.h"
#include "kv/bootstrap_cluster.h"
#include "kv/http_api.h"
#include "kv/single_engine.h"
#include "kv/sqlite_log.h"

using namespace std::chrono_literals;

namespace {

using kv::InitialMember;
using kv::KvdOptions;

// A store with a discovery token for `size` members, on a loop of its own thread.
class Service {
 public:
  explicit Service(const std::string& size) {
    replica_.attach(engine_);
    engine_.start(0);
    origin_ = "http://127.0.0.1:" + std::to_string(server_.listen_tcp("127.0.0.1", 0));
    thread_ = std::thread([this] { loop_.run(); });
    put("/_config/size", size);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    loop_.stop();
    thread_.join();
    engine_.stop();
    server_.close();
  }

  std::string url() const { return origin_ + "/v2/keys/_etcd/registry/token"; }
  std::size_t watchers() {
    std::promise<std::size_t> count;
    loop_.post([&] { count.set_value(replica_.watches().size()); });
    return count.get_future().get();
  }
  void put(const std::string& key, const std::string& value) {
    base::HttpClient client;
    base::HttpRequest request;
    request.method = "PUT";
    request.target = "/v2/keys/_etcd/registry/token" + key;
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = "value=" + base::percent_encode(value, "-._~");
    REQUIRE(client.request(base::parse_url(origin_), request).status < 300);
  }

 private:
  kv::Log& named_log() {
    log_.save_state({.cluster_id = 1, .member_id = 1});
    return log_;
  }

  base::TempDir dir_;
  base::EventLoop loop_;
  kv::SqliteLog log_{dir_.path() + "/log.db"};
  kv::Store store_;
  kv::Replica replica_{store_, base::system_clock()};
  kv::SingleEngine engine_{named_log(), replica_, [this](std::function<void()> work) { loop_.post(std::move(work)); }};
  kv::HttpApi api_{replica_, 1, "discovery"};
  base::HttpServer server_{
      loop_, {}, [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
        api_.handle(request, reply);
      }};
  std::string origin_;
  std::thread thread_;
};

KvdOptions member(const std::string& url, int number) {
  KvdOptions options;
  options.name = "m" + std::to_string(number);
  options.initial_advertise_peer_urls = {"http://10.0.0." + std::to_string(number) + ":2380"};
  options.discovery_url = url;
  return options;
}

std::future<kv::ClusterPlan> join(const KvdOptions& options) {
  return std::async(std::launch::async,
                    [options] { return kv::plan_cluster(options, *kv::system_bootstrap_network(options)); });
}

TEST_CASE("discovery: three members meet, and a fourth is told that the cluster is full") {
  Service service("3");
  auto first = join(member(service.url(), 1));
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (service.watchers() == 0) REQUIRE(std::chrono::steady_clock::now() < deadline);
  auto second = join(member(service.url(), 2));
  auto third = join(member(service.url() + "/", 3));
  for (auto* one : {&first, &second, &third}) REQUIRE(one->wait_for(20s) == std::future_status::ready);
  const kv::ClusterPlan plan = first.get();
  CHECK(plan.members.size() == 3);
  CHECK(plan.members == second.get().members);
  CHECK(plan.own_id == kv::member_id({"http://10.0.0.1:2380"}, service.url()));
  CHECK_THROWS_WITH_AS(join(member(service.url(), 4)).get(), doctest::Contains("cluster is full"), base::Error);
}

TEST_CASE("discovery: a member with an id that is taken is refused") {
  Service service("2");
  const KvdOptions options = member(service.url(), 1);
  service.put("/" + kv::id_text(kv::member_id(options.initial_advertise_peer_urls, options.discovery_url)),
              "m1=http://10.0.0.1:2380");
  CHECK_THROWS_WITH_AS(join(options).get(), doctest::Contains("found duplicate id"), base::Error);
}

TEST_CASE("discovery: registrations that do not make a cluster") {
  Service service("2");
  service.put("/a1", "m1=http://10.0.0.9:2380");
  CHECK_THROWS_WITH_AS(join(member(service.url(), 1)).get(), doctest::Contains("found duplicate name m1"), base::Error);
  Service other("2");
  other.put("/a1", "nonsense");
  CHECK_THROWS_WITH_AS(join(member(other.url(), 1)).get(), doctest::Contains("not of the form NAME=URL"), base::Error);
}

TEST_CASE("discovery: a URL without a size is no cluster") {
  for (const char* size : {"", "0", "x", "1001"}) {
    Service service(size);
    CHECK_THROWS_WITH_AS(join(member(service.url(), 1)).get(), doctest::Contains("size key is bad"), base::Error);
  }
  Service service("1");
  CHECK_THROWS_WITH_AS(join(member(service.url() + "x", 1)).get(), doctest::Contains("size key not found"),
                       base::Error);
  const std::string health = service.url().substr(0, service.url().find("/v2")) + "/health";
  CHECK_THROWS_WITH_AS(join(member(health, 1)).get(), doctest::Contains("bad discovery endpoint"), base::Error);
}

TEST_CASE("discovery: a proxy gets whole URLs") {
  Service service("1");
  base::EventLoop loop;
  std::vector<std::string> targets;
  base::HttpServer proxy(
      loop, {}, [&](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
        targets.push_back(request.method + " " + request.target + " " + std::string(request.headers.get("Host")));
        base::HttpRequest inner = request;
        inner.target = base::parse_url(request.target).path;
        reply->send(base::HttpClient().request(base::parse_url(service.url()), inner));
      });
  KvdOptions options = member(service.url(), 1);
  options.discovery_proxy = "http://127.0.0.1:" + std::to_string(proxy.listen_tcp("127.0.0.1", 0));
  std::thread thread([&] { loop.run(); });
  CHECK(join(options).get().members.size() == 1);
  loop.stop();
  thread.join();
  REQUIRE_FALSE(targets.empty());
  const std::string host = service.url().substr(7, service.url().find("/v2") - 7);
  CHECK(targets[0] == "GET " + service.url() + "/_config/size " + host);
}

// Each request is answered by the next line of a script: "" for no answer, a number for that status, else a body.
class ScriptedNetwork : public kv::BootstrapNetwork {
 public:
  explicit ScriptedNetwork(std::vector<std::string> script) : script_(std::move(script)) {}
  std::vector<std::chrono::milliseconds> pauses;

  std::vector<std::string> addresses(const std::string& host) override { return {host}; }
  std::vector<base::SrvRecord> services(const std::string&) override { return {}; }
  base::HttpResponse ask_peer(const base::Url& url, const base::HttpRequest&) override {
    throw base::Error("connect to", url.origin(), "refused");
  }
  base::HttpResponse ask_discovery(const base::Url& url, const base::HttpRequest&, std::chrono::milliseconds) override {
    REQUIRE(next_ < script_.size());
    const std::string& line = script_[next_++];
    if (line.empty()) throw base::Error("connect to", url.origin(), "refused");
    if (line == "503") return {503, {}, "busy"};
    return {200, {}, line};
  }
  void pause(std::chrono::milliseconds time) override { pauses.push_back(time); }
  bool all_said() const { return next_ == script_.size(); }

 private:
  std::vector<std::string> script_;
  std::size_t next_ = 0;
};

constexpr const char* kSizeOne = R"({"action":"get","node":{"key":"/t/_config/size","value":"1"}})";
constexpr const char* kEmpty = R"({"action":"get","node":{"key":"/t","dir":true}})";

std::string with_member(const KvdOptions& options) {
  return R"({"action":"get","node":{"key":"/t","dir":true,"nodes":[{"key":"/t/)" +
         kv::id_text(kv::member_id(options.initial_advertise_peer_urls, options.discovery_url)) +
         R"(","value":"m1=http://10.0.0.1:2380","createdIndex":5}]}})";
}

TEST_CASE("discovery: a service that fails is asked again, later each time") {
  const KvdOptions options = member("http://d/t", 1);
  std::vector<std::string> script(10, "");
  script[1] = "503";
  for (const std::string& line :
       {std::string(kSizeOne), std::string(kEmpty), std::string(kEmpty), std::string(kSizeOne), with_member(options)}) {
    script.push_back(line);
  }
  ScriptedNetwork network(script);
  CHECK(kv::join_by_discovery(options, network) == std::vector<InitialMember>{{"m1", {"http://10.0.0.1:2380"}}});
  CHECK(network.all_said());
  CHECK(network.pauses == std::vector<std::chrono::milliseconds>{2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 256s, 256s});
}

TEST_CASE("discovery: a registration that went unanswered is found to be our own") {
  const KvdOptions options = member("http://d/t", 1);
  ScriptedNetwork network({kSizeOne, kEmpty, "", kSizeOne, with_member(options), kSizeOne, with_member(options)});
  CHECK(kv::join_by_discovery(options, network).size() == 1);
  CHECK(network.all_said());
}

}  // namespace
