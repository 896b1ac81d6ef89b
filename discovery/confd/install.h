#pragma once
// Puts a rendered file in its place: compare, stage beside it, check, swap, reload, and roll back when the reload
// fails. At every instant the destination is the old file or the new one, whole (a mount point excepted: it is written
// over).

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/confd/resource.h"

namespace discovery::confd {

struct FileState {
  std::string content;
  mode_t mode = 0644;
  uid_t uid = 0;
  gid_t gid = 0;
};

// What has to change, for people: "content", "mode 0600 to 0644", …; "it does not exist". Empty: nothing. Pure.
std::vector<std::string> differences(const std::optional<FileState>& now, const FileState& wanted);

struct InstallOptions {
  bool noop = false;             // tell what would change, change nothing
  bool sync_only = false;        // neither check nor reload
  bool keep_stage_file = false;  // leave the staged file when it was not used
  // Runs a command line; "" when it succeeded, else why not.
  std::function<std::string(const std::string& command)> run;
};

enum class Outcome { kUnchanged, kWouldChange, kUpdated };

// Throws base::Error, after which the destination is as it was before: the check failed, or the reload did (then the
// old file is back, and the reload command has run again with it), or a file could not be written.
Outcome install(const Resource& resource, std::string_view content, const InstallOptions& options);

// `/bin/sh -c COMMAND` as confd runs it, a minute at most. "" when it ended with 0.
std::string run_shell(const std::string& command);

}  // namespace discovery::confd
