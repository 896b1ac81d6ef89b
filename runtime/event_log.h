#pragma once
// What has happened to the containers, as a bounded file in the state directory that every command appends to: there
// is no daemon that could be asked. Format: docs/runtime.md.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/json.h"
#include "runtime/state.h"

namespace runtime {

inline constexpr std::uint64_t kEventBytes = 1024 * 1024;  // of each of the two files, ".events" and ".events.1"
inline constexpr std::size_t kEventText = 1024;            // bytes of one text in an event; what is longer is cut

struct Event {
  std::string time;   // RFC 3339
  std::string event;  // "create", "start", "die", …
  std::string id, name, image;
  base::Json attributes = base::Json::object();  // of this kind of event: exitCode, signal, health, command, oldName
};

// One line, without its end; and back: nothing when it is none of ours.
std::string event_line(const Event& event);
std::optional<Event> event_from_line(std::string_view line);

// Writes it down with the present time. An event that cannot be written is a warning in the log: what happened has
// happened.
void record_event(const StateStore& store, const ContainerState& state, std::string_view event,
                  base::Json attributes = base::Json::object());

// Reads events, oldest first, and then those that come.
class EventReader {
 public:
  // `directory`: the state directory, which is made when it is not there.
  explicit EventReader(const std::string& directory);

  // Gives all that there are, and have come since the last call, to `show`. False from it ends the reading.
  bool read(const std::function<bool(const Event&)>& show);
  // Until there may be more, or the time is over; a negative time is without end.
  void wait(std::chrono::milliseconds time) const;

 private:
  bool take_lines(const std::function<bool(const Event&)>& show);

  base::Fd directory_;
  base::Fd watch_;
  base::Fd file_;     // the one that is read
  std::string rest_;  // the beginning of a line whose end has not come
};

}  // namespace runtime
