// The engine between a journal, a clock and members that a test plays.

#include "kv/raft_engine.h"

#include <doctest/doctest.h>

#include <deque>

namespace {

using kv::EntryKind;
using kv::MessageKind;
using kv::PeerMessage;
using kv::RaftEntry;
using kv::RaftMessage;

// All is durable as soon as the posted work is done.
class TestJournal : public kv::Journal {
 public:
  TestJournal(std::vector<RaftEntry> entries, std::deque<std::function<void()>>& posted)
      : entries_(std::move(entries)), posted_(posted) {}

  kv::LogContent take_content() override { return {{1, 0}, 1, std::move(entries_)}; }
  void save_state(const kv::HardState&) override {}
  void append(std::vector<RaftEntry>, std::function<void()> done) override { posted_.push_back(std::move(done)); }
  void reset(std::uint64_t) override {}
  void forget(std::uint64_t) override {}
  bool full() const override { return false; }

 private:
  std::vector<RaftEntry> entries_;
  std::deque<std::function<void()>>& posted_;
};

class TestHost : public kv::EngineHost {
 public:
  void committed(const kv::LogEntry&, std::uint64_t) override {}
  void refused(std::uint64_t, kv::Refusal) override {}
  void barrier_passed(std::uint64_t ticket) override { passed.push_back(ticket); }
  void engine_failed(const std::string&) override {}
  std::unique_ptr<kv::SnapshotReader> open_snapshot() override { return nullptr; }
  void install_snapshot(const kv::RaftBase&, std::string_view) override {}

  std::vector<std::uint64_t> passed;
};

RaftEntry configuration_of_three() {
  const kv::RaftConfiguration three{{1, true}, {2, true}, {3, true}};
  return {1, 1, EntryKind::kConfiguration, std::make_shared<const std::string>(encode(three))};
}

// Member 1 of three; member 2 leads in term 2.
class Follower {
 public:
  Follower() {
    engine.start({});
    heartbeat();
    REQUIRE(engine.status().leader_id == 2);
  }

  void heartbeat() {
    receive(RaftMessage{.kind = MessageKind::kAppend, .term = 2, .index = 1, .index_term = 1, .commit = 1});
  }
  void receive(const PeerMessage& message) {
    engine.receive(2, encode(message));
    work();
  }
  void work() {
    while (!posted.empty()) {
      auto next = std::move(posted.front());
      posted.pop_front();
      next();
    }
  }
  // One millisecond; the timer as the daemon's: only the last time that was asked for counts.
  void tick() {
    clock.advance(std::chrono::milliseconds(1));
    if (wake_at <= clock.now()) engine.timer();
    work();
  }
  std::vector<std::uint64_t> take_read_requests() {
    std::vector<std::uint64_t> sequences;
    for (const PeerMessage& message : sent) {
      if (const auto* request = std::get_if<kv::PeerReadRequest>(&message)) sequences.push_back(request->sequence);
    }
    sent.clear();
    return sequences;
  }

  std::deque<std::function<void()>> posted;
  std::vector<PeerMessage> sent;
  base::Clock::Time wake_at = base::Clock::Time::max();
  base::ManualClock clock;
  base::SeededRandom random{7};
  TestHost host;
  TestJournal journal{{configuration_of_three()}, posted};
  kv::RaftEngine engine{{.member_id = 1, .times = {1000, 100}},
                        {journal, host, clock, random,
                         [this](std::uint64_t, const std::string& message) {
                           sent.push_back(kv::decode_peer_message(message));
                           return true;
                         },
                         [this](base::Clock::Time time) { wake_at = time; },
                         [this](std::function<void()> work) { posted.push_back(std::move(work)); }}};
};

}  // namespace

TEST_CASE("raft engine: a read request that was lost is sent again, also under load") {
  Follower follower;
  follower.engine.barrier(5);
  follower.work();
  const auto first = follower.take_read_requests();
  REQUIRE(first.size() == 1);
  // The answer does not come. Something happens every millisecond.
  for (int i = 0; i < 400; ++i) {
    follower.tick();
    follower.receive(kv::PeerReadAnswer{first[0] + 1000, 1});
    if (i % 50 == 0) follower.heartbeat();
  }
  const auto again = follower.take_read_requests();
  CHECK(again.size() >= 3);
  CHECK(again.size() <= 4);
  follower.receive(kv::PeerReadAnswer{first[0], 1});
  CHECK(follower.host.passed == std::vector<std::uint64_t>{5});
}
