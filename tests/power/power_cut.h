#pragma once
// What the disk holds after the power went: of all that was not synced some is there and some is not, sector by sector
// and in any order; of a directory's changes, the first ones.

#include <string>

#include "base/random.h"
#include "undo_log.h"

namespace power {

struct Taken {
  std::uint64_t sectors = 0;  // that hold older bytes again
  std::uint64_t names = 0;    // changes of directories taken back

  Taken& operator+=(const Taken& other) {
    sectors += other.sectors;
    names += other.names;
    return *this;
  }
};

// Brings the files below `root` into such a state, by chance. The process that wrote them has ended. Throws
// base::Error.
Taken cut_power(const UndoLog& log, const std::string& root, base::Random& random);

}  // namespace power
