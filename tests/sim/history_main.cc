// kv_history: is a history of calls that was recorded somewhere else (tests/lab/kv_history.py) linearizable?
//
// One call a line, as JSON, in any order:
//   {"client":"c1","call":"write","key":"/h/k1","value":"c1.7","from":120,"to":245}
//   client    who called, for people                            value     what a write or a swap writes
//   call      read, write, swap or delete                       expected  what a swap replaces
//   from, to  when it was made and answered, in any unit that   done      of a swap or a delete: it was done
//             grows; without "to" there was no answer           seen      what a read saw; null: no such key

#include <cstdio>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "linearizability.h"

namespace {

using base::Error;
using Kind = sim::Call::Kind;

constexpr const char* kUsage =
    "usage: kv_history FILE\n"
    "\n"
    "Tells whether the history in FILE is linearizable: one JSON object a line, described in tests/sim/README.md.\n"
    "Exit code: 0 it is (keys on which the search gave up are named), 1 it is not, 2 the file cannot be read.\n";

Kind kind_of(const std::string& name, const std::string& where) {
  static const std::map<std::string, Kind> kNames{
      {"read", Kind::kRead}, {"write", Kind::kWrite}, {"swap", Kind::kCompareAndSwap}, {"delete", Kind::kDelete}};
  const auto found = kNames.find(name);
  if (found == kNames.end()) throw Error("read", where, "the call is '" + name + "': read, write, swap or delete");
  return found->second;
}

// What an answer must have, so that a recorder's mistake is no good history.
void require(const base::Json& json, std::string_view field, const std::string& where) {
  if (!json.contains(field)) throw Error("read", where, std::format("'{}' is missing", field));
}

sim::Call call_of(const base::Json& json, const std::string& where) {
  if (!json.is_object()) throw Error("read", where, "no JSON object");
  for (std::string_view field : {"call", "key", "from"}) require(json, field, where);
  sim::Call call;
  call.kind = kind_of(base::json_string(json, "call"), where);
  call.key = base::json_string(json, "key");
  call.called = base::json_integer(json, "from");
  call.answered = json.contains("to");
  const bool writes = call.kind == Kind::kWrite || call.kind == Kind::kCompareAndSwap;
  if (writes) require(json, "value", where);
  call.value = base::json_string(json, "value");
  if (call.kind == Kind::kCompareAndSwap) require(json, "expected", where);
  call.expected = base::json_string(json, "expected");
  if (!call.answered) return call;
  call.returned = base::json_integer(json, "to");
  if (call.returned < call.called) throw Error("read", where, "it was answered before it was made");
  if (call.kind == Kind::kRead) {
    require(json, "seen", where);
    if (!json["seen"].is_null()) call.seen = base::json_string(json, "seen");
    call.succeeded = call.seen.has_value();
  } else if (call.kind != Kind::kWrite) {
    require(json, "done", where);
    call.succeeded = base::json_bool(json, "done");
  }
  return call;
}

sim::Call read_line(std::string_view line, const std::string& where) {
  const base::Json json = base::parse_json(line, where);
  try {
    return call_of(json, where);
  } catch (const Error& error) {
    if (std::string_view(error.what()).contains(where)) throw;
    throw Error("read", where, error.what());
  }
}

using Histories = std::map<std::string, std::vector<sim::Call>>;

Histories read_history(const std::string& path) {
  constexpr std::size_t kMaxBytes = 512 * 1024 * 1024;
  const std::string text = base::read_file(path, kMaxBytes);
  Histories by_key;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string where = std::format("{}:{}", path, ++number);
    sim::Call call = read_line(std::string_view(text).substr(at, end - at), where);
    by_key[call.key].push_back(std::move(call));
    at = end + 1;
  }
  if (by_key.empty()) throw Error("read", path, "it has no call");
  return by_key;
}

int check(const std::string& path) {
  std::size_t calls = 0;
  std::size_t unanswered = 0;
  std::size_t bad = 0;
  std::size_t undecided = 0;
  const Histories by_key = read_history(path);
  for (const auto& [key, history] : by_key) {
    calls += history.size();
    for (const sim::Call& call : history) unanswered += call.answered ? 0 : 1;
    const sim::Verdict verdict = sim::check_history(history);
    if (!verdict.violation.empty()) {
      std::fputs(verdict.violation.c_str(), stdout);
      ++bad;
    } else if (verdict.undecided_keys > 0) {
      std::puts(std::format("undecided: {}, the search for an order of its {} calls was given up", key, history.size())
                    .c_str());
      ++undecided;
    }
  }
  std::puts(std::format("{} calls ({} without an answer) on {} keys: {} not linearizable, {} undecided", calls,
                        unanswered, by_key.size(), bad, undecided)
                .c_str());
  return bad == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view first = argc == 2 ? argv[1] : "";
  if (first == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (first.empty() || first.starts_with('-')) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    return check(std::string(first));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kv_history: %s\n", error.what());
    return 2;
  }
}
