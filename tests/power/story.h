#pragma once
// The stories of the test: one member, or three, whose power is cut again and again. What happens is drawn from a
// seed; only the threads' timing is the machine's. One thread, and a process for each member.

#include <cstdint>
#include <string>

#include "undo_log.h"

namespace power {

enum class Kind {
  kLong,   // one member that keeps its data
  kFresh,  // one member that begins anew after a few cuts: first starts, small segments
  kThree,  // a cluster: one, two or all cut at once, and members that need a snapshot
};

struct StoryOptions {
  Kind kind = Kind::kLong;
  std::uint64_t seed = 1;
  std::uint64_t cuts = 100;
  std::uint8_t network = 1;  // addresses are 127.0.<network>.x
  Lies lies = {};
  bool trace = false;
};

// What was seen. Plain numbers: it is kept in memory that processes share.
struct Counts {
  std::uint64_t cuts = 0;
  std::uint64_t kills = 0;  // the process alone: its next life finds what it wrote, and a later cut may take that back
  std::uint64_t cuts_in[kParts] = {};     // by plan, in a step of this part
  std::uint64_t cuts_before_serving = 0;  // while it started
  std::uint64_t cuts_in_first_start = 0;
  std::uint64_t cuts_in_snapshot = 0;  // while a member's state was replaced by the leader's
  std::uint64_t snapshots = 0;         // that were installed
  std::uint64_t sectors = 0;           // taken back
  std::uint64_t names = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t compared = 0;
  std::uint64_t lives_compared = 0;

  Counts& operator+=(const Counts& other);
};

// Throws Violation.
void tell(const StoryOptions& options, Counts& counts);

}  // namespace power
