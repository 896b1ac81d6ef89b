#include "kv/follower_times.h"

namespace kv {

void FollowerTimes::sent(std::uint64_t member, std::string_view message, bool gone) {
  const AppendGist gist = append_gist(message);
  if (gist.kind != AppendGist::Kind::kEntries) return;
  if (gone) return stats_.follower_failed(member);
  waiting_.try_emplace(member, Waiting{gist.last_index, clock_.now()});
}

void FollowerTimes::received(std::uint64_t member, const AppendGist& gist) {
  if (gist.kind != AppendGist::Kind::kStored) return;
  auto waiting = waiting_.find(member);
  if (waiting == waiting_.end() || gist.last_index < waiting->second.last_index) return;
  stats_.follower_answered(member, clock_.now() - waiting->second.since);
  waiting_.erase(waiting);
}

void FollowerTimes::disconnected(std::uint64_t member) {
  if (waiting_.erase(member) > 0) stats_.follower_failed(member);
}

}  // namespace kv
