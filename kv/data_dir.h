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

// For one who only looks: nobody can use the directory as long as the descriptor lives. Changes nothing; without a lock
// file (nobody has used it yet) there is no descriptor. Throws base::Error, also when a process uses it.
base::Fd lock_data_dir_to_look(const std::string& path);

}  // namespace kv
