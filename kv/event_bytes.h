#pragma once
// Events as the history keeps them, in memory and on disk (docs/formats/kv-store.md): a record holds the events of one
// index, at least one. Events of reads have no such form.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/bytes.h"
#include "kv/event.h"

namespace kv {

std::string encode(std::span<const EventPtr> events);

// Throws base::Error for bytes that encode() has not made, now or in an earlier version.
std::vector<StoreEvent> decode_events(std::string_view record);

// What decides for whom the events of a record are news, one after the other, without a copy: the keys are parts of the
// record. Throws base::Error.
class GistReader {
 public:
  explicit GistReader(std::string_view record) : in_(record, "event") {}
  std::optional<EventGist> next();

 private:
  ByteReader in_;
  bool more_ = true;
  std::uint8_t version_ = 0;  // of the event under way, whose rest is still to be read
  std::uint8_t flags_ = 0;
  std::uint8_t node_flags_ = 0;
};

}  // namespace kv
