// The guards around libraft, each shown by what happens without it: a test that calls the core as the host does, and
// one that shows the core's own answer where that can be done.

#include "kv/raft_core.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "kv/raft_shim.h"

namespace {

using kv::EntryKind;
using kv::MessageKind;
using kv::RaftConfiguration;
using kv::RaftCore;
using kv::RaftEntry;
using kv::RaftMessage;
using kv::RaftUpdate;

RaftEntry configuration_entry(std::uint64_t index, std::uint64_t term, const RaftConfiguration& configuration) {
  return {index, term, EntryKind::kConfiguration, std::make_shared<const std::string>(encode(configuration))};
}
RaftEntry command(std::uint64_t index, std::uint64_t term) {
  return {index, term, EntryKind::kCommand, std::make_shared<const std::string>("x")};
}

const RaftConfiguration kThree{{1, true}, {2, true}, {3, true}};

std::unique_ptr<RaftCore> started(std::uint64_t id, const RaftConfiguration& configuration) {
  auto core = std::make_unique<RaftCore>(id, 7, kv::RaftTimes{1000, 100});
  core->start(1, {1, 0}, {}, {configuration_entry(1, 1, configuration)});
  return core;
}

// Makes it the leader of term 2 with the vote of member 2, and commits its first entry.
std::unique_ptr<RaftCore> leader_of_three() {
  auto core = started(1, kThree);
  RaftUpdate update;
  std::uint64_t now = 1;
  while (core->role() == kv::RaftRole::kFollower) update = core->timed_out(now = core->next_timeout(now));
  RaftMessage yes{.kind = MessageKind::kVoteResult, .peer = 2, .term = 2, .pre_vote = true, .granted = true};
  core->receive(now, yes);
  yes.pre_vote = false;
  core->receive(now, yes);
  REQUIRE(core->role() == kv::RaftRole::kLeader);
  return core;
}

TEST_CASE("raft core: the only voter leads at once") {
  auto core = started(1, {{1, true}});
  CHECK(core->role() == kv::RaftRole::kLeader);
  CHECK(core->commit_index() == 1);
  CHECK(core->term() == 2);
  RaftUpdate update = core->submit(2, {command(2, core->term())});
  CHECK(update.write_from == 2);
  CHECK(update.write_count == 1);
  CHECK(core->commit_index() == 1);
  core->persisted(3, 2);
  CHECK(core->commit_index() == 2);
}

// libraft leads again in the term that it has. What it had sent to a learner and lost itself would get a twin.
TEST_CASE("raft core: the only voter begins a new term at each start") {
  RaftCore core(1, 7, {1000, 100});
  RaftUpdate update = core.start(1, {5, 1}, {}, {configuration_entry(1, 1, {{1, true}, {2, false}}), command(2, 5)});
  CHECK(core.role() == kv::RaftRole::kLeader);
  CHECK(core.term() == 6);
  CHECK(update.hard_state);
  CHECK(core.hard_state() == kv::HardState{6, 1});
}

TEST_CASE("raft core: an election asks before it disturbs (pre-vote), and the state comes first") {
  auto core = started(1, kThree);
  std::uint64_t now = core->next_timeout(1);
  RaftUpdate update = core->timed_out(now);
  REQUIRE(update.messages.size() == 2);
  CHECK(update.messages[0].pre_vote);
  CHECK(update.messages[0].term == 2);
  CHECK(core->term() == 1);
  CHECK_FALSE(update.hard_state);
  update =
      core->receive(now, {.kind = MessageKind::kVoteResult, .peer = 2, .term = 2, .pre_vote = true, .granted = true});
  CHECK(core->term() == 2);
  CHECK(update.hard_state);
  CHECK(core->hard_state() == kv::HardState{2, 1});
}

// Defect 3: without the split the follower takes the index of the first entry for that of the configuration, and never
// learns that it is committed.
TEST_CASE("raft core: configurations in the middle of a message are told apart") {
  auto wedged = [](bool split) {
    auto core = started(2, kThree);
    RaftConfiguration next = kThree;
    next.push_back({4, false});
    RaftMessage message{.kind = MessageKind::kAppend, .peer = 1, .term = 2, .index = 1, .index_term = 1, .commit = 3};
    message.entries = {command(2, 2), configuration_entry(3, 2, next)};
    std::vector<RaftMessage> parts{message};
    if (split) parts = RaftCore::split_at_configurations(message);
    for (const RaftMessage& part : parts) core->receive(10, part);
    core->persisted(11, 3);
    core->configuration_committed(12, 3, next);
    // As the leader of the next term it may change the members, unless it believes that a change is still open.
    std::uint64_t now = 12;
    while (core->role() == kv::RaftRole::kFollower) core->timed_out(now = core->next_timeout(now));
    core->receive(now, {.kind = MessageKind::kVoteResult, .peer = 1, .term = 3, .pre_vote = true, .granted = true});
    core->receive(now, {.kind = MessageKind::kVoteResult, .peer = 1, .term = 3, .granted = true});
    REQUIRE(core->role() == kv::RaftRole::kLeader);
    RaftConfiguration more = next;
    more.push_back({5, false});
    return !core->change_allowed(more, true);
  };
  CHECK(wedged(false));  // what libraft does by itself
  CHECK_FALSE(wedged(true));
}

TEST_CASE("raft core: a message is split before each configuration but the first entry") {
  RaftMessage message{.kind = MessageKind::kAppend, .term = 4, .index = 10, .index_term = 3};
  message.entries = {configuration_entry(11, 3, kThree), command(12, 3), configuration_entry(13, 4, kThree),
                     command(14, 4)};
  std::vector<RaftMessage> parts = RaftCore::split_at_configurations(message);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].index == 10);
  CHECK(parts[0].entry_count == 2);
  CHECK(parts[1].index == 12);
  CHECK(parts[1].index_term == 3);
  CHECK(parts[1].entry_count == 2);
  message.entries.clear();
  CHECK(RaftCore::split_at_configurations(message).size() == 1);
}

// Defect 5 and a busy loop: the time to wake is always ahead.
TEST_CASE("raft core: the next timeout is never now or before") {
  auto core = started(1, kThree);
  CHECK(core->next_timeout(1) > 1);
  CHECK(core->next_timeout(1'000'000) == 1'000'001);
}

// Defect 6 (Ongaro's note of 2015): no change before an entry of the leader's own term is committed.
TEST_CASE("raft core: a leader changes members only after its term has begun") {
  auto core = leader_of_three();
  RaftConfiguration next = kThree;
  next.push_back({4, false});
  CHECK_FALSE(core->change_allowed(next, false));
  CHECK(core->change_allowed(next, true));
}

// Defect 8: libraft keeps what it knows of each server by its place.
TEST_CASE("raft core: one server at a time, in its place") {
  auto core = leader_of_three();
  auto allowed = [&](const RaftConfiguration& next) { return core->change_allowed(next, true); };
  CHECK(allowed({{1, true}, {2, true}, {3, true}, {4, false}}));
  CHECK(allowed({{1, true}, {3, true}}));
  CHECK(allowed({{1, true}, {2, true}, {3, false}}));
  CHECK_FALSE(allowed(kThree));
  CHECK_FALSE(allowed({{1, true}, {2, true}, {4, true}}));                          // one in the place of another
  CHECK_FALSE(allowed({{2, true}, {1, true}, {3, true}}));                          // another order
  CHECK_FALSE(allowed({{4, false}, {1, true}, {2, true}, {3, true}}));              // not at the end
  CHECK_FALSE(allowed({{1, true}, {2, true}, {3, true}, {4, true}}));               // a voter that has nothing yet
  CHECK_FALSE(allowed({{1, true}, {2, true}, {3, true}, {4, false}, {5, false}}));  // two
  CHECK_FALSE(allowed({{1, true}}));
  CHECK_FALSE(allowed({{1, true}, {2, false}, {3, false}}));
}

TEST_CASE("raft core: no second change while one is open") {
  auto core = leader_of_three();
  RaftConfiguration next = kThree;
  next.push_back({4, false});
  core->submit(5000, {configuration_entry(2, core->term(), next)});
  RaftConfiguration more = next;
  more.push_back({5, false});
  CHECK_FALSE(core->change_allowed(more, true));
}

// Defect 7: the candidate's configuration says who votes. libraft denies the vote of one that does not know yet that it
// is a voter; with two members that is the end of all elections.
TEST_CASE("raft core: a learner votes when it is asked") {
  RaftConfiguration learning{{1, true}, {2, false}};
  RaftMessage vote{.kind = MessageKind::kVote, .peer = 1, .term = 2, .index = 2, .index_term = 1};
  auto core = started(2, learning);
  RaftUpdate update = core->receive(10, vote);
  REQUIRE(update.messages.size() == 1);
  CHECK(update.messages[0].granted);
  CHECK(update.hard_state);
  CHECK(core->hard_state() == kv::HardState{2, 1});
  CHECK(core->configuration() == learning);  // it is a learner still
  // And once in a term only.
  vote.peer = 3;
  update = core->receive(11, vote);
  REQUIRE(update.messages.size() == 1);
  CHECK_FALSE(update.messages[0].granted);

  // What libraft says by itself.
  raft_shim* shim = raft_shim_new(2, 7, 1000, 100, 10);
  std::vector<raft_shim_server> servers{{1, RAFT_SHIM_VOTER}, {2, RAFT_SHIM_STANDBY}};
  raft_shim_entry first{1, RAFT_SHIM_CHANGE, servers.data(), 2};
  raft_shim_update out{};
  REQUIRE(raft_shim_start(shim, 1, 1, 0, nullptr, 1, &first, 1, &out) == 0);
  raft_shim_message ask{};
  ask.type = RAFT_SHIM_VOTE;
  ask.peer = 1;
  ask.term = 2;
  ask.index = 2;
  ask.index_term = 1;
  REQUIRE(raft_shim_receive(shim, 10, &ask, nullptr, nullptr, &out) == 0);
  raft_shim_message answer{};
  raft_shim_message_at(shim, 0, &answer);
  CHECK_FALSE(answer.granted);
  raft_shim_free(shim);
}

// Defect 9: libraft's learner keeps a leader that is long gone, and would deny its vote for ever.
TEST_CASE("raft core: a learner lets go of a leader that is silent") {
  auto core = started(2, {{1, true}, {2, false}});
  core->receive(10, {.kind = MessageKind::kAppend, .peer = 1, .term = 1, .index = 1, .index_term = 1, .commit = 1});
  REQUIRE(core->leader() == 1);
  RaftMessage vote{.kind = MessageKind::kVote, .peer = 1, .term = 2, .index = 1, .index_term = 1};
  CHECK_FALSE(core->receive(500, vote).messages.at(0).granted);  // the leader may live
  CHECK(core->receive(1010, vote).messages.at(0).granted);
}

TEST_CASE("raft core: a leader whose process is gone is not waited for") {
  auto core = started(2, kThree);
  core->receive(10, {.kind = MessageKind::kAppend, .peer = 1, .term = 1, .index = 1, .index_term = 1, .commit = 1});
  REQUIRE(core->leader() == 1);
  core->leader_is_gone(50);
  CHECK(core->leader() == 0);
  CHECK(core->next_timeout(10) == 60);
  CHECK(core->timed_out(60).messages.size() == 2);
  CHECK(core->role() == kv::RaftRole::kCandidate);
}

TEST_CASE("raft core: a leader that hears from nobody steps down (check-quorum)") {
  auto core = leader_of_three();
  std::uint64_t now = 100'000;
  for (int i = 0; i < 50 && core->role() == kv::RaftRole::kLeader; ++i) core->timed_out(now = core->next_timeout(now));
  CHECK(core->role() == kv::RaftRole::kFollower);
}

TEST_CASE("raft core: a snapshot takes the place of the log") {
  auto core = started(3, kThree);
  kv::RaftBase base{100, 5, 40, kThree};
  RaftUpdate update = core->receive_snapshot(10, 1, 6, base);
  CHECK(update.install_snapshot);
  CHECK(update.hard_state);
  update = core->snapshot_installed(11, base);
  REQUIRE(update.messages.size() == 1);
  CHECK(update.messages[0].kind == MessageKind::kAppendResult);
  CHECK(update.messages[0].index == 100);
  CHECK(core->commit_index() == 100);
  CHECK(core->stored_index() == 100);
  // One that is older than what is here is nothing.
  update = core->receive_snapshot(12, 1, 6, {50, 4, 40, kThree});
  CHECK_FALSE(update.install_snapshot);
}

TEST_CASE("raft core: what it refuses is told") {
  auto core = started(1, kThree);
  CHECK_THROWS_AS(core->submit(2, {command(2, 1)}), kv::RaftRefused);
  CHECK_THROWS_AS(core->transfer(2, 0), kv::RaftRefused);
}

}  // namespace
