#include "discovery/confd/watcher.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "kv/client/key_path.h"

namespace discovery::confd {

void Changes::mark(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    keys_.insert(key);
  }
  changed_.notify_all();
}

std::set<std::string> Changes::take(std::chrono::milliseconds patience, std::chrono::milliseconds quiet,
                                    std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [this] { return stopped_ || !keys_.empty(); })) return {};
  const auto deadline = std::chrono::steady_clock::now() + most;
  while (!stopped_) {
    const auto until = std::min(std::chrono::steady_clock::now() + quiet, deadline);
    if (changed_.wait_until(lock, until) == std::cv_status::timeout) break;
  }
  if (stopped_) return {};
  return std::exchange(keys_, {});
}

void Changes::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

bool Changes::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

Watcher::Watcher(std::unique_ptr<kv::Client> store, std::string key, Changes& changes,
                 std::chrono::milliseconds retry_after)
    : store_(std::move(store)), key_(std::move(key)), changes_(changes), retry_after_(retry_after), thread_([this] {
        run();
      }) {}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  store_->cancel();
  thread_.join();
}

void Watcher::run() {
  std::string last_error;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    bool again_at_once = false;
    lock.unlock();
    try {
      const std::uint64_t index = store_->list(key_).index;
      last_error.clear();
      changes_.mark(key_);
      store_->watch(key_, index + 1, [this](const kv::Event&) {
        changes_.mark(key_);
        return true;
      });
    } catch (const kv::Compacted& compacted) {
      base::log_info("the store forgot what was before index {}: reading {} anew", compacted.index, key_);
      again_at_once = true;
    } catch (const base::Error& error) {
      lock.lock();
      if (stopping_) return;
      lock.unlock();
      if (error.what() != last_error) base::log_warning("cannot watch {}, trying again: {}", key_, error.what());
      last_error = error.what();
    }
    lock.lock();
    if (!again_at_once) wake_.wait_for(lock, retry_after_, [this] { return stopping_; });
  }
}

std::set<std::string> keys_to_watch(const std::vector<Resource>& resources) {
  std::set<std::string> all;
  for (const Resource& resource : resources) {
    for (const std::string& key : resource.keys) all.insert(resource.store_key(key));
  }
  std::set<std::string> kept;
  for (const std::string& key : all) {
    const bool covered = std::ranges::any_of(all, [&](const std::string& other) { return kv::is_below(key, other); });
    if (!covered) kept.insert(key);
  }
  return kept;
}

bool concerns(const std::string& watched, const Resource& resource) {
  return std::ranges::any_of(resource.keys, [&](const std::string& key) {
    const std::string in_store = resource.store_key(key);
    return in_store == watched || kv::is_below(in_store, watched);
  });
}

}  // namespace discovery::confd
