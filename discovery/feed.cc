#include "discovery/feed.h"

#include "base/error.h"
#include "base/log.h"

namespace discovery {

Feed::Feed(std::unique_ptr<kv::Client> store, std::string prefix, Snapshot& snapshot, Post post,
           std::chrono::milliseconds retry_after)
    : store_(std::move(store)),
      prefix_(std::move(prefix)),
      snapshot_(snapshot),
      post_(std::move(post)),
      retry_after_(retry_after),
      room_(std::make_shared<std::counting_semaphore<kMaxPending>>(kMaxPending)),
      thread_([this] { run(); }) {}

Feed::~Feed() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  store_->cancel();
  thread_.join();
}

bool Feed::stopping() {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void Feed::to_loop(std::function<void(Snapshot&)> change) {
  while (!room_->try_acquire_for(std::chrono::milliseconds(100))) {
    if (stopping()) return;
  }
  post_([change = std::move(change), room = room_, snapshot = &snapshot_] {
    change(*snapshot);
    room->release();
  });
}

void Feed::list_and_watch() {
  const std::string key = "/" + prefix_;
  const kv::Listing listing = store_->list(key);
  auto zone = std::make_shared<std::unique_ptr<Zone>>(std::make_unique<Zone>(prefix_));
  for (const kv::Node& node : listing.nodes) {
    if (const auto problem = (*zone)->set(node)) base::log_warning("record left out: {}", *problem);
  }
  base::log_info("zone read: {} records at index {}", (*zone)->size(), listing.index);
  to_loop([zone, index = listing.index](Snapshot& snapshot) {
    snapshot.zone = std::move(*zone);
    snapshot.feed = {.connected = true, .index = index};
  });

  store_->watch(key, listing.index + 1, [this](const kv::Event& event) {
    to_loop([event](Snapshot& snapshot) {
      snapshot.feed = {.connected = true, .index = event.node.modified_index};
      if (event.action != kv::Action::kSet) {
        snapshot.zone->remove(event.node.key);
      } else if (const auto problem = snapshot.zone->set(event.node)) {
        base::log_warning("record left out: {}", *problem);
      }
    });
    return !stopping();
  });
}

void Feed::run() {
  std::string last_error;
  while (!stopping()) {
    bool again_at_once = false;
    try {
      list_and_watch();
      last_error.clear();
    } catch (const kv::Compacted& compacted) {
      base::log_info("the store forgot what was before index {}: reading the zone anew", compacted.index);
      again_at_once = true;
    } catch (const base::Error& error) {
      if (stopping()) return;
      if (error.what() != last_error) base::log_warning("answering from what is known: {}", error.what());
      last_error = error.what();
      to_loop([](Snapshot& snapshot) { snapshot.feed.connected = false; });
    }
    std::unique_lock lock(mutex_);
    if (!again_at_once) wake_.wait_for(lock, retry_after_, [this] { return stopping_; });
  }
}

}  // namespace discovery
