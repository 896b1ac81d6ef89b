#include "runtime/logs_command.h"

#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "runtime/journal_log.h"
#include "runtime/lifecycle.h"
#include "runtime/log_file.h"
#include "runtime/service.h"

namespace runtime {
namespace {

using Time = std::chrono::system_clock::time_point;

// "2026-01-02T15:04:05Z", "10m" (ago), or seconds since 1970.
std::optional<Time> time_option(const base::Invocation& invocation, std::string_view name) {
  if (!invocation.given(name)) return std::nullopt;
  const std::string& text = invocation.get(name);
  if (auto time = base::parse_rfc3339(text)) return time;
  if (auto seconds = base::parse_unsigned(text); seconds && *seconds < 1ull << 34) {
    return Time(std::chrono::seconds(*seconds));
  }
  if (auto ago = base::parse_duration(text)) {
    return std::chrono::system_clock::now() - std::chrono::duration_cast<Time::duration>(*ago);
  }
  throw base::UsageError("--" + std::string(name) + " '" + text +
                         "': expected a time as 2026-01-02T15:04:05Z, seconds since 1970, or how long ago, as 10m");
}

LogQuery query_of(const base::Invocation& invocation) {
  LogQuery query{.since = time_option(invocation, "since"),
                 .until = time_option(invocation, "until"),
                 .tail = {},
                 .follow = invocation.flag("follow")};
  if (invocation.given("tail") && invocation.get("tail") != "all")
    query.tail = invocation.number("tail", 0, 1000000000);
  if (query.follow && query.until) throw base::UsageError("--follow and --until exclude each other");
  return query;
}

int logs(const base::Invocation& invocation) {
  LogQuery query = query_of(invocation);
  Machine machine = machine_of(invocation);
  settle(machine);
  StateStore store(machine.state);
  ContainerState state = store.find(invocation.arguments.front());
  bool times = invocation.flag("timestamps");
  bool continued[2] = {false, false};  // of standard output and error: the last piece was a part of a line
  auto show = [&](const LogLine& line) {
    bool error = line.stream == "stderr";
    std::FILE* out = error ? stderr : stdout;
    std::string text = times && !continued[error] ? std::string(line.time) + " " : "";
    text.append(line.text);
    if (line.whole) text += '\n';
    continued[error] = !line.whole;
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
  };
  auto ended = [&] {
    std::optional<ContainerState> now = store.load(state.id);
    return !now || (!is_active(*now) && !store.is_attended(state.id)) ||
           (now->keeper == Keeper::kProcess && !store.is_attended(state.id));
  };
  if (state.log_driver == "journald") {
    read_journal(unit_of(state.id), query, ended, show);
  } else {
    read_log(store.path_of(state.id), query, ended, show);
  }
  return 0;
}

}  // namespace

base::Command logs_command() {
  return {.name = "logs",
          .arguments = "CONTAINER",
          .summary = "print what a container has written",
          .options = {{.name = "follow", .letter = 'f', .help = "go on until it ends"},
                      {.name = "timestamps", .letter = 't', .help = "with the time of each line"},
                      {.name = "since", .value = "TIME", .help = "from then on: a time, or how long ago, as 10m"},
                      {.name = "until", .value = "TIME", .help = "until then"},
                      {.name = "tail", .letter = 'n', .value = "LINES", .help = "only the last ones of these"}},
          .min_arguments = 1,
          .max_arguments = 1,
          .run = logs};
}

}  // namespace runtime
