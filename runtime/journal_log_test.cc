#include "runtime/journal_log.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("an entry of the journal is a line of the container's log") {
  JournalEntry entry;
  CHECK(parse_journal_entry(R"({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1700000000000000", "PRIORITY": "6",
      "SYSLOG_IDENTIFIER": "web", "MESSAGE": "hello"})",
                            entry));
  CHECK(entry.cursor == "s=1");
  CHECK(entry.time.starts_with("2023-11-14T22:13:20"));
  CHECK(entry.text == "hello");
  CHECK(entry.whole);
  CHECK_FALSE(entry.error);
}

TEST_CASE("standard error is told by its priority, bytes come as numbers, parts are parts") {
  JournalEntry entry;
  CHECK(parse_journal_entry(R"({"__REALTIME_TIMESTAMP": "1", "PRIORITY": "3", "MESSAGE": [104, 105, 255],
      "_LINE_BREAK": "line-max"})",
                            entry));
  CHECK(entry.error);
  CHECK(entry.text == "hi\xff");
  CHECK_FALSE(entry.whole);
}

TEST_CASE("what the unit's own commands say is not the application's") {
  JournalEntry entry;
  CHECK_FALSE(
      parse_journal_entry(R"({"__CURSOR": "c", "SYSLOG_IDENTIFIER": "container@0123", "MESSAGE": "x"})", entry));
  CHECK(entry.cursor == "c");
  CHECK_THROWS_AS(parse_journal_entry(R"({"MESSAGE": "x"})", entry), base::Error);
  CHECK_THROWS_AS(parse_journal_entry("-- No entries --", entry), base::Error);
}

}  // namespace runtime
