#include "kv/history.h"

#include <doctest/doctest.h>

#include <format>

#include "kv/event_bytes.h"
#include "kv/store.h"
#include "kv/watch_hub.h"

namespace {

kv::EventPtr event(std::uint64_t index, const std::string& key, kv::EventAction action = kv::EventAction::kSet,
                   bool directory = false, bool refresh = false) {
  kv::StoreEvent made{.action = action, .node = {.key = key}};
  made.node.directory = directory;
  made.refresh = refresh;
  made.index = index;
  return std::make_shared<const kv::StoreEvent>(made);
}

constexpr auto kDelete = kv::EventAction::kDelete;

TEST_CASE("concerns: the key itself, keys below for recursive watches, removed directories above") {
  CHECK(kv::concerns(*event(1, "/1/a"), "/1/a", false));
  CHECK_FALSE(kv::concerns(*event(1, "/1/a/b"), "/1/a", false));
  CHECK(kv::concerns(*event(1, "/1/a/b"), "/1/a", true));
  CHECK_FALSE(kv::concerns(*event(1, "/1/ab"), "/1/a", true));
  CHECK(kv::concerns(*event(1, "/1/a", kDelete, true), "/1/a/b/c", false));
  CHECK_FALSE(kv::concerns(*event(1, "/1/a", kDelete, false), "/1/a/b", false));
  CHECK_FALSE(kv::concerns(*event(1, "/1/a", kDelete, true), "/1/ab", false));
}

TEST_CASE("concerns: hidden paths are news only below themselves, refreshes for nobody") {
  CHECK_FALSE(kv::concerns(*event(1, "/1/a/_h/x"), "/1/a", true));
  CHECK(kv::concerns(*event(1, "/1/a/_h/x"), "/1/a/_h", true));
  CHECK(kv::concerns(*event(1, "/1/_h"), "/1/_h", false));
  CHECK_FALSE(kv::concerns(*event(1, "/1/a", kv::EventAction::kUpdate, false, true), "/1/a", false));
}

TEST_CASE("history: bounded by count and by bytes, the oldest go first") {
  kv::History few({.events = 3, .bytes = 1'000'000});
  for (std::uint64_t i = 5; i < 10; ++i) few.add({event(i, "/1/a")});
  CHECK(few.first_index() == 7);
  CHECK(few.last_index() == 9);
  kv::History small({.events = 1000, .bytes = 1000});
  for (std::uint64_t i = 1; i < 20; ++i) small.add({event(i, "/1/" + std::string(300, 'x'))});
  CHECK(small.bytes() <= 1000);
  CHECK(small.last_index() == 19);
}

TEST_CASE("history: a scan finds the first event from an index on") {
  kv::History history;
  history.add({event(4, "/1/a")});
  history.add({event(5, "/1/b"), event(5, "/1/d/x"), event(5, "/1/c"), event(5, "/1/d/y")});
  history.add({event(6, "/1/a")});
  auto found = [&](const char* key, std::uint64_t from, std::uint64_t until = UINT64_MAX) {
    std::string text;
    for (const kv::EventPtr& one : history.scan(key, true, from, until)) {
      text += std::format("{} {};", one->index, one->node.key);
    }
    return text;
  };
  CHECK(found("/1/a", 4) == "4 /1/a;");
  CHECK(found("/1/a", 5) == "6 /1/a;");
  CHECK(found("/1/d", 4) == "5 /1/d/x;5 /1/d/y;");
  CHECK(found("/1/c", 4) == "5 /1/c;");
  CHECK(found("/1/c", 4, 5).empty());
  CHECK(found("/1/a", 7).empty());
  CHECK(found("/1/e", 4).empty());
}

TEST_CASE("history: an event comes back as it went in") {
  kv::StoreEvent made{.action = kv::EventAction::kCompareAndSwap, .node = {.key = "/1/a", .value = "new"}};
  made.node.expires_at = 1'800'000'000'000'000'001;
  made.node.ttl = 7;
  made.previous = kv::NodeView{.key = "/1/a", .value = ""};
  made.index = made.node.modified_index = 4;
  kv::History history;
  history.add({std::make_shared<const kv::StoreEvent>(made)});
  history.add({event(5, "/1/b")});
  kv::EventPtr got = history.at(4).front();
  CHECK(got->index == 4);
  CHECK(got->node.value == "new");
  CHECK(got->node.expires_at == made.node.expires_at);
  CHECK(got->node.ttl == 7);
  CHECK(got->previous.value().value == "");
  const kv::EventPtr same = std::make_shared<const kv::StoreEvent>(made);
  CHECK(kv::encode({&got, 1}) == kv::encode({&same, 1}));
}

TEST_CASE("history: what was cleared is said with etcd's words") {
  kv::Store store({.events = 2, .bytes = 1'000'000});
  for (std::uint64_t i = 1; i <= 5; ++i) store.apply({.key = "/1/a"}, i, 1);
  REQUIRE(store.history_gap(3));
  CHECK(store.history_gap(3)->cause == "the requested history has been cleared [4/3]");
  CHECK(store.history_gap(3)->index == 5);
  CHECK_FALSE(store.history_gap(4));
  CHECK_FALSE(store.history_gap(99));
}

struct Hub {
  kv::WatchHub hub;
  std::vector<std::string> seen;

  std::uint64_t watch(const std::string& name, kv::Watch watch) {
    return hub.add(std::move(watch),
                   [this, name](const kv::EventPtr& e) { seen.push_back(std::format("{} {}", name, e->index)); });
  }
};

TEST_CASE_FIXTURE(Hub, "watches: one event ends a plain watch, a stream goes on") {
  watch("once", {.key = "/1/a"});
  std::uint64_t stream = watch("stream", {.key = "/1", .recursive = true, .stream = true});
  hub.notify(event(4, "/1/a"));
  hub.notify(event(5, "/1/a"));
  CHECK(seen == std::vector<std::string>{"stream 4", "once 4", "stream 5"});
  CHECK(hub.size() == 1);
  hub.remove(stream);
  hub.remove(stream);
  CHECK(hub.size() == 0);
}

TEST_CASE_FIXTURE(Hub, "watches: a removed directory wakes those below it, once each") {
  watch("below", {.key = "/1/d/x/y", .stream = true});
  watch("above", {.key = "/1", .recursive = true, .stream = true});
  watch("self", {.key = "/1/d", .stream = true});
  watch("sibling", {.key = "/1/dd", .recursive = true, .stream = true});
  hub.notify(event(4, "/1/d", kDelete, true));
  CHECK(seen == std::vector<std::string>{"above 4", "self 4", "below 4"});
}

TEST_CASE_FIXTURE(Hub, "watches: a future index waits for it") {
  watch("later", {.key = "/1/a", .since = 6});
  hub.notify(event(5, "/1/a"));
  hub.notify(event(6, "/1/a"));
  CHECK(seen == std::vector<std::string>{"later 6"});
}

TEST_CASE_FIXTURE(Hub, "watches: a delivery may remove others") {
  std::uint64_t second = 0;
  hub.add({.key = "/1/a", .stream = true}, [&](const kv::EventPtr&) { hub.remove(second); });
  second = watch("second", {.key = "/1/a", .stream = true});
  hub.notify(event(4, "/1/a"));
  CHECK(seen.empty());
}

}  // namespace
