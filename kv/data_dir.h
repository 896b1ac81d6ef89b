#pragma once
// The directory of one member's data. One process at a time: the file "lock" in it is locked (flock(2)) and names the
// process that has it.

#include <string>

#include "base/fd.h"

namespace kv {

class DataDir {
 public:
  // Makes the directory (mode 0700) when it is missing. Throws base::Error, also when another process has it.
  explicit DataDir(const std::string& path);

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  base::Fd lock_;
};

}  // namespace kv
