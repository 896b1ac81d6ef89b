#pragma once
// The agent's files: unit files as systemd reads them, and beside them a note of how far the agent has taken each unit.
// Both live below /run, so a reboot forgets them and a restart of schedd does not: that is how running units are
// adopted.

#include <map>
#include <optional>
#include <string>

#include "base/fd.h"
#include "sched/model.h"

namespace sched {

class UnitDirectory {
 public:
  // Makes the directory when it is missing. Throws base::Error.
  explicit UnitDirectory(const std::string& path);

  // Unit files there: name to SHA-1 of the bytes. Files with names that are no unit's are not ours.
  std::map<std::string, std::string> hashes() const;
  void write(const std::string& name, std::string_view text);  // atomic; `name` must be a valid unit name
  void remove(const std::string& name);
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  // The note. Nothing is known of a unit that was never remembered.
  std::optional<JobState> remembered(const std::string& name) const;
  void remember(const std::string& name, JobState state);
  void forget(const std::string& name);

 private:
  void read_note();
  void write_note();

  std::string path_;
  base::Fd directory_;
  std::map<std::string, JobState> note_;
};

}  // namespace sched
