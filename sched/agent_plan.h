#pragma once
// What an agent does to make its machine's systemd match the store. Pure.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sched/model.h"

namespace sched {

struct DesiredUnit {
  std::string hash;
  std::shared_ptr<const UnitFile> file;
  JobState state = JobState::kInactive;
};

struct CurrentUnit {
  std::string hash;  // of the file on disk
  JobState state = JobState::kInactive;
};

// In the order in which they are carried out: a file changes only while its unit is stopped, and systemd reads files
// once, after all of them are in place.
enum class StepKind { kUnload, kLoad, kReload, kStop, kStart };
std::string_view to_string(StepKind kind);

struct Step {
  StepKind kind;
  std::string unit;  // empty for kReload
  std::string reason;
  bool operator==(const Step&) const = default;
};

std::vector<Step> plan(const std::map<std::string, DesiredUnit>& desired,
                       const std::map<std::string, CurrentUnit>& current);

}  // namespace sched
