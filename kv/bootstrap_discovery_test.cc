// Members that meet at a service over HTTP, in one process; and services that fail. With a real store: the black-box
// tests.

#include "kv/bootstrap_discovery.h"

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/http_client.h"
#include "base/http_server.h"
#include "base/text.h"
#include "kv/bootstrap_cluster.h"

using namespace std::chrono_literals;

namespace {

using kv::InitialMember;
using kv::KvdOptions;

constexpr std::string_view kToken = "/v2/keys/_etcd/registry/token";

// What the protocol needs of etcd v2, for one token, on a loop of its own thread.
class Service {
 public:
  explicit Service(std::string size) : size_(std::move(size)) {
    url_ = std::format("http://127.0.0.1:{}{}", server_.listen_tcp("127.0.0.1", 0), kToken);
    thread_ = std::thread([this] { loop_.run(); });
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service() {
    loop_.post([this] {
      server_.close();
      loop_.stop();
    });
    thread_.join();
  }

  const std::string& url() const { return url_; }

  std::size_t waiting() {
    return on_loop([this] { return waiting_.size(); });
  }
  void put(const std::string& id, const std::string& value) {
    on_loop([&] { return put_here(id, value) ? 1 : 0; });
  }

 private:
  struct Entry {
    std::string value;
    std::uint64_t index = 0;
  };

  std::size_t on_loop(const std::function<std::size_t()>& work) {
    std::promise<std::size_t> done;
    loop_.post([&] { done.set_value(work()); });
    return done.get_future().get();
  }

  bool put_here(const std::string& id, const std::string& value) {
    if (!entries_.try_emplace(id, Entry{value, index_ + 1}).second) return false;
    ++index_;
    for (const auto& reply : std::exchange(waiting_, {})) answer(*reply, 200, "{\"action\":\"create\",\"node\":{}}");
    return true;
  }

  void answer(base::HttpReply& reply, int status, std::string body) const {
    base::HttpResponse response{status, {}, std::move(body)};
    response.headers.set("X-Etcd-Index", std::to_string(index_));
    reply.send(std::move(response));
  }

  std::string listing() const {
    std::string nodes;
    for (const auto& [id, entry] : entries_) {
      nodes += std::format("{}{{\"key\":\"/_etcd/registry/token/{}\",\"value\":\"{}\",\"createdIndex\":{}}}",
                           nodes.empty() ? "" : ",", id, entry.value, entry.index);
    }
    return std::format("{{\"action\":\"get\",\"node\":{{\"dir\":true,\"nodes\":[{}]}}}}", nodes);
  }

  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
    if (request.target.starts_with("/health")) return answer(*reply, 404, "404 page not found\n");
    const std::string path(request.raw_path());
    if (!path.starts_with(std::string(kToken) + "/") && path != kToken) {
      return answer(*reply, 404, "{\"errorCode\":100,\"message\":\"Key not found\"}");
    }
    const std::string key = path.substr(kToken.size());
    if (request.method == "PUT") {
      const auto form = base::parse_form(request.body);
      const bool made = put_here(key.substr(1), form->at(0).second);
      return answer(*reply, made ? 201 : 412,
                    made ? "{\"node\":{}}" : "{\"errorCode\":105,\"message\":\"Key already exists\"}");
    }
    if (key == "/_config/size") return answer(*reply, 200, std::format("{{\"node\":{{\"value\":\"{}\"}}}}", size_));
    const auto query = request.raw_query();
    if (query.contains("wait=true") && base::parse_unsigned(query.substr(query.rfind('=') + 1)).value_or(0) > index_) {
      waiting_.push_back(reply);
      return;
    }
    answer(*reply, 200, listing());
  }

  std::string size_;
  base::EventLoop loop_;
  base::HttpServer server_{
      loop_, {}, [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
        handle(request, reply);
      }};
  std::uint64_t index_ = 3;
  std::map<std::string, Entry> entries_;
  std::vector<std::shared_ptr<base::HttpReply>> waiting_;
  std::string url_;
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
  while (service.waiting() == 0) REQUIRE(std::chrono::steady_clock::now() < deadline);
  auto second = join(member(service.url(), 2));
  auto third = join(member(service.url(), 3));
  for (auto* one : {&first, &second, &third}) REQUIRE(one->wait_for(20s) == std::future_status::ready);
  const kv::ClusterPlan plan = first.get();
  CHECK(plan.members.size() == 3);
  CHECK(plan.members == second.get().members);
  CHECK(plan.cluster_id == third.get().cluster_id);
  CHECK(plan.own_id == kv::member_id({"http://10.0.0.1:2380"}, service.url()));
  CHECK_THROWS_WITH_AS(join(member(service.url(), 4)).get(), doctest::Contains("cluster is full"), base::Error);
}

TEST_CASE("discovery: a member with an id that is taken is refused") {
  Service service("2");
  const KvdOptions options = member(service.url(), 1);
  service.put(kv::id_text(kv::member_id(options.initial_advertise_peer_urls, options.discovery_url)),
              "m1=http://10.0.0.1:2380");
  CHECK_THROWS_WITH_AS(join(options).get(), doctest::Contains("found duplicate id"), base::Error);
}

TEST_CASE("discovery: registrations that do not make a cluster") {
  Service service("2");
  service.put("a1", "m1=http://10.0.0.9:2380");
  CHECK_THROWS_WITH_AS(join(member(service.url(), 1)).get(), doctest::Contains("found duplicate name m1"), base::Error);
  Service other("2");
  other.put("a1", "nonsense");
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
  base::HttpResponse ask_peer(const base::Url& url, const base::HttpRequest&, std::chrono::milliseconds) override {
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
