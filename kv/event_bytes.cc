#include "kv/event_bytes.h"

namespace kv {

namespace {

// Version 1 had one event a record, and none of what v3 clients see.
constexpr std::uint8_t kVersion = 2;

constexpr std::uint8_t kRefresh = 1;
constexpr std::uint8_t kHasPrevious = 2;
constexpr std::uint8_t kHasTaken = 4;
constexpr std::uint8_t kForgets = 8;
constexpr std::uint8_t kMore = 16;

constexpr std::uint8_t kDirectory = 1;
constexpr std::uint8_t kHasValue = 2;
constexpr std::uint8_t kExpires = 4;
constexpr std::uint8_t kLeased = 8;

int flag(bool set, std::uint8_t value) {
  return set ? value : 0;
}

// The most that write_view() needs, for numbers of a usual size.
std::size_t view_size(const NodeView& view) {
  constexpr std::size_t kLengthsAndNumbers = 20;
  constexpr std::size_t kExpiry = 20;
  constexpr std::size_t kLease = 10;
  return kLengthsAndNumbers + view.key.size() + (view.value ? view.value->size() : 0) +
         (view.expires_at ? kExpiry : 0) + (view.lease != 0 ? kLease : 0);
}

std::size_t event_size(const StoreEvent& event) {
  constexpr std::size_t kHead = 10;
  std::size_t size = kHead + view_size(event.node) + (event.previous ? view_size(*event.previous) : 0);
  for (const NodeView& view : event.taken) size += view_size(view);
  return size;
}

// Events of changes name no children, so a view is flat.
void write_view(ByteWriter& out, const NodeView& view) {
  out.byte(static_cast<std::uint8_t>(flag(view.directory, kDirectory) | flag(view.value.has_value(), kHasValue) |
                                     flag(view.expires_at.has_value(), kExpires) | flag(view.lease != 0, kLeased)));
  out.text(view.key);
  if (view.value) out.text(*view.value);
  if (view.expires_at) {
    out.number(static_cast<std::uint64_t>(*view.expires_at));
    out.number(static_cast<std::uint64_t>(view.ttl));
  }
  out.number(view.modified_index);
  out.number(view.created_index);
  if (view.value) {
    out.number(view.create_revision);
    out.number(view.version);
  }
  if (view.lease != 0) out.number(static_cast<std::uint64_t>(view.lease));
}

std::uint8_t read_view_flags(ByteReader& in, std::uint8_t version) {
  const std::uint8_t flags = in.byte();
  const int known = kDirectory | kHasValue | kExpires | (version == 1 ? 0 : kLeased);
  if ((flags & ~known) != 0) in.fail("unknown flag of a node");
  return flags;
}

// What follows the flags and the key; of a node that is passed over nothing is copied.
void read_view_rest(ByteReader& in, std::uint8_t version, std::uint8_t flags, NodeView* view) {
  NodeView passed_over;
  NodeView& to = view == nullptr ? passed_over : *view;
  if ((flags & kHasValue) != 0) {
    const std::string_view value = in.view();
    if (view != nullptr) to.value = std::string(value);
  }
  if ((flags & kExpires) != 0) {
    to.expires_at = static_cast<std::int64_t>(in.number());
    to.ttl = static_cast<std::int64_t>(in.number());
  }
  to.modified_index = in.number();
  to.created_index = in.number();
  if ((flags & kHasValue) != 0) {
    to.create_revision = version == 1 ? to.created_index : in.number();
    to.version = version == 1 ? 1 : in.number();
  }
  if ((flags & kLeased) != 0) to.lease = static_cast<std::int64_t>(in.number());
}

NodeView read_view(ByteReader& in, std::uint8_t version) {
  NodeView view;
  const std::uint8_t flags = read_view_flags(in, version);
  view.directory = (flags & kDirectory) != 0;
  view.key = in.text();
  read_view_rest(in, version, flags, &view);
  return view;
}

void skip_view(ByteReader& in, std::uint8_t version) {
  const std::uint8_t flags = read_view_flags(in, version);
  in.view();
  read_view_rest(in, version, flags, nullptr);
}

// A node takes some bytes at least: a count that cannot be is noticed before anything is made room for.
std::uint64_t read_count(ByteReader& in) {
  const std::uint64_t count = in.number();
  if (count > in.rest().size()) in.fail("it ends too early");
  return count;
}

struct EventHead {
  std::uint8_t version = 0;
  EventAction action = EventAction::kGet;
  std::uint8_t flags = 0;
  std::uint64_t index = 0;
};

EventHead read_head(ByteReader& in) {
  EventHead head;
  head.version = in.byte();
  if (head.version == 0 || head.version > kVersion) in.fail("unknown version");
  const std::uint8_t action = in.byte();
  if (action < static_cast<std::uint8_t>(EventAction::kCreate) ||
      action > static_cast<std::uint8_t>(EventAction::kExpire)) {
    in.fail("unknown action");
  }
  head.action = static_cast<EventAction>(action);
  head.flags = in.byte();
  const int known = kRefresh | kHasPrevious | (head.version == 1 ? 0 : kHasTaken | kForgets | kMore);
  if ((head.flags & ~known) != 0) in.fail("unknown flag");
  head.index = in.number();
  return head;
}

void write_event(ByteWriter& out, const StoreEvent& event, bool more) {
  out.byte(kVersion);
  out.byte(static_cast<std::uint8_t>(event.action));
  out.byte(static_cast<std::uint8_t>(flag(event.refresh, kRefresh) | flag(event.previous.has_value(), kHasPrevious) |
                                     flag(!event.taken.empty(), kHasTaken) | flag(event.forgets, kForgets) |
                                     flag(more, kMore)));
  out.number(event.index);
  write_view(out, event.node);
  if (event.previous) write_view(out, *event.previous);
  if (event.taken.empty()) return;
  out.number(event.taken.size());
  for (const NodeView& view : event.taken) write_view(out, view);
}

}  // namespace

std::string encode(std::span<const EventPtr> events) {
  // The history keeps a hundred thousand of them: with room for no more than what is in them.
  std::size_t size = 0;
  for (const EventPtr& event : events) size += event_size(*event);
  ByteWriter out(size);
  for (std::size_t i = 0; i < events.size(); ++i) write_event(out, *events[i], i + 1 < events.size());
  return out.take();
}

std::vector<StoreEvent> decode_events(std::string_view record) {
  ByteReader in(record, "event");
  std::vector<StoreEvent> events;
  for (bool more = true; more;) {
    const EventHead head = read_head(in);
    more = (head.flags & kMore) != 0;
    StoreEvent& event = events.emplace_back(StoreEvent{.action = head.action, .node = read_view(in, head.version)});
    event.refresh = (head.flags & kRefresh) != 0;
    event.forgets = (head.flags & kForgets) != 0 || (head.version == 1 && event.removes_directory());
    event.index = head.index;
    if (event.index != events.front().index) in.fail("events of two indices");
    if ((head.flags & kHasPrevious) != 0) event.previous = read_view(in, head.version);
    if ((head.flags & kHasTaken) == 0) continue;
    for (std::uint64_t left = read_count(in); left > 0; --left) event.taken.push_back(read_view(in, head.version));
  }
  in.end();
  return events;
}

std::optional<EventGist> GistReader::next() {
  if (!more_) return std::nullopt;
  if (version_ != 0) {  // the rest of the one before
    read_view_rest(in_, version_, node_flags_, nullptr);
    if ((flags_ & kHasPrevious) != 0) skip_view(in_, version_);
    if ((flags_ & kHasTaken) != 0) {
      for (std::uint64_t left = read_count(in_); left > 0; --left) skip_view(in_, version_);
    }
  }
  const EventHead head = read_head(in_);
  version_ = head.version;
  flags_ = head.flags;
  more_ = (head.flags & kMore) != 0;
  node_flags_ = read_view_flags(in_, version_);
  return EventGist{head.action, (flags_ & kRefresh) != 0, (node_flags_ & kDirectory) != 0, in_.view()};
}

}  // namespace kv
