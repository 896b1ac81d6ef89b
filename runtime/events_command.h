#pragma once
// `container events`.

#include <string>
#include <vector>

#include "base/applet.h"
#include "runtime/event_log.h"

namespace runtime {

base::Command events_command();

// What is shown: values of one key are alternatives, all keys must hold. "container=NAME or id", "event=WORD",
// "image=REFERENCE".
class EventFilter {
 public:
  // Throws base::UsageError for another key, or none.
  explicit EventFilter(const std::vector<std::string>& texts);
  bool passes(const Event& event) const;

 private:
  std::vector<std::pair<std::string, std::string>> wanted_;
};

}  // namespace runtime
