#include "runtime/logs_command.h"

#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "runtime/journal_log.h"
#include "runtime/lifecycle.h"
#include "runtime/log_file.h"
#include "runtime/service.h"
#include "runtime/time_option.h"

namespace runtime {
namespace {

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
  show_log(store, state, query, invocation.flag("timestamps"), [&] {
    std::optional<ContainerState> now = store.load(state.id);
    return !now || (!is_active(*now) && !store.is_attended(state.id)) ||
           (now->keeper == Keeper::kProcess && !store.is_attended(state.id));
  });
  return 0;
}

}  // namespace

void show_log(const StateStore& store, const ContainerState& state, const LogQuery& query, bool times,
              const std::function<bool()>& ended) {
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
  if (state.log_driver == "journald") {
    read_journal(unit_of(state.id), query, ended, show);
  } else {
    read_log(store.path_of(state.id), query, ended, show);
  }
}

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
