#include "kv/client/memory_client.h"

#include <doctest/doctest.h>

#include <thread>

#include "base/error.h"

using namespace std::chrono_literals;

namespace {

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();

  // The next `count` events from `from` on, as "set /a b" lines.
  std::vector<std::string> events(const std::string& key, std::uint64_t from, std::size_t count) {
    std::vector<std::string> lines;
    client->watch(key, from, [&](const kv::Event& event) {
      const char* verb = event.action == kv::Action::kSet      ? "set "
                         : event.action == kv::Action::kDelete ? "delete "
                                                               : "expire ";
      lines.push_back(verb + event.node.key + (event.node.value.empty() ? "" : " " + event.node.value));
      return lines.size() < count;
    });
    return lines;
  }
};

TEST_CASE_FIXTURE(Fixture, "memory store: the first write of a fresh store has index 4") {
  CHECK(client->put("/a", "b")->modified_index == 4);
  CHECK(client->get("/a")->value == "b");
  CHECK_FALSE(client->get("/b"));
}

TEST_CASE_FIXTURE(Fixture, "memory store: conditions decide whether a put happens") {
  kv::PutOptions create{.previous_exists = false};
  CHECK(client->put("/a", "1", create));
  CHECK_FALSE(client->put("/a", "2", create));
  kv::PutOptions update{.previous_exists = true};
  CHECK_FALSE(client->put("/missing", "1", update));
  CHECK(client->put("/a", "2", update)->created_index == 4);
  kv::PutOptions swap{.previous_value = "1"};
  CHECK_FALSE(client->put("/a", "3", swap));
  swap.previous_value = "2";
  CHECK(client->put("/a", "3", swap));
  kv::PutOptions at_index{.previous_index = 5};
  CHECK_FALSE(client->put("/a", "4", at_index));
  at_index.previous_index = 6;
  CHECK(client->put("/a", "4", at_index));
}

TEST_CASE_FIXTURE(Fixture, "memory store: a listing is the whole subtree without hidden nodes") {
  client->put("/d/b", "1");
  client->put("/d/a/x", "2");
  client->put("/d/_h", "3");
  client->put("/dd", "4");
  kv::Listing listing = client->list("/d");
  REQUIRE(listing.nodes.size() == 3);
  CHECK(listing.nodes[0].key == "/d/a");
  CHECK(listing.nodes[0].directory);
  CHECK(listing.nodes[1].key == "/d/a/x");
  CHECK(listing.nodes[2].key == "/d/b");
  CHECK(listing.index == 7);
  CHECK(client->list("/none").nodes.empty());
  CHECK(client->get("/d/_h")->value == "3");
}

TEST_CASE_FIXTURE(Fixture, "memory store: TTLs end by the clock, and a refresh prolongs them silently") {
  client->put("/a", "1", {.ttl = 10s});
  clock.advance(9s);
  CHECK(client->get("/a")->ttl == 1s);
  CHECK(client->refresh("/a", 10s));
  clock.advance(2s);
  store.expire();
  CHECK(client->get("/a"));
  clock.advance(8s);
  store.expire();
  CHECK_FALSE(client->get("/a"));
  CHECK_FALSE(client->refresh("/a", 10s));
  CHECK(events("/", 4, 2) == std::vector<std::string>{"set /a 1", "expire /a"});
}

TEST_CASE_FIXTURE(Fixture, "memory store: a watch sees changes below, hidden ones only when it is below them too") {
  client->put("/a/b", "1");
  client->put("/a/_x/y", "2");
  client->put("/other", "3");
  client->remove("/a", true);
  CHECK(events("/a", 4, 2) == std::vector<std::string>{"set /a/b 1", "delete /a"});
  CHECK(events("/a/_x", 4, 2) == std::vector<std::string>{"set /a/_x/y 2", "delete /a"});
}

TEST_CASE_FIXTURE(Fixture, "memory store: removing needs recursive for a directory") {
  client->put("/a/b", "1");
  CHECK_THROWS_AS(client->remove("/a"), base::Error);
  CHECK_FALSE(client->remove("/a/b", false, "2"));
  CHECK(client->remove("/a/b", false, "1"));
  CHECK_FALSE(client->remove("/a/b"));
  CHECK(client->remove("/a", true));
}

TEST_CASE_FIXTURE(Fixture, "memory store: forgotten history is said so") {
  client->put("/a", "1");
  store.compact();
  CHECK_THROWS_AS(events("/a", 4, 1), kv::Compacted);
}

TEST_CASE_FIXTURE(Fixture, "memory store: a watch waits for what comes, and ends by cancel or when the store is down") {
  std::thread writer([&] { store.client()->put("/a", "1"); });
  CHECK(events("/a", 4, 1) == std::vector<std::string>{"set /a 1"});
  writer.join();
  std::thread canceller([&] { client->cancel(); });
  CHECK_THROWS_AS(events("/a", 5, 1), base::Error);
  canceller.join();
  store.set_down(true);
  auto other = store.client();
  CHECK_THROWS_AS(other->get("/a"), base::Error);
  CHECK_FALSE(other->healthy());
}

}  // namespace
