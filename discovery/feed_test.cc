// The feed against a store in memory: what it lists and watches becomes answers, and losing the store loses nothing.

#include "discovery/feed.h"

#include <doctest/doctest.h>

#include <deque>

#include "kv/client/memory_client.h"

using namespace discovery;

namespace {

// The loop's side: work waits here until the test takes it, on the test's thread.
class Loop {
 public:
  Post post() {
    return [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
      arrived_.notify_all();
    };
  }

  // Runs work as it comes until the condition holds; false after ten seconds.
  bool run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    std::unique_lock lock(mutex_);
    while (true) {
      while (!work_.empty()) {
        const auto work = std::move(work_.front());
        work_.pop_front();
        lock.unlock();
        work();
        lock.lock();
      }
      if (condition()) return true;
      if (!arrived_.wait_until(lock, deadline, [this] { return !work_.empty(); })) return false;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> work_;
};

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  Loop loop;
  Snapshot snapshot;
  std::unique_ptr<kv::Client> writer = store.client();

  std::unique_ptr<Feed> start() {
    return std::make_unique<Feed>(store.client(), "skydns", snapshot, loop.post(), std::chrono::milliseconds(5));
  }
  bool until_size(std::size_t size) {
    return loop.run_until([&] { return snapshot.zone && snapshot.zone->size() == size; });
  }
};

}  // namespace

TEST_CASE("what is in the store before and after the start is in the zone") {
  Fixture f;
  f.writer->put("/skydns/local/skydns/a", R"({"host":"10.0.0.1"})");
  const auto feed = f.start();
  CHECK(f.until_size(1));
  f.writer->put("/skydns/local/skydns/b", R"({"host":"10.0.0.2"})");
  CHECK(f.until_size(2));
  f.writer->remove("/skydns/local/skydns/a");
  CHECK(f.until_size(1));
  CHECK(f.snapshot.feed.connected);
}

TEST_CASE("an empty store is a zone without records, not an unknown one") {
  Fixture f;
  const auto feed = f.start();
  CHECK(f.until_size(0));
}

TEST_CASE("a lease that runs out takes the record away") {
  Fixture f;
  kv::PutOptions lease;
  lease.ttl = std::chrono::seconds(30);
  f.writer->put("/skydns/local/skydns/a", R"({"host":"10.0.0.1"})", lease);
  const auto feed = f.start();
  REQUIRE(f.until_size(1));
  f.clock.advance(std::chrono::seconds(31));
  f.store.expire();
  CHECK(f.until_size(0));
}

TEST_CASE("a store that is away keeps the zone, and one that comes back brings the news") {
  Fixture f;
  f.writer->put("/skydns/local/skydns/a", R"({"host":"10.0.0.1"})");
  const auto feed = f.start();
  REQUIRE(f.until_size(1));
  f.store.set_down(true);
  CHECK(f.loop.run_until([&] { return !f.snapshot.feed.connected; }));
  CHECK(f.snapshot.zone->size() == 1);
  f.store.set_down(false);
  f.writer->put("/skydns/local/skydns/b", R"({"host":"10.0.0.2"})");
  CHECK(f.until_size(2));
  CHECK(f.snapshot.feed.connected);
}

TEST_CASE("without a store there is no zone, until it comes") {
  Fixture f;
  f.store.set_down(true);
  const auto feed = f.start();
  CHECK(f.loop.run_until([&] { return true; }));
  CHECK_FALSE(f.snapshot.zone);
  f.store.set_down(false);
  CHECK(f.until_size(0));
}
