#include "kv/event.h"

namespace kv {

std::string_view action_name(EventAction action) {
  switch (action) {
    case EventAction::kGet:
      return "get";
    case EventAction::kCreate:
      return "create";
    case EventAction::kSet:
      return "set";
    case EventAction::kUpdate:
      return "update";
    case EventAction::kDelete:
      return "delete";
    case EventAction::kCompareAndSwap:
      return "compareAndSwap";
    case EventAction::kCompareAndDelete:
      return "compareAndDelete";
    case EventAction::kExpire:
      return "expire";
  }
  return "";
}

bool StoreEvent::created() const {
  return action == EventAction::kCreate || (action == EventAction::kSet && !previous);
}

bool EventGist::removes_directory() const {
  return (action == EventAction::kDelete || action == EventAction::kExpire) && directory;
}

bool StoreEvent::removes_directory() const {
  return gist_of(*this).removes_directory();
}

EventGist gist_of(const StoreEvent& event) {
  return {event.action, event.refresh, event.node.directory, event.node.key};
}

}  // namespace kv
