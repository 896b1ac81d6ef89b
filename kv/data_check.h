#pragma once
// Is the data of a member that does not run whole? Every checksum of the log (wal/) and of the state (store.db) is
// verified, what is in them is read as a start would, and both must fit together. Nothing is changed.

#include <string>
#include <vector>

namespace kv {

struct DataReport {
  std::vector<std::string> problems;  // one line each, with the file
  std::string summary;                // what is there, in a line
};

// Throws base::Error when the directory is missing, in use, or holds no member's data.
DataReport check_data_dir(const std::string& path);

}  // namespace kv
