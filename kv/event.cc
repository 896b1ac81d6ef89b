#include "kv/event.h"

#include "kv/bytes.h"

namespace kv {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kRefresh = 1;
constexpr std::uint8_t kHasPrevious = 2;
constexpr std::uint8_t kDirectory = 1;
constexpr std::uint8_t kHasValue = 2;
constexpr std::uint8_t kExpires = 4;

// The most that write_view() needs, for numbers of a usual size.
std::size_t view_size(const NodeView& view) {
  constexpr std::size_t kLengthsAndIndices = 16;
  constexpr std::size_t kExpiry = 20;
  return kLengthsAndIndices + view.key.size() + (view.value ? view.value->size() : 0) + (view.expires_at ? kExpiry : 0);
}

// Events of changes name no children, so a view is flat.
void write_view(ByteWriter& out, const NodeView& view) {
  out.byte(static_cast<std::uint8_t>((view.directory ? kDirectory : 0) | (view.value ? kHasValue : 0) |
                                     (view.expires_at ? kExpires : 0)));
  out.text(view.key);
  if (view.value) out.text(*view.value);
  if (view.expires_at) {
    out.number(static_cast<std::uint64_t>(*view.expires_at));
    out.number(static_cast<std::uint64_t>(view.ttl));
  }
  out.number(view.modified_index);
  out.number(view.created_index);
}

NodeView read_view(ByteReader& in) {
  NodeView view;
  std::uint8_t flags = in.byte();
  if ((flags & ~(kDirectory | kHasValue | kExpires)) != 0) in.fail("unknown flag of a node");
  view.directory = (flags & kDirectory) != 0;
  view.key = in.text();
  if ((flags & kHasValue) != 0) view.value = in.text();
  if ((flags & kExpires) != 0) {
    view.expires_at = static_cast<std::int64_t>(in.number());
    view.ttl = static_cast<std::int64_t>(in.number());
  }
  view.modified_index = in.number();
  view.created_index = in.number();
  return view;
}

}  // namespace

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

std::string encode(const StoreEvent& event) {
  // The history keeps a hundred thousand of them: with room for no more than what is in them.
  constexpr std::size_t kHead = 8;
  ByteWriter out(kHead + view_size(event.node) + (event.previous ? view_size(*event.previous) : 0));
  out.byte(kVersion);
  out.byte(static_cast<std::uint8_t>(event.action));
  out.byte(static_cast<std::uint8_t>((event.refresh ? kRefresh : 0) | (event.previous ? kHasPrevious : 0)));
  out.number(event.index);
  write_view(out, event.node);
  if (event.previous) write_view(out, *event.previous);
  return out.take();
}

namespace {

struct EventHead {
  EventAction action = EventAction::kGet;
  std::uint8_t flags = 0;
  std::uint64_t index = 0;
};

EventHead read_head(ByteReader& in) {
  if (in.byte() != kVersion) in.fail("unknown version");
  EventHead head;
  std::uint8_t action = in.byte();
  if (action < static_cast<std::uint8_t>(EventAction::kCreate) ||
      action > static_cast<std::uint8_t>(EventAction::kExpire)) {
    in.fail("unknown action");
  }
  head.action = static_cast<EventAction>(action);
  head.flags = in.byte();
  if ((head.flags & ~(kRefresh | kHasPrevious)) != 0) in.fail("unknown flag");
  head.index = in.number();
  return head;
}

}  // namespace

StoreEvent decode_event(std::string_view bytes) {
  ByteReader in(bytes, "event");
  EventHead head = read_head(in);
  StoreEvent event{.action = head.action, .node = read_view(in)};
  event.refresh = (head.flags & kRefresh) != 0;
  event.index = head.index;
  if ((head.flags & kHasPrevious) != 0) event.previous = read_view(in);
  in.end();
  return event;
}

EventGist decode_gist(std::string_view bytes) {
  ByteReader in(bytes, "event");
  EventHead head = read_head(in);
  const bool directory = (in.byte() & kDirectory) != 0;
  return {head.action, (head.flags & kRefresh) != 0, directory, in.view()};
}

}  // namespace kv
