#pragma once
// How long followers take to answer what the leader sends them, told to the figures of /v2/stats/leader. Looks at the
// messages as they pass the transport. One thread.

#include <cstdint>
#include <map>
#include <string_view>

#include "base/clock.h"
#include "kv/peer_message.h"
#include "kv/peer_stats.h"

namespace kv {

class FollowerTimes {
 public:
  // Both must outlive it.
  FollowerTimes(PeerStats& stats, const base::Clock& clock) : stats_(stats), clock_(clock) {}

  // A message on its way to this member, `gone` when it could not be sent; one from it.
  void sent(std::uint64_t member, std::string_view message, bool gone);
  void received(std::uint64_t member, const AppendGist& gist);
  // The connection broke: what was not answered is lost.
  void disconnected(std::uint64_t member);

 private:
  // The oldest entries that are under way: a follower's answer covers all before it.
  struct Waiting {
    std::uint64_t last_index;
    base::Clock::Time since;
  };

  PeerStats& stats_;
  const base::Clock& clock_;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace kv
