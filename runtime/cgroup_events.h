#pragma once
// Hearing of what happens to a cgroup: the kernel "modifies" memory.events when a number in it grows (inotify(7)).

#include <cstdint>

#include "base/fd.h"
#include "runtime/cgroup.h"

namespace runtime {

// Kills for want of memory.
class OutOfMemoryWatch {
 public:
  // Counts from now on. Without a memory controller nothing ever happens.
  explicit OutOfMemoryWatch(const Cgroup& cgroup);

  int descriptor() const { return notifications_.get(); }  // readable when it is worth asking; -1: never
  // True when there were kills since the last question. Never waits.
  bool happened();

 private:
  std::uint64_t kills() const;

  Cgroup cgroup_;
  base::Fd notifications_;
  std::uint64_t seen_ = 0;
};

}  // namespace runtime
