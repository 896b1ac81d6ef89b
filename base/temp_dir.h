#pragma once
// A directory of its own below $TMPDIR (or /tmp) that is removed with everything in it. For tests and staging.

#include <string>

#include "base/fd.h"

namespace base {

class TempDir {
 public:
  explicit TempDir(const std::string& prefix = "clusteros");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  const Fd& fd() const { return fd_; }

 private:
  std::string path_;
  Fd fd_;
};

}  // namespace base
