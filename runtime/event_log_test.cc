#include "runtime/event_log.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "runtime/events_command.h"

namespace runtime {
namespace {

ContainerState named(const std::string& name) {
  ContainerState state;
  state.id = "0123456789ab";
  state.name = name;
  state.image = "busybox:latest";
  return state;
}

std::vector<std::string> read_names(EventReader& reader) {
  std::vector<std::string> names;
  reader.read([&](const Event& event) {
    names.push_back(event.name);
    return true;
  });
  return names;
}

}  // namespace

TEST_CASE("events are read as they were written, also those that come later") {
  base::TempDir directory;
  StateStore store(directory.path());
  record_event(store, named("one"), "create");
  EventReader reader(directory.path());
  CHECK(read_names(reader) == std::vector<std::string>{"one"});
  record_event(store, named("two"), "die", {{"exitCode", 3}});
  CHECK(read_names(reader) == std::vector<std::string>{"two"});
  CHECK(read_names(reader).empty());
  EventReader all(directory.path());
  CHECK(read_names(all).size() == 2);
}

TEST_CASE("the file is bounded, and a reader follows from one to the next without a loss") {
  base::TempDir directory;
  StateStore store(directory.path());
  EventReader reader(directory.path());
  std::size_t written = 0, seen = 0;
  base::Json long_text = {{"command", std::string(100000, 'x')}};
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < 200; i++, written++) record_event(store, named("n"), "exec", long_text);
    seen += read_names(reader).size();
  }
  CHECK(seen == written);
  std::uint64_t kept = 0;
  for (const char* name : {"/.events", "/.events.1"}) {
    struct stat status = {};
    REQUIRE(stat((directory.path() + name).c_str(), &status) == 0);
    CHECK(static_cast<std::uint64_t>(status.st_size) <= kEventBytes);
    kept += static_cast<std::uint64_t>(status.st_size);
  }
  CHECK(kept > kEventBytes / 2);
}

TEST_CASE("a line that was cut off is passed over") {
  base::TempDir directory;
  StateStore store(directory.path());
  record_event(store, named("one"), "create");
  std::string path = directory.path() + "/.events";
  base::write_all(base::open_file(path, O_WRONLY | O_APPEND), R"({"time":"2026-)");
  record_event(store, named("two"), "start");
  EventReader reader(directory.path());
  CHECK(read_names(reader) == std::vector<std::string>{"one", "two"});
  for (const char* line :
       {"", "{}", "[]", "7", R"({"time":"x","event":"a","id":"b","name":"c","image":"d","attributes":{}})",
        R"({"time":"2026-01-02T03:04:05Z","event":"a","id":"b","name":"c","image":"d","attributes":[]})"}) {
    CAPTURE(line);
    CHECK_FALSE(event_from_line(line).has_value());
  }
}

TEST_CASE("values of one key are alternatives, keys must all hold") {
  Event event{.time = "2026-01-02T03:04:05Z", .event = "die", .id = "0123456789ab", .name = "web", .image = "x"};
  CHECK(EventFilter({}).passes(event));
  CHECK(EventFilter({"event=start", "event=die"}).passes(event));
  CHECK(EventFilter({"container=0123", "event=die"}).passes(event));
  CHECK_FALSE(EventFilter({"container=other", "event=die"}).passes(event));
  CHECK_FALSE(EventFilter({"image=y"}).passes(event));
  for (const char* text : {"", "event", "event=", "colour=red"}) CHECK_THROWS_AS(EventFilter({text}), base::UsageError);
}

}  // namespace runtime
