#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/sqlite.h"
#include "base/temp_dir.h"
#include "kv/checkpoint.h"
#include "kv/replica.h"
#include "kv/single_engine.h"
#include "kv/sqlite_log.h"

namespace {

using kv::LogEntry;

// What was posted, run by the test.
struct Posted {
  std::mutex mutex;
  std::condition_variable more;
  std::vector<std::function<void()>> work;

  kv::Post post() {
    return [this](std::function<void()> one) {
      std::lock_guard lock(mutex);
      work.push_back(std::move(one));
      more.notify_one();
    };
  }
  void run_all() {
    std::vector<std::function<void()>> now;
    {
      std::lock_guard lock(mutex);
      now.swap(work);
    }
    for (auto& one : now) one();
  }
  // Waits for something to be posted (at most 10 s), and runs it.
  void run_next() {
    {
      std::unique_lock lock(mutex);
      REQUIRE(more.wait_for(lock, std::chrono::seconds(10), [this] { return !work.empty(); }));
    }
    run_all();
  }
};

struct Host : kv::EngineHost {
  std::vector<std::string> calls;
  void committed(const LogEntry& entry, std::uint64_t ticket) override {
    calls.push_back(std::format("{}/{} {} #{}", entry.index, entry.term, entry.command, ticket));
  }
  void refused(std::uint64_t ticket, kv::Refusal refusal) override {
    calls.push_back(std::format("refused {} #{}", static_cast<int>(refusal), ticket));
  }
  void barrier_passed(std::uint64_t ticket) override { calls.push_back(std::format("barrier #{}", ticket)); }
  void engine_failed(const std::string& reason) override { calls.push_back("failed " + reason); }
};

// A log in memory that can be full, broken, or held up in its fsync.
struct FakeLog : kv::Log {
  std::vector<LogEntry> entries;
  std::vector<std::size_t> groups;
  std::uint64_t first = 1;
  kv::LogState hard{7, 9, 0};
  bool full = false;
  bool broken = false;
  std::mutex gate;

  kv::LogState state() const override { return hard; }
  void save_state(const kv::LogState& state) override { hard = state; }
  std::uint64_t first_index() const override { return first; }
  std::uint64_t last_index() const override { return first + entries.size() - 1; }
  void read(std::uint64_t from, const std::function<void(const LogEntry&)>& each) override {
    for (const LogEntry& entry : entries) {
      if (entry.index >= from) each(entry);
    }
  }
  void append(std::span<const LogEntry> added, std::uint64_t forget_to) override {
    std::lock_guard lock(gate);
    if (full) throw kv::LogFull("full");
    if (broken) throw base::Error("fsync", "log", "Input/output error");
    entries.insert(entries.end(), added.begin(), added.end());
    groups.push_back(added.size());
    while (!entries.empty() && first <= forget_to) {
      entries.erase(entries.begin());
      ++first;
    }
  }
};

struct EngineFixture {
  FakeLog log;
  Host host;
  Posted posted;
  kv::SingleEngine engine{log, host, posted.post(), {.proposals = 4, .bytes = 100}};
};

TEST_CASE_FIXTURE(EngineFixture, "engine: commits in order, with the ticket of the proposer") {
  engine.start(0);
  engine.propose("a", 1);
  engine.propose("b", 2);
  while (host.calls.size() < 2) posted.run_next();
  CHECK(host.calls == std::vector<std::string>{"1/2 a #1", "2/2 b #2"});
  CHECK(engine.status().committed_index == 2);
  CHECK(engine.status().leads());
}

TEST_CASE_FIXTURE(EngineFixture, "engine: what comes during an fsync is one group") {
  engine.start(0);
  {
    std::lock_guard lock(log.gate);
    for (std::uint64_t ticket = 1; ticket <= 4; ++ticket) engine.propose("x", ticket);
  }
  engine.stop();
  posted.run_all();
  CHECK(host.calls.size() == 4);
  CHECK(log.groups.size() <= 2);
}

TEST_CASE_FIXTURE(EngineFixture, "engine: the queue is bounded by count and by bytes") {
  engine.start(0);
  std::unique_lock lock(log.gate);
  engine.propose(std::string(101, 'x'), 1);
  for (std::uint64_t ticket = 2; ticket <= 6; ++ticket) engine.propose("x", ticket);
  posted.run_all();
  CHECK(host.calls == std::vector<std::string>{"refused 0 #1", "refused 0 #6"});
}

TEST_CASE_FIXTURE(EngineFixture, "engine: a full disk refuses, and later writes go on") {
  engine.start(0);
  log.full = true;
  engine.propose("a", 1);
  posted.run_next();
  CHECK(host.calls == std::vector<std::string>{"refused 1 #1"});
  {
    std::lock_guard lock(log.gate);
    log.full = false;
  }
  engine.propose("b", 2);
  posted.run_next();
  CHECK(host.calls.back() == "1/2 b #2");
}

TEST_CASE_FIXTURE(EngineFixture, "engine: a failed fsync ends it") {
  engine.start(0);
  log.broken = true;
  engine.propose("a", 1);
  posted.run_next();
  CHECK(host.calls == std::vector<std::string>{"failed fsync log: Input/output error"});
}

TEST_CASE_FIXTURE(EngineFixture, "engine: a start hands over what the checkpoint lacks, in a new term") {
  log.entries = {{1, 2, "a"}, {2, 2, "b"}, {3, 2, "c"}};
  log.hard.term = 2;
  engine.start(1);
  CHECK(host.calls == std::vector<std::string>{"2/2 b #0", "3/2 c #0"});
  CHECK(engine.status().term == 3);
  CHECK(log.hard.term == 3);
}

TEST_CASE_FIXTURE(EngineFixture, "engine: a log that does not meet the checkpoint is refused") {
  log.entries = {{5, 2, "e"}};
  log.first = 5;
  CHECK_THROWS_AS(engine.start(3), base::Error);
  CHECK_THROWS_AS(engine.start(6), base::Error);
}

TEST_CASE_FIXTURE(EngineFixture, "engine: the log forgets what a checkpoint holds") {
  engine.start(0);
  engine.propose("a", 1);
  posted.run_next();
  engine.checkpointed(1);
  engine.propose("b", 2);
  posted.run_next();
  CHECK(log.first == 2);
}

TEST_CASE_FIXTURE(EngineFixture, "engine: stopping finishes what was taken, then refuses") {
  engine.start(0);
  engine.propose("a", 1);
  engine.stop();
  engine.propose("b", 2);
  posted.run_all();
  CHECK(host.calls == std::vector<std::string>{"1/2 a #1", "refused 4 #2"});
}

TEST_CASE("log: entries, state and what was forgotten survive a reopening") {
  base::TempDir dir;
  std::string path = dir.path() + "/log.db";
  {
    kv::SqliteLog log(path);
    CHECK(log.first_index() == 1);
    CHECK(log.last_index() == 0);
    log.save_state({0xfedcba9876543210, 2, 3});
    std::vector<LogEntry> entries = {{1, 3, "a"}, {2, 3, std::string("\0b", 2)}, {3, 3, ""}};
    log.append(entries, 0);
    std::vector<LogEntry> more = {{4, 3, "d"}};
    log.append(more, 2);
  }
  kv::SqliteLog log(path);
  CHECK(log.state().cluster_id == 0xfedcba9876543210);
  CHECK(log.state().term == 3);
  CHECK(log.first_index() == 3);
  CHECK(log.last_index() == 4);
  std::string text;
  log.read(3, [&](const LogEntry& entry) { text += std::format("{}:{} ", entry.index, entry.command); });
  CHECK(text == "3: 4:d ");
}

TEST_CASE("log: a file of another kind, of another version or with a hole is refused") {
  base::TempDir dir;
  std::string path = dir.path() + "/log.db";
  {
    kv::Checkpoint other(path);
  }
  CHECK_THROWS_WITH_AS(kv::SqliteLog{path}, doctest::Contains("not a file of the store"), base::Error);
  std::string second = dir.path() + "/second.db";
  {
    kv::SqliteLog log(second);
    std::vector<LogEntry> entries = {{1, 1, "a"}, {2, 1, "b"}, {3, 1, "c"}};
    log.append(entries, 0);
  }
  base::Database(second, true).execute("DELETE FROM entries WHERE idx=2");
  CHECK_THROWS_WITH_AS(kv::SqliteLog{second}, doctest::Contains("entries are missing"), base::Error);
  base::Database(second, true).execute("PRAGMA user_version=2");
  CHECK_THROWS_WITH_AS(kv::SqliteLog{second}, doctest::Contains("version 2"), base::Error);
}

TEST_CASE("checkpoint: what changed is added to what is there, and loads as the same state") {
  base::TempDir dir;
  std::string path = dir.path() + "/store.db";
  kv::Store store({.events = 3, .bytes = 1'000'000});
  {
    kv::Checkpoint checkpoint(path);
    store.apply({.key = "/1/a", .value = "1"}, 1, 2);
    store.apply({.key = "/1/d/x", .value = std::string("\xff\0", 2), .expires_at = 1'700'000'000'000'000'000}, 2, 2);
    REQUIRE(checkpoint.save(store.take_changes()));
    store.apply({.operation = kv::Operation::kDelete, .key = "/1/a"}, 3, 2);
    store.apply({.key = "/1/empty", .value = ""}, 4, 2);
    REQUIRE(checkpoint.save(store.take_changes()));
  }
  kv::StoreImage image = kv::Checkpoint(path).load();
  CHECK(image.position.revision == 4);
  CHECK(image.position.applied_index == 4);
  REQUIRE(image.events.size() == 3);
  CHECK(image.events[0].index == 2);
  kv::Store loaded;
  loaded.restore(std::move(image));
  CHECK(loaded.node_count() == store.node_count());
  CHECK_FALSE(loaded.peek("/1/a"));
  CHECK(loaded.peek("/1/empty")->value == "");
  CHECK(loaded.peek("/1/d/x")->value == std::string("\xff\0", 2));
  CHECK(loaded.peek("/1/d/x")->expires_at == 1'700'000'000'000'000'000);
}

// An engine that commits when the test says so.
struct HeldEngine : kv::Engine {
  kv::EngineHost* host = nullptr;
  std::vector<std::pair<std::string, std::uint64_t>> proposals;
  std::uint64_t index = 0;
  bool leading = true;

  void start(std::uint64_t) override {}
  void propose(std::string command, std::uint64_t ticket) override { proposals.emplace_back(command, ticket); }
  void barrier(std::uint64_t ticket) override { host->barrier_passed(ticket); }
  void checkpointed(std::uint64_t) override {}
  kv::EngineStatus status() const override { return {2, index, leading ? 1U : 2U, 1}; }
  void stop() override {}
  void commit_all() {
    auto now = std::exchange(proposals, {});
    for (auto& [command, ticket] : now) host->committed({++index, 2, command}, ticket);
  }
};

struct ReplicaFixture {
  base::ManualClock clock{base::Clock::WallTime(std::chrono::seconds(1'700'000'000))};
  kv::Store store;
  kv::Replica replica{store, clock};
  HeldEngine engine;
  std::vector<std::string> answers;

  ReplicaFixture() {
    engine.host = &replica;
    replica.attach(engine);
  }
  void set(const std::string& key, std::int64_t ttl_seconds = 0) {
    kv::Command command{.key = "/1" + key, .value = "v"};
    command.time = kv::wall_nanoseconds(clock);
    if (ttl_seconds != 0) command.expires_at = command.time + ttl_seconds * 1'000'000'000;
    replica.write(command, [this](const kv::Result& result) {
      auto* error = std::get_if<kv::StoreError>(&result);
      answers.push_back(error == nullptr ? "ok" : std::format("{} {}", static_cast<int>(error->code), error->cause));
    });
  }
};

TEST_CASE_FIXTURE(ReplicaFixture, "replica: a write is answered when it is committed, not before") {
  set("/a");
  CHECK(answers.empty());
  CHECK(store.revision() == 0);
  engine.commit_all();
  CHECK(answers == std::vector<std::string>{"ok"});
  CHECK(store.revision() == 1);
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: an entry of the engine's own moves the position alone") {
  replica.committed({1, 2, ""}, 0);
  CHECK(store.revision() == 0);
  CHECK(store.position().applied_index == 1);
  CHECK(store.position().applied_term == 2);
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: a write that takes too long fails, and may still happen") {
  set("/a");
  clock.advance(std::chrono::milliseconds(6999));
  replica.tick();
  CHECK(answers.empty());
  clock.advance(std::chrono::milliseconds(1));
  replica.tick();
  CHECK(answers == std::vector<std::string>{"300 etcdserver: request timed out"});
  engine.commit_all();
  CHECK(answers.size() == 1);
  CHECK(store.peek("/1/a"));
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: only the leader ends TTLs, one command at a time") {
  set("/a", 5);
  engine.commit_all();
  clock.advance(std::chrono::seconds(5));
  engine.leading = false;
  replica.tick();
  CHECK(engine.proposals.empty());
  engine.leading = true;
  replica.tick();
  replica.tick();
  CHECK(engine.proposals.size() == 1);
  engine.commit_all();
  CHECK_FALSE(store.peek("/1/a"));
  replica.tick();
  CHECK(engine.proposals.empty());
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: a full disk is noticed, tried again and over") {
  set("/a");
  replica.refused(engine.proposals.at(0).second, kv::Refusal::kNoSpace);
  CHECK(answers == std::vector<std::string>{"300 etcdserver: no space"});
  CHECK(replica.disk_full());
  engine.proposals.clear();
  replica.tick();
  REQUIRE(engine.proposals.size() == 1);
  engine.commit_all();
  CHECK_FALSE(replica.disk_full());
}

}  // namespace
