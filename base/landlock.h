#pragma once
// Landlock (landlock(7)): a thread gives rights to files away, for good and for all that it makes. For code that reads
// what others have made: a name that it is deceived with leads nowhere but where it was meant to go. A thread shares
// its memory with others that are not bound, so against code that was taken over only a process of its own helps.

#include <span>

#include "base/fd.h"

namespace base {

enum class LandlockRight {
  kRead,    // open files and list directories
  kChange,  // that, and write, make, rename, link and remove; nothing may be executed
};

// What is below `place`, or the file itself. O_PATH is enough.
struct LandlockRule {
  const Fd& place;
  LandlockRight right;
};

// From here on the calling thread opens, makes and removes nothing but what the rules name, and from Linux 6.7 on makes
// no TCP connection (UDP and UNIX sockets, modes, owners and extended attributes are no matter of Landlock's).
// Descriptors that are open stay usable. Other threads are as before; those and the processes that this one makes
// afterwards are bound like it. False, and nothing has changed, on a kernel without Landlock, or with one that would
// forbid links between directories (before 5.19). Sets no_new_privs where the caller has no CAP_SYS_ADMIN in its user
// namespace. Throws Error.
bool restrict_files(std::span<const LandlockRule> rules);

}  // namespace base
