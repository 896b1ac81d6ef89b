#include "runtime/events_command.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "runtime/lifecycle.h"
#include "runtime/time_option.h"

namespace runtime {
namespace {

using Time = std::chrono::system_clock::time_point;
using std::chrono::milliseconds;

// Docker's form: time, kind, event, id, and the rest in brackets.
std::string shown(const Event& event) {
  std::vector<std::string> parts = {"name=" + event.name, "image=" + event.image};
  for (const auto& [key, value] : event.attributes.items()) {
    parts.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : base::to_text(value)));
  }
  return event.time + " container " + event.event + " " + event.id + " (" + base::join(parts, ", ") + ")";
}

bool matches(const Event& event, const std::string& key, const std::string& value) {
  if (key == "event") return event.event == value;
  if (key == "image") return event.image == value;
  return event.name == value || event.id.starts_with(value);
}

int events(const base::Invocation& invocation) {
  std::optional<Time> since = time_option(invocation, "since");
  std::optional<Time> until = time_option(invocation, "until");
  EventFilter filter(invocation.get_all("filter"));
  // Without a beginning it is what comes from here on; a container's end that nobody has seen yet is settled before.
  bool begins_here = !since && !until;
  Machine machine = machine_of(invocation);
  Time begin = since.value_or(begins_here ? std::chrono::system_clock::now() : Time());
  settle(machine);
  EventReader reader(machine.state);
  auto show = [&](const Event& event) {
    Time time = base::parse_rfc3339(event.time).value_or(Time());
    if (time < begin || (until && time > *until) || !filter.passes(event)) return true;
    std::string line = (invocation.flag("json") ? event_line(event) : shown(event)) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    return std::fflush(stdout) == 0;
  };
  while (reader.read(show)) {
    milliseconds left(-1);
    if (until) {
      left = std::chrono::duration_cast<milliseconds>(*until - std::chrono::system_clock::now());
      if (left.count() <= 0) break;
      left = std::min(left + milliseconds(1), milliseconds(60000));
    }
    reader.wait(left);
  }
  return 0;
}

}  // namespace

EventFilter::EventFilter(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    std::size_t equals = text.find('=');
    std::string key = text.substr(0, equals);
    bool known = key == "container" || key == "event" || key == "image";
    if (!known || equals == std::string::npos || equals + 1 == text.size()) {
      throw base::UsageError("--filter '" + text + "': expected container=, event= or image= with a value");
    }
    wanted_.emplace_back(key, text.substr(equals + 1));
  }
}

bool EventFilter::passes(const Event& event) const {
  return std::ranges::all_of(wanted_, [&](const auto& one) {
    return std::ranges::any_of(wanted_, [&](const auto& other) {
      return other.first == one.first && matches(event, other.first, other.second);
    });
  });
}

base::Command events_command() {
  return {
      .name = "events",
      .arguments = "",
      .summary = "show what happens to containers, as it happens",
      .options = {{.name = "since",
                   .value = "TIME",
                   .help = "begin with what happened at that time: 2026-01-02T15:04:05Z, seconds since 1970, 10m ago"},
                  {.name = "until", .value = "TIME", .help = "end with that time, which may be to come"},
                  {.name = "filter",
                   .letter = 'f',
                   .value = "KEY=VALUE",
                   .help = "only those of this container, event or image; values of one key are alternatives",
                   .repeatable = true},
                  {.name = "json", .help = "as JSON, one line an event"}},
      .run = events,
      .description =
          "Events: create, start, die, oom, kill, stop, restart, pause, unpause, exec, health_status, rename, "
          "destroy. The last ones that are kept are those of one to two MiB of lines."};
}

}  // namespace runtime
