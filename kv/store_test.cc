#include "kv/store.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "kv/event_bytes.h"

namespace {

using kv::Command;
using kv::ErrorCode;
using kv::EventPtr;
using kv::Operation;
using kv::StoreError;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'700'000'000 * kSecond;

// A store with verbs. Keys are given without "/1". The first command gets revision 1.
struct Fixture {
  kv::Store store;
  std::int64_t now = kStart;
  std::uint64_t log_index = 0;
  std::vector<EventPtr> events;  // of the last command

  kv::Result apply(Command command) {
    command.key = "/1" + command.key;
    command.time = now;
    kv::Applied applied = store.apply(command, ++log_index, 2);
    events = applied.events;
    return applied.result;
  }
  kv::Result put(Operation operation, const std::string& key, const std::string& value, std::int64_t ttl = 0) {
    Command command{.operation = operation, .key = key, .value = value};
    if (ttl != 0) command.expires_at = now + ttl * kSecond;
    return apply(command);
  }
  kv::Result set(const std::string& key, const std::string& value, std::int64_t ttl = 0) {
    return put(Operation::kSet, key, value, ttl);
  }
  kv::Result directory(Operation operation, const std::string& key) {
    return apply({.operation = operation, .key = key, .directory = true});
  }
  kv::Result swap(const std::string& key, const std::string& value, const std::string& previous, std::uint64_t index) {
    return apply({.operation = Operation::kCompareAndSwap,
                  .key = key,
                  .value = value,
                  .previous_value = previous,
                  .previous_index = index});
  }
  kv::Result remove(const std::string& key, bool dir = false, bool recursive = false) {
    return apply({.operation = Operation::kDelete, .key = key, .directory = dir, .recursive = recursive});
  }
  std::vector<EventPtr> expire() {
    Command command{.operation = Operation::kExpire};
    command.time = now;
    return store.apply(command, ++log_index, 2).events;
  }
  kv::Result get(const std::string& key, bool recursive = false) { return store.get("/1" + key, recursive, now); }

  static const kv::StoreEvent& ok(const kv::Result& result) {
    REQUIRE(std::holds_alternative<EventPtr>(result));
    return *std::get<EventPtr>(result);
  }
  // "105 /1/a [3]"
  static std::string error(const kv::Result& result) {
    REQUIRE(std::holds_alternative<StoreError>(result));
    const StoreError& e = std::get<StoreError>(result);
    return std::format("{} {} [{}]", static_cast<int>(e.code), e.cause, e.index);
  }
  std::string value(const std::string& key) { return ok(get(key)).node.value.value_or("(none)"); }
};

TEST_CASE_FIXTURE(Fixture, "store: a set makes a file and its directories, all with the same index") {
  const kv::StoreEvent event = ok(set("/a/b/c", "x"));
  CHECK(event.action == kv::EventAction::kSet);
  CHECK(event.created());
  CHECK(event.node.key == "/1/a/b/c");
  CHECK(event.node.value == "x");
  CHECK(event.node.modified_index == 1);
  CHECK_FALSE(event.previous);
  const kv::StoreEvent tree = ok(get("/a", true));
  CHECK(tree.node.directory);
  CHECK(tree.node.created_index == 1);
  CHECK(tree.node.nodes.at(0).nodes.at(0).key == "/1/a/b/c");
}

TEST_CASE_FIXTURE(Fixture, "store: a set over a file is a new node, and shows the old one") {
  set("/a", "1");
  const kv::StoreEvent event = ok(set("/a", "2"));
  CHECK_FALSE(event.created());
  CHECK(event.node.created_index == 2);
  REQUIRE(event.previous);
  CHECK(event.previous->value == "1");
  CHECK(event.previous->modified_index == 1);
}

TEST_CASE_FIXTURE(Fixture, "store: a set with dir replaces a file, but a directory is replaced by nothing") {
  set("/a", "1");
  const kv::StoreEvent event = ok(directory(Operation::kSet, "/a"));
  CHECK(event.node.directory);
  CHECK(event.previous->value == "1");
  CHECK(error(directory(Operation::kSet, "/a")) == "102 /1/a [2]");
  CHECK(error(set("/a", "2")) == "102 /1/a [2]");
}

TEST_CASE_FIXTURE(Fixture, "store: a failed command leaves the revision and the tree alone") {
  set("/a", "1");
  CHECK(error(set("/a/b/c", "2")) == "104 /1/a [1]");
  CHECK(error(remove("/x/y")) == "100 /1/x [1]");
  CHECK(events.empty());
  CHECK(store.revision() == 1);
  CHECK(store.position().applied_index == 3);
  CHECK(store.history().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "store: create needs that there is none") {
  CHECK(ok(put(Operation::kCreate, "/a", "1")).created());
  CHECK(error(put(Operation::kCreate, "/a", "2")) == "105 /1/a [1]");
  CHECK(error(put(Operation::kCreate, "/a/b", "2")) == "104 /1/a [1]");
  directory(Operation::kCreate, "/d");
  CHECK(error(directory(Operation::kCreate, "/d")) == "105 /1/d [2]");
}

TEST_CASE_FIXTURE(Fixture, "store: keys in order are named after the index they get") {
  set("/x", "");
  CHECK(ok(put(Operation::kCreateInOrder, "/q", "a")).node.key == "/1/q/00000000000000000002");
  CHECK(ok(put(Operation::kCreateInOrder, "/q", "b")).node.key == "/1/q/00000000000000000003");
  CHECK(ok(put(Operation::kCreateInOrder, "", "c")).node.key == "/1/00000000000000000004");
  CHECK(error(put(Operation::kCreateInOrder, "/x", "d")) == "104 /1/x [4]");
}

TEST_CASE_FIXTURE(Fixture, "store: update keeps the creation and needs a node") {
  CHECK(error(put(Operation::kUpdate, "/a", "1")) == "100 /1/a [0]");
  set("/a", "1");
  const kv::StoreEvent event = ok(put(Operation::kUpdate, "/a", "2"));
  CHECK(event.node.created_index == 1);
  CHECK(event.node.modified_index == 2);
  CHECK(event.previous->value == "1");
  CHECK(value("/a") == "2");
}

TEST_CASE_FIXTURE(Fixture, "store: update of a directory changes its TTL alone") {
  directory(Operation::kSet, "/d");
  CHECK(error(put(Operation::kUpdate, "/d", "v")) == "102 /1/d [1]");
  const kv::StoreEvent event = ok(put(Operation::kUpdate, "/d", "", 10));
  CHECK(event.node.modified_index == 2);
  CHECK(event.node.ttl == 10);
  CHECK(ok(get("/d")).node.modified_index == 1);
  CHECK(ok(get("/d")).node.ttl == 10);
  put(Operation::kUpdate, "/d", "");
  CHECK_FALSE(ok(get("/d")).node.expires_at);
}

TEST_CASE_FIXTURE(Fixture, "store: compare and swap names what differs") {
  set("/a", "1");
  CHECK(error(swap("/a", "x", "2", 0)) == "101 [2 != 1] [1]");
  CHECK(error(swap("/a", "x", "", 9)) == "101 [9 != 1] [1]");
  CHECK(error(swap("/a", "x", "2", 9)) == "101 [2 != 1] [9 != 1] [1]");
  CHECK(error(swap("/a", "x", "1", 9)) == "101 [9 != 1] [1]");
  CHECK(error(swap("/b", "x", "1", 0)) == "100 /1/b [1]");
  const kv::StoreEvent event = ok(swap("/a", "x", "1", 1));
  CHECK(event.action == kv::EventAction::kCompareAndSwap);
  CHECK(event.node.created_index == 1);
  CHECK(event.previous->value == "1");
  directory(Operation::kSet, "/d");
  CHECK(error(swap("/d", "x", "1", 0)) == "102 /1/d [3]");
}

TEST_CASE_FIXTURE(Fixture, "store: compare and delete") {
  set("/a", "1");
  Command command{.operation = Operation::kCompareAndDelete, .key = "/a", .previous_value = "2"};
  CHECK(error(apply(command)) == "101 [2 != 1] [1]");
  command.previous_value = "1";
  const kv::StoreEvent event = ok(apply(command));
  CHECK(event.action == kv::EventAction::kCompareAndDelete);
  CHECK(event.previous->value == "1");
  CHECK_FALSE(event.node.value);
  CHECK(error(get("/a")) == "100 /1/a [2]");
  set("/d/x", "");
  command.key = "/d";
  CHECK(error(apply(command)) == "102 /1/d [3]");
}

TEST_CASE_FIXTURE(Fixture,
                  "store: a directory goes only when it is named as one, and not with what is in it by mistake") {
  set("/d/a/b", "1");
  CHECK(error(remove("/d")) == "102 /1/d [1]");
  CHECK(error(remove("/d", true)) == "108 /1/d [1]");
  const kv::StoreEvent event = ok(remove("/d", false, true));
  CHECK(event.node.directory);
  CHECK(event.previous->directory);
  CHECK(error(get("/d/a/b")) == "100 /1/d [2]");
  directory(Operation::kSet, "/e");
  CHECK(ok(remove("/e", true)).node.directory);
  set("/f", "1");
  CHECK(ok(remove("/f", true)).previous->value == "1");
}

TEST_CASE_FIXTURE(Fixture, "store: the root is read only") {
  for (Operation operation :
       {Operation::kSet, Operation::kCreate, Operation::kUpdate, Operation::kCompareAndSwap, Operation::kDelete}) {
    CHECK(error(put(operation, "", "x")) == "107 / [0]");
  }
  CHECK(error(put(Operation::kCompareAndDelete, "", "x")) == "102 /1 [0]");
  CHECK(ok(get("")).node.modified_index == 0);
}

TEST_CASE_FIXTURE(Fixture, "store: hidden nodes are listed nowhere and read by name") {
  set("/d/_h/x", "1");
  set("/d/v", "2");
  CHECK(ok(get("/d", true)).node.nodes.size() == 1);
  CHECK(value("/d/_h/x") == "1");
  CHECK(ok(get("/d/_h")).node.nodes.size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "store: TTLs are rounded up, and end by a command") {
  CHECK(ok(set("/a", "1", 10)).node.ttl == 10);
  now += kSecond / 2;
  CHECK(ok(get("/a")).node.ttl == 10);
  now += 9 * kSecond;
  CHECK(ok(get("/a")).node.ttl == 1);
  CHECK(store.next_expiry() == kStart + 10 * kSecond);
  CHECK(expire().empty());
  now += kSecond / 2;
  std::vector<EventPtr> gone = expire();
  REQUIRE(gone.size() == 1);
  CHECK(gone[0]->action == kv::EventAction::kExpire);
  CHECK(gone[0]->previous->value == "1");
  CHECK(gone[0]->index == 2);
  CHECK(error(get("/a")) == "100 /1/a [2]");
  CHECK_FALSE(store.next_expiry());
}

TEST_CASE_FIXTURE(Fixture, "store: what runs out first goes first, and a directory takes its TTL children along") {
  set("/b", "", 3);
  set("/a", "", 2);
  set("/d/x", "", 9);
  Command command{.operation = Operation::kUpdate, .key = "/d"};
  command.expires_at = now + kSecond;
  apply(command);
  now += 20 * kSecond;
  std::vector<std::string> keys;
  for (const EventPtr& event : expire()) keys.push_back(event->node.key);
  CHECK(keys == std::vector<std::string>{"/1/d", "/1/a", "/1/b"});
}

TEST_CASE_FIXTURE(Fixture, "store: a write without TTL makes a key permanent") {
  set("/a", "1", 5);
  set("/a", "2");
  CHECK_FALSE(store.next_expiry());
  set("/b", "1", 5);
  put(Operation::kUpdate, "/b", "2");
  CHECK_FALSE(store.next_expiry());
  set("/c", "1", 5);
  swap("/c", "2", "1", 0);
  CHECK_FALSE(store.next_expiry());
}

TEST_CASE_FIXTURE(Fixture, "store: an expiry from before the year 2000 means never") {
  Command command{.operation = Operation::kSet, .key = "/a"};
  command.expires_at = 100;
  CHECK_FALSE(ok(apply(command)).node.expires_at);
  command.operation = Operation::kUpdate;
  CHECK_FALSE(ok(apply(command)).node.expires_at);
}

TEST_CASE_FIXTURE(Fixture, "store: a refresh keeps the value and is no news") {
  set("/a", "1", 5);
  Command command{.operation = Operation::kSet, .key = "/a", .refresh = true};
  command.expires_at = now + 100 * kSecond;
  const kv::StoreEvent event = ok(apply(command));
  CHECK(event.refresh);
  CHECK(event.node.value == "1");
  CHECK(event.node.ttl == 100);
  CHECK(value("/a") == "1");
  CHECK(store.revision() == 2);
  CHECK(store.history().scan("/1/a", false, 2).empty());
  command.key = "/missing";
  CHECK(error(apply(command)) == "100 /1/missing [2]");
  command.operation = Operation::kUpdate;
  command.key = "/a";
  CHECK(ok(apply(command)).node.value == "1");
}

TEST_CASE_FIXTURE(Fixture, "store: statistics count outcomes") {
  set("/a", "1");
  set("/a/b", "1");
  swap("/a", "2", "9", 0);
  remove("/a");
  get("/a");
  CHECK(store.stats().sets_success == 1);
  CHECK(store.stats().sets_fail == 1);
  CHECK(store.stats().compare_and_swap_fail == 1);
  CHECK(store.stats().delete_success == 1);
  CHECK(store.stats().gets_fail == 1);
}

TEST_CASE("store: the same commands give the same state, and a restored one goes on alike") {
  Fixture a;
  Fixture b;
  for (Fixture* f : {&a, &b}) {
    f->set("/x/y", "1", 10);
    f->put(Operation::kCreateInOrder, "/q", "2");
    f->directory(Operation::kSet, "/empty");
    f->remove("/x", false, true);
    f->set("/x/z", "3", 7);
  }
  kv::StoreChanges changes = a.store.take_changes();
  kv::StoreImage image{changes.position, changes.nodes, changes.events};
  Fixture c;
  c.store.restore(image);
  c.log_index = a.log_index;
  CHECK(changes.removed == std::vector<std::string>{"/1/x/y", "/1/x"});
  CHECK(c.store.revision() == 5);
  CHECK(c.store.next_expiry() == b.store.next_expiry());
  CHECK(c.store.history().first_index() == 1);
  CHECK(c.ok(c.set("/x/z", "4")).previous->value == "3");
  CHECK(c.store.node_count() == b.store.node_count());
  CHECK(a.store.take_changes().nodes.empty());
}

TEST_CASE("store: an image with a hole is refused") {
  kv::StoreImage orphan{{1, 1, 1}, {{.path = "/1/a/b", .value = "x"}}, {}};
  Fixture f;
  CHECK_THROWS_AS(f.store.restore(orphan), base::Error);
  kv::StoreImage gap{{3, 3, 1}, {}, {}};
  for (std::uint64_t index : {1, 3}) {
    gap.events.push_back(kv::encode(std::vector<EventPtr>{std::make_shared<const kv::StoreEvent>(
        kv::StoreEvent{.action = kv::EventAction::kSet, .node = {.key = "/1/a"}, .index = index})}));
  }
  Fixture g;
  CHECK_THROWS_AS(g.store.restore(gap), base::Error);
}

}  // namespace
