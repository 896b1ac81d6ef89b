// locksmith's semaphore: its arithmetic, its JSON and its writes by compare-and-swap.

#include "updater/semaphore.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/error.h"
#include "kv/client/memory_client.h"

using namespace updater;

TEST_CASE("lock, unlock and the bounds") {
  Semaphore semaphore;
  semaphore.lock("b");
  CHECK(semaphore.available == 0);
  CHECK_THROWS_WITH_AS(semaphore.lock("b"), "holder exists", base::Error);
  CHECK_THROWS_WITH_AS(semaphore.lock("a"), "semaphore is at 0", base::Error);
  CHECK(semaphore.set_max(3) == 1);
  CHECK(semaphore.available == 2);
  semaphore.lock("a");
  CHECK(semaphore.holders == std::vector<std::string>{"a", "b"});
  CHECK(semaphore.set_max(1) == 3);
  CHECK(semaphore.available == -1);
  CHECK_THROWS_WITH_AS(semaphore.lock("c"), "semaphore is at 0", base::Error);
  semaphore.unlock("b");
  CHECK_THROWS_WITH_AS(semaphore.unlock("b"), "holder does not exist", base::Error);
}

TEST_CASE("JSON as locksmith writes it") {
  CHECK(to_json_text({}) == R"({"semaphore":1,"max":1,"holders":null})");
  Semaphore semaphore;
  semaphore.lock("x");
  CHECK(to_json_text(semaphore) == R"({"semaphore":0,"max":1,"holders":["x"]})");
  CHECK(parse_semaphore(to_json_text(semaphore), "test").holders == std::vector<std::string>{"x"});
  CHECK(parse_semaphore(R"({"semaphore":1,"max":1,"holders":[]})", "test").holders.empty());
  for (const char* bad : {"", "[]", R"({"holders":1})", R"({"holders":[1]})", R"({"max":"x"})"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_semaphore(bad, "test"), base::Error);
  }
}

TEST_CASE("keys of groups") {
  CHECK(semaphore_key("") == "/coreos.com/updateengine/rebootlock/semaphore");
  CHECK(semaphore_key("my group/1") == "/coreos.com/updateengine/rebootlock/groups/my+group%2F1/semaphore");
}

TEST_CASE("two machines share one semaphore in the store") {
  base::ManualClock clock;
  kv::MemoryStore store(clock);
  const auto one = store.client();
  const auto two = store.client();
  SemaphoreLock first(*one, "");
  SemaphoreLock second(*two, "");
  CHECK(first.get().available == 1);
  first.lock("one");
  CHECK_THROWS_WITH_AS(second.lock("two"), "semaphore is at 0", base::Error);
  const auto [now, old] = second.set_max(2);
  CHECK(old == 1);
  CHECK(now.max == 2);
  second.lock("two");
  CHECK(first.get().holders == std::vector<std::string>{"one", "two"});
  first.unlock("one");
  CHECK(second.get().available == 1);
  CHECK(SemaphoreLock(*one, "other").get().holders.empty());
}
