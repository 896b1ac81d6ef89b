#include "kv/watch_streams.h"

#include <algorithm>

#include "kv/v2_answer.h"

namespace kv {

// Held by whatever it waits for: the hub, the connection or the loop.
struct WatchStreams::Stream {
  Stream(WatchStreams& owner, Watch what, std::shared_ptr<base::HttpReply> to)
      : watch(std::move(what)), reply(std::move(to)), owner_(owner), alive_(owner.alive_) {
    ++owner_.open_;
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (!alive_.expired()) --owner_.open_;
  }

  Watch watch;  // since: the next event that may be news
  std::shared_ptr<base::HttpReply> reply;
  std::uint64_t id = 0;  // in the hub, 0: not there
  bool ended = false;

 private:
  WatchStreams& owner_;
  std::weak_ptr<bool> alive_;
};

void WatchStreams::begin(Watch watch, std::shared_ptr<base::HttpReply> reply) {
  auto stream = std::make_shared<Stream>(*this, std::move(watch), std::move(reply));
  stream->reply->on_close([this, weak = std::weak_ptr(stream)] {
    const auto closed = weak.lock();
    if (!closed) return;
    closed->ended = true;
    hub_.remove(closed->id);
  });
  go_on(stream);
}

void WatchStreams::go_on(const std::shared_ptr<Stream>& stream) {
  Watch& watch = stream->watch;
  std::size_t bytes = 0;
  for (std::uint64_t looked_at = 0; !stream->ended && watch.since <= store_.revision();) {
    if (auto gap = store_.history_gap(watch.since)) return end(*stream, *gap);
    if (bytes >= limits_.turn_bytes || looked_at >= limits_.turn_events) return later(stream);
    const std::uint64_t until = watch.since + limits_.turn_events - looked_at;
    const auto events = store_.history().scan(watch.key, watch.recursive, watch.since, until);
    const std::uint64_t next = events.empty() ? std::min(until, store_.revision() + 1) : events.front()->index + 1;
    looked_at += next - watch.since;
    watch.since = next;
    for (const EventPtr& event : events) {
      bytes += encoded(event).size();
      if (!send(*stream, event)) return;
    }
    if (stream->reply->pending_bytes() > limits_.pending_bytes) {
      stream->reply->on_drained([this, stream] { go_on(stream); });
      return;
    }
  }
  if (stream->ended) return;
  stream->id = hub_.add(watch, [this, stream](const EventPtr& event) { deliver(stream, event); });
}

void WatchStreams::later(const std::shared_ptr<Stream>& stream) {
  post_([this, stream, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) go_on(stream);
  });
}

void WatchStreams::deliver(const std::shared_ptr<Stream>& stream, const EventPtr& event) {
  if (event == nullptr) {  // the state was replaced, and the history does not reach back
    if (!stream->watch.stream) return stream->reply->finish();
    return end(*stream, {ErrorCode::kWatcherCleared, "", store_.revision()});
  }
  // Between the events of one index there is no way back into the history.
  const bool first = event->index >= stream->watch.since;
  if (stream->watch.stream && first && stream->reply->pending_bytes() > limits_.pending_bytes) {
    hub_.remove(std::exchange(stream->id, 0));
    stream->watch.since = event->index;
    stream->reply->on_drained([this, stream] { go_on(stream); });
    return;
  }
  stream->watch.since = event->index + 1;
  send(*stream, event);
}

// False when that was the end.
bool WatchStreams::send(Stream& stream, const EventPtr& event) {
  stream.reply->write(encoded(event));
  if (stream.watch.stream) return true;
  stream.ended = true;
  stream.reply->finish();
  return false;
}

void WatchStreams::end(Stream& stream, const StoreError& error) {
  stream.ended = true;
  stream.reply->write(error_json(error));
  stream.reply->finish();
}

const std::string& WatchStreams::encoded(const EventPtr& event) {
  if (encoded_event_ != event) {
    encoded_event_ = event;
    encoded_text_ = event_json(*event);
  }
  return encoded_text_;
}

}  // namespace kv
