// The client against the real API over HTTP, in one process: engine, log and server on a loop of their own thread.

#include <doctest/doctest.h>

#include <future>
#include <thread>

#include "base/error.h"
#include "base/event_loop.h"
#include "base/temp_dir.h"
#include "kv/client/client.h"
#include "kv/file_storage.h"
#include "kv/first_entries.h"
#include "kv/http_api.h"
#include "kv/raft_engine.h"
#include "kv/wal_journal.h"

using namespace std::chrono_literals;

namespace {

class LiveStore {
 public:
  explicit LiveStore(kv::HistoryLimits limits = {}, std::uint16_t port = 0) : store_(limits) {
    kv::Wal::create(storage_, {1, 1}, base::system_random());
    log_ = std::make_unique<kv::Wal>(storage_, base::system_random());
    log_->append({{1, kv::kFirstTerm, kv::EntryKind::kConfiguration,
                   std::make_shared<const std::string>(encode(kv::RaftConfiguration{{1, true}}))}});
    log_->save_state({kv::kFirstTerm, 0});
    log_ = std::make_unique<kv::Wal>(storage_, base::system_random());
    journal_ = std::make_unique<kv::WalJournal>(*log_, post(), [](const std::string&) {});
    engine_ = std::make_unique<kv::RaftEngine>(
        kv::RaftEngineOptions{.member_id = 1},
        kv::RaftEngine::Io{*journal_, replica_, base::system_clock(), base::system_random(),
                           [](std::uint64_t, const std::string&) { return true; }, [](base::Clock::Time) {}, post()});
    replica_.attach(*engine_);
    engine_->start({});
    api_ = std::make_unique<kv::HttpApi>(replica_, loop_, 1, kv::HttpApiOptions{.name = "test"});
    server_ = std::make_unique<base::HttpServer>(
        loop_, base::HttpServerOptions{},
        [this](base::HttpRequest request, std::shared_ptr<base::HttpReply> reply) { api_->handle(request, reply); });
    port_ = server_->listen_tcp("127.0.0.1", port);
    tick_ = loop_.every(20ms, [this] { replica_.tick(); });
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~LiveStore() {
    loop_.stop();
    thread_.join();
    server_->close();
  }

  std::uint16_t port() const { return port_; }
  std::string url() const { return std::format("http://127.0.0.1:{}", port_); }
  std::size_t watchers() {
    std::promise<std::size_t> count;
    loop_.post([&] { count.set_value(replica_.watches().size()); });
    return count.get_future().get();
  }
  void wait_for_watcher() {
    auto deadline = std::chrono::steady_clock::now() + 10s;
    while (watchers() == 0) REQUIRE(std::chrono::steady_clock::now() < deadline);
  }

 private:
  kv::Post post() {
    return [this](std::function<void()> work) { loop_.post(std::move(work)); };
  }

  base::TempDir dir_;
  base::EventLoop loop_;
  kv::FileStorage storage_{dir_.path() + "/wal"};
  std::unique_ptr<kv::Wal> log_;
  std::unique_ptr<kv::WalJournal> journal_;
  kv::Store store_;
  kv::Replica replica_{store_, base::system_clock()};
  std::unique_ptr<kv::RaftEngine> engine_;
  std::unique_ptr<kv::HttpApi> api_;
  std::unique_ptr<base::HttpServer> server_;
  std::shared_ptr<base::EventLoop::Timer> tick_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_CASE("client: values, listings and conditions over HTTP") {
  LiveStore store;
  std::unique_ptr<kv::Client> client = kv::connect(store.url());
  CHECK(client->healthy());
  CHECK_FALSE(client->get("/none"));
  CHECK(client->put("/d/a", "ä &=+%/\n\"")->modified_index == 1);
  CHECK(client->get("/d/a")->value == "ä &=+%/\n\"");
  CHECK_FALSE(client->put("/d/a", "x", {.previous_exists = false}));
  CHECK_FALSE(client->put("/d/a", "x", {.previous_value = "y"}));
  CHECK_FALSE(client->put("/none", "x", {.previous_exists = true}));
  CHECK(client->put("/d/a", "", {.previous_index = 1}));
  CHECK_FALSE(client->put("/d/sub/x", "1", {.previous_value = ""}));
  CHECK(client->put("/d/a", "full again", {.previous_value = ""}));
  CHECK_FALSE(client->put("/d/a", "x", {.previous_value = ""}));
  client->put("/d/sub/b c", "1");
  client->put("/d/_hidden", "1");
  kv::Listing listing = client->list("/d");
  REQUIRE(listing.nodes.size() == 3);
  CHECK(listing.nodes[0].key == "/d/a");
  CHECK(listing.nodes[1].directory);
  CHECK(listing.nodes[2].key == "/d/sub/b c");
  CHECK(listing.index == 5);
  CHECK(client->list("/nothing").index == 5);
  CHECK_THROWS_WITH_AS(client->put("/d", "x"), doctest::Contains("102: Not a file (/d)"), base::Error);
}

TEST_CASE("client: TTLs, refreshes and removals over HTTP") {
  LiveStore store;
  std::unique_ptr<kv::Client> client = kv::connect(store.url());
  CHECK(client->put("/lease", "1", {.ttl = 100s})->ttl == 100s);
  CHECK(client->refresh("/lease", 200s));
  CHECK(client->get("/lease")->ttl == 200s);
  CHECK(client->get("/lease")->value == "1");
  CHECK_FALSE(client->refresh("/none", 5s));
  CHECK_FALSE(client->remove("/lease", false, "2"));
  CHECK(client->remove("/lease", false, "1"));
  CHECK_FALSE(client->remove("/lease"));
  client->put("/e", "");
  CHECK(client->remove("/e", false, ""));
  client->put("/d/x", "1");
  CHECK_THROWS_AS(client->remove("/d"), base::Error);
  CHECK(client->remove("/d", true));
}

TEST_CASE("client: a watch gets the past and the present in order, without refreshes") {
  LiveStore store;
  std::unique_ptr<kv::Client> writer = kv::connect(store.url());
  writer->put("/w/a", "1");
  std::thread later([&] {
    store.wait_for_watcher();
    writer->refresh("/w/a", 50s);
    writer->put("/w/a", "2");
    writer->remove("/w", true);
  });
  std::vector<std::string> seen;
  kv::connect(store.url())->watch("/w", 1, [&](const kv::Event& event) {
    seen.push_back(std::format("{} {} {} was {}", static_cast<int>(event.action), event.node.key, event.node.value,
                               event.previous_value.value_or("-")));
    return event.action == kv::Action::kSet;
  });
  later.join();
  CHECK(seen == std::vector<std::string>{"0 /w/a 1 was -", "0 /w/a 2 was 1", "1 /w  was -"});
}

TEST_CASE("client: a watch survives a restart of the store") {
  auto store = std::make_unique<LiveStore>();
  std::uint16_t port = store->port();
  std::unique_ptr<kv::Client> client = kv::connect(store->url());
  std::thread restart([&] {
    store->wait_for_watcher();
    store.reset();
    store = std::make_unique<LiveStore>(kv::HistoryLimits{}, port);
    kv::connect(store->url())->put("/after", "1");
  });
  std::string seen;
  client->watch("/", 0, [&](const kv::Event& event) {
    seen = event.node.key;
    return false;
  });
  restart.join();
  CHECK(seen == "/after");
}

TEST_CASE("client: lost history is told as Compacted") {
  LiveStore store({.events = 2, .bytes = 1'000'000});
  std::unique_ptr<kv::Client> client = kv::connect(store.url());
  for (int i = 0; i < 5; ++i) client->put("/a", std::to_string(i));
  std::uint64_t index = 0;
  try {
    client->watch("/a", 1, [](const kv::Event&) { return true; });
  } catch (const kv::Compacted& compacted) {
    index = compacted.index;
  }
  CHECK(index == 5);
}

TEST_CASE("client: cancel ends a watch and all later calls") {
  LiveStore store;
  std::unique_ptr<kv::Client> client = kv::connect(store.url());
  std::thread canceller([&] {
    store.wait_for_watcher();
    client->cancel();
  });
  CHECK_THROWS_WITH_AS(client->watch("/a", 0, [](const kv::Event&) { return true; }), doctest::Contains("cancelled"),
                       base::Error);
  canceller.join();
  CHECK_THROWS_WITH_AS(client->get("/a"), doctest::Contains("cancelled"), base::Error);
}

TEST_CASE("client: endpoints are tried in turn; none is an error, bad ones are named") {
  LiveStore store;
  // Port 1 of loopback refuses.
  std::unique_ptr<kv::Client> client = kv::connect("http://127.0.0.1:1," + store.url());
  CHECK(client->put("/a", "1", {.previous_exists = false}));
  std::unique_ptr<kv::Client> dead = kv::connect("http://127.0.0.1:1", 200ms);
  CHECK_THROWS_AS(dead->get("/a"), base::Error);
  CHECK_FALSE(dead->healthy());
  CHECK_THROWS_AS(dead->watch("/a", 0, [](const kv::Event&) { return true; }), base::Error);
  CHECK_THROWS_AS(kv::connect("ftp://x"), base::Error);
  CHECK_THROWS_AS(kv::connect(""), base::Error);
}

}  // namespace
