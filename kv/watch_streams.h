#pragma once
// Watches as HTTP clients have them: first what the history holds since the index that was asked for, then each event
// as it comes, one (long poll) or all (stream). A stream whose client is slow holds few bytes: it falls behind and goes
// on from the history when it has taken them. One that the history has left behind ends with etcd's error 401, which
// says where it was.
//
// The loop's thread.

#include <cstdint>
#include <memory>
#include <string>

#include "base/http_server.h"
#include "kv/engine.h"
#include "kv/store.h"
#include "kv/watch_hub.h"

namespace kv {

struct WatchLimits {
  std::size_t watchers = 16'000;          // at a time
  std::size_t pending_bytes = 64 * 1024;  // not taken by the client: then it falls behind
  std::size_t turn_bytes = 256 * 1024;    // from the history in one turn of the loop
  std::uint64_t turn_events = 5'000;      // of the history looked at in one turn
};

class WatchStreams {
 public:
  // `store` and `hub` must outlive it and the server.
  WatchStreams(const Store& store, WatchHub& hub, Post post, WatchLimits limits)
      : store_(store), hub_(hub), post_(std::move(post)), limits_(limits) {}

  // There are as many as may be: no further begin().
  bool full() const { return open_ >= limits_.watchers; }
  std::size_t open() const { return open_; }

  // REQUIRES: the head was sent; watch.since > 0.
  void begin(Watch watch, std::shared_ptr<base::HttpReply> reply);

 private:
  struct Stream;

  void go_on(const std::shared_ptr<Stream>& stream);
  void later(const std::shared_ptr<Stream>& stream);
  void deliver(const std::shared_ptr<Stream>& stream, const EventPtr& event);
  bool send(Stream& stream, const EventPtr& event);
  void end(Stream& stream, const StoreError& error);
  const std::string& encoded(const EventPtr& event);

  const Store& store_;
  WatchHub& hub_;
  Post post_;
  WatchLimits limits_;
  std::size_t open_ = 0;
  EventPtr encoded_event_;  // the one that was delivered last, and its bytes: many may watch the same key
  std::string encoded_text_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what was posted
};

}  // namespace kv
