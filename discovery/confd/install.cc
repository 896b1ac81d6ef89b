// Everything is named relative to the destination's folder, opened once. The old file is kept in memory until the
// reload has succeeded, so that rolling back works on every file system, bind mounts (EBUSY on rename) included.

#include "discovery/confd/install.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/random.h"
#include "base/text.h"
#include "discovery/confd/template.h"

namespace discovery::confd {
namespace {

constexpr std::chrono::seconds kCommandTime{60};
constexpr std::size_t kCommandOutput = 1024 * 1024;  // bytes
constexpr std::size_t kShownOutput = 500;            // bytes of it in a message

// The destination: its folder and its name there.
struct Place {
  base::Fd folder;
  std::string folder_path;
  std::string name;

  explicit Place(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    name = path.substr(slash + 1);
    folder_path = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    folder = base::open_directory(folder_path);
  }
};

std::optional<FileState> read_state(const Place& place) {
  struct stat info{};
  if (::fstatat(place.folder.get(), place.name.c_str(), &info, 0) != 0) {
    if (errno == ENOENT) return std::nullopt;
    base::throw_errno("look at", place.name);
  }
  if (!S_ISREG(info.st_mode)) throw base::Error("write", place.folder_path + "/" + place.name, "it is no regular file");
  return FileState{base::read_file_at(place.folder, place.name), info.st_mode & 07777, info.st_uid, info.st_gid};
}

void give_attributes(const base::Fd& file, const FileState& state, const std::string& name) {
  // In this order: a change of the owner clears the set-user-id bit.
  base::check(::fchown(file.get(), state.uid, state.gid), "change the owner of", name);
  base::check(::fchmod(file.get(), state.mode), "change the mode of", name);
}

// A file beside the destination, removed at the end unless it was kept or took the destination's place.
class Stage {
 public:
  Stage(const Place& place, const FileState& state) : place_(place) {
    name_ = std::format(".{}.{}", place.name.substr(0, 200), base::system_random().hex_string(4));
    const base::Fd file = base::open_at(place.folder, name_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    present_ = true;
    try {
      give_attributes(file, state, place.name);
      base::write_all(file, state.content);
      base::check(::fsync(file.get()), "fsync", name_);
    } catch (const base::Error&) {
      remove();
      throw;
    }
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() { remove(); }

  std::string path() const { return place_.folder_path + (place_.folder_path == "/" ? "" : "/") + name_; }
  void keep() { present_ = false; }

  // Takes the destination's place. A destination that is a mount point is written over instead.
  void swap_in(const FileState& state) {
    if (::renameat(place_.folder.get(), name_.c_str(), place_.folder.get(), place_.name.c_str()) == 0) {
      present_ = false;
    } else if (errno == EBUSY) {
      const base::Fd file = base::open_at(place_.folder, place_.name, O_WRONLY | O_TRUNC);
      base::write_all(file, state.content);
      give_attributes(file, state, place_.name);
      base::check(::fsync(file.get()), "fsync", place_.name);
    } else {
      base::throw_errno("rename to", place_.folder_path + "/" + place_.name);
    }
    base::check(::fsync(place_.folder.get()), "fsync", place_.folder_path);
  }

 private:
  void remove() {
    if (present_) ::unlinkat(place_.folder.get(), name_.c_str(), 0);
    present_ = false;
  }

  const Place& place_;
  std::string name_;
  bool present_ = false;
};

// The check command is a template itself: {{.src}} is the staged file.
std::string check_command(const Resource& resource, const std::string& staged) {
  const Keys none;
  return Template(resource.check_command, resource.file + " (check_cmd)")
      .render({.keys = none, .root = Value(Map{{"src", Value(staged)}})});
}

[[noreturn]] void roll_back(const Resource& resource, const Place& place, const std::optional<FileState>& before,
                            const InstallOptions& options, const std::string& reason) {
  std::string result;
  try {
    if (before) {
      Stage(place, *before).swap_in(*before);
      const std::string again = options.run(resource.reload_command);
      result = again.empty() ? "the file of before is back, and the reload succeeded with it"
                             : std::format("the file of before is back, but the reload fails with it, too: {}", again);
    } else {
      base::remove_file_at(place.folder, place.name);
      result = "the file, which did not exist before, is removed again";
    }
  } catch (const base::Error& error) {
    result = std::format("the file of before could not be put back: {}", error.what());
  }
  throw base::Error("reload", resource.destination, std::format("{}; {}", reason, result));
}

std::string shown(std::string_view output) {
  std::string text(base::trim(output));
  if (text.size() > kShownOutput) text = "…" + text.substr(text.size() - kShownOutput);
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

}  // namespace

std::vector<std::string> differences(const std::optional<FileState>& now, const FileState& wanted) {
  if (!now) return {"it does not exist"};
  std::vector<std::string> found;
  if (now->content != wanted.content) found.emplace_back("content");
  if (now->mode != wanted.mode) found.push_back(std::format("mode {:04o} to {:04o}", now->mode, wanted.mode));
  if (now->uid != wanted.uid) found.push_back(std::format("uid {} to {}", now->uid, wanted.uid));
  if (now->gid != wanted.gid) found.push_back(std::format("gid {} to {}", now->gid, wanted.gid));
  return found;
}

Outcome install(const Resource& resource, std::string_view content, const InstallOptions& options) {
  const Place place(resource.destination);
  const std::optional<FileState> before = read_state(place);
  FileState wanted;
  wanted.content = content;
  wanted.mode = resource.mode.value_or(before ? before->mode : 0644);
  wanted.uid = resource.uid.value_or(::geteuid());
  wanted.gid = resource.gid.value_or(::getegid());

  const std::vector<std::string> changes = differences(before, wanted);
  if (changes.empty() && !options.keep_stage_file) return Outcome::kUnchanged;
  Stage stage(place, wanted);
  if (options.keep_stage_file) base::log_info("keeping staged file {}", stage.path());
  const auto leave = [&](Outcome outcome) {
    if (options.keep_stage_file) stage.keep();
    return outcome;
  };
  if (changes.empty()) return leave(Outcome::kUnchanged);
  base::log_info("target config {} out of sync: {}", resource.destination, base::join(changes, ", "));
  if (options.noop) return leave(Outcome::kWouldChange);

  if (!options.sync_only && !resource.check_command.empty()) {
    const std::string reason = options.run(check_command(resource, stage.path()));
    if (!reason.empty()) {
      leave(Outcome::kUnchanged);
      throw base::Error("check", resource.destination, reason + "; the file stays as it is");
    }
  }
  stage.swap_in(wanted);
  if (!options.sync_only && !resource.reload_command.empty()) {
    const std::string reason = options.run(resource.reload_command);
    if (!reason.empty()) roll_back(resource, place, before, options, reason);
  }
  base::log_info("target config {} has been updated", resource.destination);
  return Outcome::kUpdated;
}

std::string run_shell(const std::string& command) {
  base::log_debug("running {}", command);
  try {
    const base::ProcessResult result =
        base::run_process({"/bin/sh", "-c", command}, {.timeout = kCommandTime, .max_output = kCommandOutput});
    if (result.ok()) return "";
    const std::string said = shown(result.error_output + result.output);
    return std::format("'{}' ended with exit code {}{}", command, result.exit_code, said.empty() ? "" : ": " + said);
  } catch (const base::Error& error) {
    return std::format("'{}': {}", command, error.what());
  }
}

}  // namespace discovery::confd
