#pragma once
// A path to what a descriptor is of, also one with O_PATH, for calls that take no such descriptor (proc_pid_fd(5)).

#include <string>

#include "base/fd.h"

namespace runtime {

inline std::string proc_path(const base::Fd& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

}  // namespace runtime
