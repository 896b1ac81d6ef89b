#include "kv/follower_times.h"

#include <doctest/doctest.h>

#include "kv/peer_message.h"

namespace {

std::string append(std::uint64_t index, std::size_t entries) {
  kv::RaftMessage message;
  message.term = 3;
  message.index = index;
  message.index_term = index == 0 ? 0 : 3;
  message.commit = index;
  for (std::size_t i = 1; i <= entries; ++i) {
    message.entries.push_back(
        {index + i, 3, kv::EntryKind::kCommand, std::make_shared<const std::string>(std::string(300, 'x'))});
  }
  return encode(kv::PeerMessage(message));
}

std::string result(std::uint64_t index, std::uint64_t rejected = 0) {
  kv::RaftMessage message;
  message.kind = kv::MessageKind::kAppendResult;
  message.term = 3;
  message.index = index;
  message.rejected = rejected;
  return encode(kv::PeerMessage(message));
}

struct TimesFixture {
  base::ManualClock clock;
  kv::PeerStats stats{clock};
  kv::FollowerTimes times{stats, clock};

  std::string figures() const { return stats.leader_json(1, {{.id = 1}, {.id = 2}}); }
};

}  // namespace

TEST_CASE("peer message: what an append or its answer says, without its entries") {
  using Kind = kv::AppendGist::Kind;
  CHECK(kv::append_gist(append(7, 3)).kind == Kind::kEntries);
  CHECK(kv::append_gist(append(7, 3)).last_index == 10);
  CHECK(kv::append_gist(append(7, 200)).last_index == 207);
  CHECK(kv::append_gist(append(7, 0)).kind == Kind::kOther);
  CHECK(kv::append_gist(result(9)).kind == Kind::kStored);
  CHECK(kv::append_gist(result(9)).last_index == 9);
  CHECK(kv::append_gist(result(9, 4)).kind == Kind::kOther);
  CHECK(kv::append_gist(encode(kv::PeerMessage(kv::PeerProbe{1, 2}))).kind == Kind::kOther);
  const std::string whole = append(7, 3);
  for (std::size_t size = 0; size < 9; ++size) {
    CHECK(kv::append_gist(std::string_view(whole).substr(0, size)).kind == Kind::kOther);
  }
}

TEST_CASE_FIXTURE(TimesFixture,
                  "follower times: from the oldest entries that are under way to the answer that covers them") {
  times.sent(2, append(7, 3), false);
  clock.advance(std::chrono::milliseconds(4));
  times.sent(2, append(10, 1), false);
  times.received(2, kv::append_gist(result(9)));
  CHECK(figures() == R"({"leader":"1","followers":{}})");
  clock.advance(std::chrono::milliseconds(2));
  times.received(2, kv::append_gist(result(10)));
  times.received(2, kv::append_gist(result(10)));
  CHECK(figures() ==
        R"({"leader":"1","followers":{"2":{"latency":{"current":6,"average":6,"standardDeviation":0,"minimum":6,)"
        R"("maximum":6},"counts":{"fail":0,"success":1}}}})");
}

TEST_CASE_FIXTURE(TimesFixture, "follower times: what is lost on the way is a failure, heartbeats are nothing") {
  times.sent(2, append(7, 0), false);
  times.disconnected(2);
  times.sent(2, append(7, 1), true);
  times.sent(2, append(7, 1), false);
  times.disconnected(2);
  times.disconnected(2);
  times.received(2, kv::append_gist(result(8)));
  CHECK(figures().contains(R"("counts":{"fail":2,"success":0})"));
}
