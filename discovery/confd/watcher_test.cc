// Changes come as bursts and are taken once; a watch lives through a store that forgets and one that is away.

#include "discovery/confd/watcher.h"

#include <doctest/doctest.h>

#include <future>

#include "base/clock.h"
#include "base/error.h"
#include "kv/client/memory_client.h"

using namespace discovery::confd;

namespace {

constexpr std::chrono::milliseconds kLong{10'000};
constexpr std::chrono::milliseconds kQuiet{5};

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();
  Changes changes;

  std::unique_ptr<Watcher> watch(const std::string& key) {
    return std::make_unique<Watcher>(store.client(), key, changes, std::chrono::milliseconds(5));
  }
  bool changed(const std::string& key) { return changes.take(kLong, kQuiet).contains(key); }
};

// Passes everything on to the real client; the tests put something between at a watch.
class Forwarding : public kv::Client {
 public:
  explicit Forwarding(std::unique_ptr<kv::Client> real) : real_(std::move(real)) {}

  void watch(const std::string& key, std::uint64_t from,
             const std::function<bool(const kv::Event&)>& on_event) override {
    real_->watch(key, from, on_event);
  }
  std::optional<kv::Node> get(const std::string& key) override { return real_->get(key); }
  kv::Listing list(const std::string& key) override { return real_->list(key); }
  std::optional<kv::Node> put(const std::string& key, const std::string& value,
                              const kv::PutOptions& options) override {
    return real_->put(key, value, options);
  }
  bool refresh(const std::string& key, std::chrono::seconds ttl) override { return real_->refresh(key, ttl); }
  bool remove(const std::string& key, bool recursive, const std::optional<std::string>& previous) override {
    return real_->remove(key, recursive, previous);
  }
  bool healthy() override { return real_->healthy(); }
  void cancel() override { real_->cancel(); }

 private:
  std::unique_ptr<kv::Client> real_;
};

// A store whose first watch finds its history gone.
class Forgetful : public Forwarding {
 public:
  using Forwarding::Forwarding;

  void watch(const std::string& key, std::uint64_t from,
             const std::function<bool(const kv::Event&)>& on_event) override {
    if (!std::exchange(forgot_, true)) throw kv::Compacted{from + 1000};
    Forwarding::watch(key, from, on_event);
  }

 private:
  bool forgot_ = false;
};

// A store that says when a watch or a listing has found it away.
class Noticing : public Forwarding {
  // Before its callers, which need its type.
  auto noticing(const auto& call) {
    try {
      return call();
    } catch (const base::Error&) {
      if (!std::exchange(told_, true)) noticed_.set_value();
      throw;
    }
  }

 public:
  Noticing(std::unique_ptr<kv::Client> real, std::promise<void> noticed)
      : Forwarding(std::move(real)), noticed_(std::move(noticed)) {}

  void watch(const std::string& key, std::uint64_t from,
             const std::function<bool(const kv::Event&)>& on_event) override {
    noticing([&] { Forwarding::watch(key, from, on_event); });
  }
  kv::Listing list(const std::string& key) override {
    return noticing([&] { return Forwarding::list(key); });
  }

 private:
  std::promise<void> noticed_;
  bool told_ = false;
};

Resource with_keys(const std::string& prefix, std::vector<std::string> keys) {
  Resource resource;
  resource.prefix = prefix;
  resource.keys = std::move(keys);
  return resource;
}

}  // namespace

TEST_CASE("a burst is taken once") {
  Changes changes;
  changes.mark("/a");
  changes.mark("/b");
  changes.mark("/a");
  CHECK(changes.take(kLong, kQuiet) == std::set<std::string>{"/a", "/b"});
  CHECK(changes.take(std::chrono::milliseconds(1), kQuiet).empty());
  std::thread marker([&] { changes.mark("/c"); });
  CHECK(changes.take(kLong, kQuiet) == std::set<std::string>{"/c"});
  marker.join();
  changes.mark("/d");
  changes.stop();
  CHECK(changes.take(kLong, kQuiet).empty());
}

TEST_CASE("a burst that does not end is taken at its bound") {
  Changes changes;
  std::atomic<bool> done = false;
  std::thread marker([&] {
    while (!done) {
      changes.mark("/a");
      std::this_thread::yield();
    }
  });
  CHECK(changes.take(kLong, kLong, std::chrono::milliseconds(20)) == std::set<std::string>{"/a"});
  done = true;
  marker.join();
}

TEST_CASE("a watcher tells of the start and of every change below its key") {
  Fixture f;
  const auto watcher = f.watch("/app");
  CHECK(f.changed("/app"));
  f.client->put("/app/a", "1");
  CHECK(f.changed("/app"));
  f.client->put("/other", "1");
  CHECK(f.changes.take(std::chrono::milliseconds(20), kQuiet).empty());
  f.client->remove("/app/a");
  CHECK(f.changed("/app"));
}

TEST_CASE("a store that was away is read anew") {
  Fixture f;
  std::promise<void> promise;
  std::future<void> noticed = promise.get_future();
  const Watcher watcher(std::make_unique<Noticing>(f.store.client(), std::move(promise)), "/app", f.changes,
                        std::chrono::milliseconds(5));
  CHECK(f.changed("/app"));
  f.store.set_down(true);
  REQUIRE(noticed.wait_for(kLong) == std::future_status::ready);
  f.store.set_down(false);
  CHECK(f.changed("/app"));
  f.client->put("/app/a", "2");
  CHECK(f.changed("/app"));
}

TEST_CASE("a store that forgot its history is read anew, and at once") {
  Fixture f;
  const Watcher watcher(std::make_unique<Forgetful>(f.store.client()), "/app", f.changes, kLong * 100);
  CHECK(f.changed("/app"));
  f.client->put("/app/a", "2");  // its first watch has failed or will
  CHECK(f.changed("/app"));
  f.client->put("/app/a", "3");
  CHECK(f.changed("/app"));
}

TEST_CASE("which keys are watched, and whom a change concerns") {
  const std::vector<Resource> resources = {with_keys("/", {"/app/web", "/app", "/apple"}), with_keys("/p", {"/x"})};
  CHECK(keys_to_watch(resources) == std::set<std::string>{"/app", "/apple", "/p/x"});
  CHECK(keys_to_watch({with_keys("/", {"/", "/a"})}) == std::set<std::string>{"/"});
  CHECK(concerns("/app", resources[0]));
  CHECK(concerns("/", resources[1]));
  CHECK(concerns("/p/x", resources[1]));
  CHECK_FALSE(concerns("/app", resources[1]));
}
