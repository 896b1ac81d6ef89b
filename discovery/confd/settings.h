#pragma once
// confd's settings: command line and environment before confd.toml before the defaults.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/applet.h"
#include "base/log.h"

namespace discovery::confd {

struct Settings {
  std::string folder;  // conf.d/ and templates/ are in it
  std::string prefix;
  std::string endpoints;
  std::chrono::seconds interval{600};
  base::LogLevel log_level = base::LogLevel::kInfo;
  bool onetime = false;
  bool watch = false;
  bool noop = false;
  bool sync_only = false;
  bool keep_stage_file = false;
};

// `config`: the text of confd.toml, nothing when there is none; `file` is its name for messages. Throws base::Error for
// a file that is refused, base::UsageError for options.
Settings resolve_settings(const base::Invocation& invocation, const std::optional<std::string>& config,
                          const std::string& file);

}  // namespace discovery::confd
