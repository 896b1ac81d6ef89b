#include "kv/peer_stats.h"

#include <doctest/doctest.h>

#include "kv/go_text.h"

using namespace std::chrono_literals;

TEST_CASE("peer stats: rates are over the last messages, and none when they are old") {
  base::ManualClock clock;
  kv::RateWindow window;
  for (int i = 0; i < 500; ++i) {
    window.add(10, clock.now());
    clock.advance(5ms);
  }
  CHECK(window.rate(clock.now()).messages == doctest::Approx(200 / 0.995));
  CHECK(window.rate(clock.now()).bytes == doctest::Approx(2000 / 0.995));
  clock.advance(3s);
  CHECK(window.rate(clock.now()).messages == 0);
}

TEST_CASE("peer stats: JSON") {
  base::ManualClock clock;
  kv::PeerStats stats(clock);
  clock.advance(1s);
  stats.leader_is(0xab);
  clock.advance(2s);
  CHECK(stats.self_json("n", 1, "StateFollower") ==
        R"({"name":"n","id":"1","state":"StateFollower","startTime":"2001-09-09T01:46:40Z",)"
        R"("leaderInfo":{"leader":"ab","uptime":"2s","startTime":"2001-09-09T01:46:41Z"},)"
        R"("recvAppendRequestCnt":0,"sendAppendRequestCnt":0})");
  stats.received(100);
  clock.advance(1s);
  stats.received(100);
  CHECK(stats.self_json("n", 1, "StateFollower")
            .contains(R"("recvAppendRequestCnt":2,"recvPkgRate":2,"recvBandwidthRate":200,"sendAppendRequestCnt":0})"));
  stats.follower_answered(2, 1ms);
  stats.follower_answered(2, 3ms);
  stats.follower_failed(2);
  stats.follower_failed(3);
  CHECK(stats.leader_json(1, {{.id = 2}}) ==
        R"({"leader":"1","followers":{"2":{"latency":{"current":3,"average":2,"standardDeviation":1,"minimum":1,)"
        R"("maximum":3},"counts":{"fail":1,"success":2}}}})");
}

TEST_CASE("go_text: numbers as encoding/json writes them") {
  CHECK(kv::float_text(0) == "0");
  CHECK(kv::float_text(571.0580110180888) == "571.0580110180888");
  CHECK(kv::float_text(9223372036854775808.0) == "9223372036854775808");
  CHECK(kv::float_text(0.0001) == "0.0001");
  CHECK(kv::float_text(1e-7) == "1e-7");
  CHECK(kv::float_text(1e21) == "1e+21");
}
