#pragma once
// What this member exchanges with the others, as /v2/stats/self and /v2/stats/leader show it (etcd's v2stats). The
// transport tells it what happens; one thread.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kv/members.h"

namespace kv {

// Messages of the last moments: at most 200, and none when the newest is older than two seconds.
class RateWindow {
 public:
  void add(std::size_t bytes, base::Clock::Time now);

  struct Rate {
    double messages = 0;  // a second
    double bytes = 0;
  };
  Rate rate(base::Clock::Time now) const;

 private:
  struct Message {
    base::Clock::Time time;
    std::size_t bytes;
  };
  std::deque<Message> messages_;
  std::size_t bytes_ = 0;
};

class PeerStats {
 public:
  explicit PeerStats(const base::Clock& clock)
      : clock_(clock), started_(clock.wall_now()), leader_since_wall_(started_), leader_since_(clock.now()) {}

  // Append messages between leader and followers.
  void sent(std::size_t bytes);
  void received(std::size_t bytes);

  // On the leader: a follower took what it was sent, or could not be reached.
  void follower_answered(std::uint64_t id, std::chrono::nanoseconds latency);
  void follower_failed(std::uint64_t id);

  // Whoever learns of a new leader says so; the same one again changes nothing.
  void leader_is(std::uint64_t id);

  // The bodies. `state`: "StateLeader", "StateFollower" or "StateCandidate".
  std::string self_json(const std::string& name, std::uint64_t id, const std::string& state) const;
  // Followers that are no members any more are left out.
  std::string leader_json(std::uint64_t leader, const std::vector<Member>& members) const;

 private:
  struct Follower {
    double current = 0;  // milliseconds
    double average = 0;
    double average_square = 0;
    double minimum = 9223372036854775808.0;  // etcd's "none yet"
    double maximum = 0;
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
  };

  const base::Clock& clock_;
  base::Clock::WallTime started_;
  std::uint64_t leader_ = 0;
  base::Clock::WallTime leader_since_wall_;
  base::Clock::Time leader_since_;
  std::uint64_t sent_count_ = 0;
  std::uint64_t received_count_ = 0;
  RateWindow sent_;
  RateWindow received_;
  std::map<std::uint64_t, Follower> followers_;
};

}  // namespace kv
