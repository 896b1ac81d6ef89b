#include "kv/replica.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "kv/members.h"
#include "kv/store_image.h"

namespace {

// An engine that commits when the test says so.
struct HeldEngine : kv::Engine {
  kv::EngineHost* host = nullptr;
  std::vector<std::pair<std::string, std::uint64_t>> proposals;
  std::vector<kv::Lane> lanes;
  std::uint64_t index = 0;
  bool leading = true;
  std::vector<std::uint64_t> members;
  std::vector<kv::StateMark> told;
  bool fetching = false;

  void start(const kv::RaftBase&) override {}
  void propose(std::string command, std::uint64_t ticket, kv::Lane lane) override {
    proposals.emplace_back(command, ticket);
    lanes.push_back(lane);
  }
  void barrier(std::uint64_t ticket) override { host->barrier_passed(ticket); }
  void checkpointed(std::uint64_t) override {}
  kv::RaftBase base_at(std::uint64_t at) const override { return {at, 2, 1, {{1, true}}}; }
  void set_members(std::vector<std::uint64_t> ids) override { members = std::move(ids); }
  kv::EngineStatus status() const override { return {2, index, leading ? 1U : 2U, 1}; }
  void hand_over(std::function<void()> done) override { done(); }
  void tell_mark(const kv::StateMark& mark) override { told.push_back(mark); }
  void fetch_state() override { fetching = true; }
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

TEST_CASE_FIXTURE(ReplicaFixture, "replica: many TTLs that end together do so in several commands, without a pause") {
  for (int i = 0; i < 2500; ++i) {
    clock.advance(std::chrono::milliseconds(1));
    set("/" + std::to_string(i), 5);
  }
  engine.commit_all();
  clock.advance(std::chrono::seconds(6));
  replica.tick();
  const std::size_t fixed = kv::Store().node_count();
  for (const std::size_t left : {1500U, 500U, 0U}) {
    CHECK(engine.proposals.size() == 1);
    engine.commit_all();
    CHECK(store.node_count() == left + fixed);
  }
  CHECK(engine.proposals.empty());
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: the end of TTLs and the members have a lane of their own") {
  set("/a", 5);
  replica.write(kv::create_member({.id = 0xab, .peer_urls = {"http://a:2380"}}), [](const kv::Result&) {});
  replica.write(kv::remove_member_command(0xab, false, 0), [](const kv::Result&) {});
  engine.commit_all();
  clock.advance(std::chrono::seconds(6));
  replica.tick();
  using enum kv::Lane;
  CHECK(engine.lanes == std::vector<kv::Lane>{kClient, kInternal, kInternal, kInternal});
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

TEST_CASE("replica: above the quota a write is refused before it is proposed, until enough is removed") {
  base::ManualClock clock{base::Clock::WallTime(std::chrono::seconds(1'700'000'000))};
  kv::Store store;
  kv::Replica replica(store, clock, {.quota_bytes = store.bytes() + 2000});
  HeldEngine engine;
  engine.host = &replica;
  replica.attach(engine);
  std::vector<std::string> answers;
  auto write = [&](const kv::Command& command) {
    replica.write(command, [&](const kv::Result& result) {
      auto* error = std::get_if<kv::StoreError>(&result);
      answers.push_back(error == nullptr ? "ok" : error->cause);
    });
  };
  write({.key = "/1/large", .value = std::string(1500, 'x')});
  write({.key = "/1/one-more", .value = std::string(1500, 'x')});
  CHECK(engine.proposals.size() == 2);
  engine.commit_all();
  CHECK(replica.quota().exceeded());
  write({.key = "/1/small", .value = "x"});
  CHECK(engine.proposals.empty());
  write({.operation = kv::Operation::kDelete, .key = "/1/large"});
  engine.commit_all();
  CHECK_FALSE(replica.quota().exceeded());
  write({.key = "/1/small", .value = "x"});
  engine.commit_all();
  CHECK(answers == std::vector<std::string>{"ok", "ok", "etcdserver: mvcc: database space exceeded", "ok", "ok"});
}

TEST_CASE_FIXTURE(ReplicaFixture, "replica: the engine is told who the members are") {
  replica.write(kv::create_member({.id = 0xab, .peer_urls = {"http://a:2380"}}), [](const kv::Result&) {});
  engine.commit_all();
  CHECK(engine.members == std::vector<std::uint64_t>{0xab});
}

// A state that another member is ahead with.
struct SnapshotFixture : ReplicaFixture {
  std::vector<std::uint64_t> seen;
  std::size_t ended = 0;

  SnapshotFixture() {
    set("/a");
    engine.commit_all();
    replica.watches().add({"/1", true, true, 2}, [this](const kv::EventPtr& event) {
      if (event == nullptr) {
        ++ended;
      } else {
        seen.push_back(event->index);
      }
    });
  }
  std::string state_with(std::uint64_t entries, kv::HistoryLimits limits) {
    kv::Store ahead(limits);
    for (std::uint64_t i = 1; i <= entries; ++i) ahead.apply({.key = "/1/a", .value = std::to_string(i)}, i, 2);
    kv::StoreChanges changes = ahead.take_changes();
    std::string bytes = kv::encode_position_record(changes.position);
    for (const kv::NodeRow& row : changes.nodes) bytes += kv::encode_record(row);
    for (const std::string& event : changes.events) bytes += kv::encode_event_record(event);
    return bytes + kv::encode_end_record();
  }
};

TEST_CASE_FIXTURE(SnapshotFixture, "replica: watches go on over a snapshot whose history reaches back") {
  replica.install_snapshot({5, 2, 1, {{1, true}}}, state_with(5, {}));
  CHECK(store.peek("/1/a")->value == "5");
  CHECK(seen == std::vector<std::uint64_t>{2, 3, 4, 5});
  CHECK(ended == 0);
}

TEST_CASE_FIXTURE(SnapshotFixture, "replica: watches end with a snapshot that leaves a gap") {
  replica.install_snapshot({5, 2, 1, {{1, true}}}, state_with(5, {.events = 2, .bytes = 1'000'000}));
  CHECK(seen.empty());
  CHECK(ended == 1);
}

TEST_CASE_FIXTURE(SnapshotFixture, "replica: a state that most others do not hold is not shown until it was fetched") {
  for (std::uint64_t id : {1, 2, 3}) {
    kv::Command add{.operation = kv::Operation::kAddMember, .key = kv::member_key(id)};
    add.value = std::format(R"({{"peerURLs":["http://h{}:2380"]}})", id);
    replica.write(add, [](const kv::Result&) {});
  }
  while (engine.index + engine.proposals.size() < kv::StateComparison::kEvery) set("/a");
  engine.commit_all();
  clock.advance(std::chrono::seconds(2));
  replica.tick();
  REQUIRE(engine.told == std::vector<kv::StateMark>{{kv::StateComparison::kEvery, store.digest()}});
  const kv::StateMark other{kv::StateComparison::kEvery, store.digest() + 1};
  replica.mark_heard(2, other);
  CHECK_FALSE(replica.diverged());  // one of three may be the wrong one
  replica.mark_heard(3, other);
  CHECK(replica.diverged());
  CHECK(engine.fetching);
  CHECK(ended == 1);
  CHECK(replica.open_snapshot() == nullptr);
  answers.clear();
  set("/b");
  engine.commit_all();
  CHECK(answers == std::vector<std::string>{"300 etcdserver: corrupt cluster"});
  bool refused = false;
  replica.barrier([&](const std::optional<kv::StoreError>& error) { refused = error.has_value(); });
  CHECK(refused);
  replica.install_snapshot({5, 2, 1, {{1, true}}}, state_with(5, {}));
  CHECK_FALSE(replica.diverged());
}

TEST_CASE_FIXTURE(SnapshotFixture, "replica: a snapshot that is not whole changes nothing") {
  const std::uint64_t digest = store.digest();
  std::string state = state_with(5, {});
  CHECK_THROWS_AS(replica.install_snapshot({5, 2, 1, {{1, true}}}, state.substr(0, state.size() - 1)), base::Error);
  CHECK_THROWS_AS(replica.install_snapshot({6, 2, 1, {{1, true}}}, state), base::Error);
  bool kept = false;
  replica.use_snapshots({[] { return nullptr; }, [&](const kv::StoreImage&, const kv::RaftBase&) { kept = true; }});
  const std::string no_event =
      kv::encode_position_record({1, 5, 2}) + kv::encode_event_record("no event") + kv::encode_end_record();
  CHECK_THROWS_AS(replica.install_snapshot({5, 2, 1, {{1, true}}}, no_event), base::Error);
  CHECK_FALSE(kept);
  CHECK(store.digest() == digest);
}

}  // namespace
