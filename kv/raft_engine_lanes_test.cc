// The engine's bounds on what waits: clients fill it, the cluster's own proposals still find room.

#include <doctest/doctest.h>

#include <deque>
#include <map>

#include "kv/raft_engine.h"

namespace {

// A disk that writes when the test says so.
struct HeldJournal : kv::Journal {
  kv::LogContent content;
  std::deque<std::function<void()>> writes;

  kv::LogContent take_content() override { return std::move(content); }
  void save_state(const kv::HardState&) override {}
  void append(std::vector<kv::RaftEntry>, std::function<void()> done) override { writes.push_back(std::move(done)); }
  void reset(std::uint64_t) override {}
  void forget(std::uint64_t) override {}
  bool full() const override { return false; }
};

struct Host : kv::EngineHost {
  std::map<std::uint64_t, std::string> outcome;  // by ticket

  void committed(const kv::LogEntry& entry, std::uint64_t ticket) override {
    if (ticket != 0) outcome[ticket] = entry.command;
  }
  void refused(std::uint64_t ticket, kv::Refusal refusal) override {
    outcome[ticket] = refusal == kv::Refusal::kOverloaded ? "overloaded" : "refused";
  }
  void barrier_passed(std::uint64_t) override {}
  void engine_failed(const std::string&) override {}
  std::unique_ptr<kv::SnapshotReader> open_snapshot() override { return nullptr; }
  void install_snapshot(const kv::RaftBase&, std::string_view) override {}
  void mark_heard(std::uint64_t, const kv::StateMark&) override {}
};

// The only voter of its cluster, with room for 5 proposals of 1000 bytes together, and 2 of 100 bytes more.
struct LaneFixture {
  HeldJournal journal;
  Host host;
  base::ManualClock clock;
  base::SeededRandom random{1};
  std::deque<std::function<void()>> posted;
  kv::RaftEngine engine{
      {.member_id = 1, .proposals = 5, .proposal_bytes = 1000, .reserved_proposals = 2, .reserved_bytes = 100},
      {journal, host, clock, random, [](std::uint64_t, const std::string&) { return false; }, [](base::Clock::Time) {},
       [this](std::function<void()> work) { posted.push_back(std::move(work)); }}};

  LaneFixture() {
    journal.content.state = {1, 0};
    journal.content.entries = {{1, 1, kv::EntryKind::kConfiguration,
                                std::make_shared<const std::string>(encode(kv::RaftConfiguration{{1, true}}))}};
    engine.start({});
    settle();
    REQUIRE(engine.status().leads());
  }
  void run_posted() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      work();
    }
  }
  // All that waits is written and committed.
  void settle() {
    run_posted();
    while (!journal.writes.empty()) {
      auto written = std::move(journal.writes.front());
      journal.writes.pop_front();
      written();
      run_posted();
    }
  }
};

TEST_CASE_FIXTURE(LaneFixture, "raft engine: clients fill the queue, the cluster's own proposals still find room") {
  for (std::uint64_t ticket = 1; ticket <= 8; ++ticket) engine.propose("c", ticket, kv::Lane::kClient);
  for (std::uint64_t ticket = 11; ticket <= 13; ++ticket) engine.propose("i", ticket, kv::Lane::kInternal);
  run_posted();
  CHECK(host.outcome == std::map<std::uint64_t, std::string>{
                            {6, "overloaded"}, {7, "overloaded"}, {8, "overloaded"}, {13, "overloaded"}});
  settle();
  CHECK(host.outcome[5] == "c");
  CHECK(host.outcome[11] == "i");
  CHECK(host.outcome[12] == "i");
  host.outcome.clear();
  engine.propose("again", 21, kv::Lane::kClient);
  settle();
  CHECK(host.outcome[21] == "again");
}

TEST_CASE_FIXTURE(LaneFixture, "raft engine: the bytes of what waits are bounded, with some for the cluster's own") {
  engine.propose(std::string(600, 'a'), 1, kv::Lane::kClient);
  engine.propose(std::string(600, 'b'), 2, kv::Lane::kClient);
  engine.propose(std::string(400, 'c'), 3, kv::Lane::kClient);
  engine.propose("d", 4, kv::Lane::kClient);
  engine.propose(std::string(100, 'e'), 11, kv::Lane::kInternal);
  engine.propose("f", 12, kv::Lane::kInternal);
  run_posted();
  CHECK(host.outcome == std::map<std::uint64_t, std::string>{{2, "overloaded"}, {4, "overloaded"}, {12, "overloaded"}});
  settle();
  CHECK(host.outcome[11] == std::string(100, 'e'));
}

TEST_CASE_FIXTURE(LaneFixture, "raft engine: what another member sends finds room up to that member's own bound") {
  kv::PeerPropose propose{77, {}};
  for (std::uint64_t ticket = 1; ticket <= 7; ++ticket) propose.proposals.push_back({ticket, "p"});
  engine.receive(2, propose);
  settle();
  CHECK(engine.applied_index() == 9);
}

}  // namespace
