#pragma once
// What a container that systemd keeps has printed, from the journal. Read by journalctl(1): libsystemd loads the
// libraries for compressed entries at run time, which a static program cannot (docs/runtime.md).

#include <functional>
#include <string>

#include "runtime/log_file.h"

namespace runtime {

// Gives the lines of `unit` that `query` asks for to `show`, oldest first; with query.follow, new ones too until
// `ended()` says so and everything has been shown. Throws base::Error when there is no journalctl or it fails.
void read_journal(const std::string& unit, const LogQuery& query, const std::function<bool()>& ended,
                  const std::function<void(const LogLine&)>& show);

// One entry of `journalctl --output=json` as a line. False when it is not the application's: the unit's own commands
// are told by their identifier, "container@…". Throws base::Error when it is no such entry.
struct JournalEntry {
  std::string cursor;
  std::string time;  // RFC 3339
  std::string text;
  bool error = false;  // printed to standard error
  bool whole = true;   // false: a part of a line, more comes
};
bool parse_journal_entry(std::string_view json, JournalEntry& entry);

}  // namespace runtime
