#include "sched/unit_directory.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "sched/unit_name.h"

namespace sched {
namespace {

constexpr const char* kNote = ".agent.json";

void require_valid(const std::string& name) {
  if (const auto problem = unit_name_problem(name)) throw base::Error("use unit", name, *problem);
}

}  // namespace

UnitDirectory::UnitDirectory(const std::string& path) : path_(path) {
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  base::make_directories(path_);
  directory_ = base::open_directory(path_);
  read_note();
}

std::map<std::string, std::string> UnitDirectory::hashes() const {
  std::map<std::string, std::string> result;
  for (const auto& name : base::list_directory_at(directory_)) {
    if (unit_name_problem(name)) continue;
    if (const auto text = base::read_file_at_if_exists(directory_, name, kMaxUnitBytes))
      result[name] = base::sha1_hex(*text);
  }
  return result;
}

void UnitDirectory::write(const std::string& name, std::string_view text) {
  require_valid(name);
  base::write_file_atomic_at(directory_, name, text);
}

void UnitDirectory::remove(const std::string& name) {
  require_valid(name);
  base::remove_file_at(directory_, name);
}

std::optional<JobState> UnitDirectory::remembered(const std::string& name) const {
  const auto found = note_.find(name);
  if (found == note_.end()) return std::nullopt;
  return found->second;
}

void UnitDirectory::remember(const std::string& name, JobState state) {
  if (remembered(name) == state) return;
  note_[name] = state;
  write_note();
}

void UnitDirectory::forget(const std::string& name) {
  if (note_.erase(name) != 0) write_note();
}

// A damaged note costs nothing but what it says: systemd is asked instead.
void UnitDirectory::read_note() {
  const auto text = base::read_file_at_if_exists(directory_, kNote);
  if (!text) return;
  try {
    const auto json = base::parse_json(*text, path_ + "/" + kNote);
    for (const auto& [name, value] : json.items()) {
      const auto state = value.is_string() ? parse_job_state(value.get<std::string>()) : std::nullopt;
      if (state && !unit_name_problem(name)) note_[name] = *state;
    }
  } catch (const base::Error& error) {
    base::log_warning("{}; asking systemd what runs", error.what());
  }
}

void UnitDirectory::write_note() {
  base::Json json = base::Json::object();
  for (const auto& [name, state] : note_) json[name] = to_string(state);
  base::write_file_atomic_at(directory_, kNote, base::to_text(json) + "\n", 0600);
}

}  // namespace sched
