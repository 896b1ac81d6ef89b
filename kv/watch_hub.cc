#include "kv/watch_hub.h"

#include "kv/client/key_path.h"
#include "kv/history.h"

namespace kv {

std::uint64_t WatchHub::add(Watch watch, Deliver deliver) {
  std::uint64_t id = ++last_id_;
  keys_[id] = watch.key;
  std::string key = watch.key;
  watchers_[key].emplace(id, Entry{std::move(watch), std::make_shared<const Deliver>(std::move(deliver))});
  return id;
}

void WatchHub::remove(std::uint64_t id) {
  auto key = keys_.find(id);
  if (key == keys_.end()) return;
  auto watchers = watchers_.find(key->second);
  watchers->second.erase(id);
  if (watchers->second.empty()) watchers_.erase(watchers);
  keys_.erase(key);
}

void WatchHub::clear() {
  std::vector<std::shared_ptr<const Deliver>> all;
  for (auto& [key, watchers] : watchers_) {
    for (auto& [id, entry] : watchers) all.push_back(std::move(entry.deliver));
  }
  watchers_.clear();
  keys_.clear();
  for (const auto& deliver : all) (*deliver)(nullptr);
}

void WatchHub::notify(const EventPtr& event) {
  // Collected first: a delivery may change the tables.
  std::vector<std::uint64_t> ids;
  auto collect = [&](const Watchers& watchers) {
    for (const auto& [id, entry] : watchers) {
      const Watch& watch = entry.watch;
      if (event->index >= watch.since && concerns(*event, watch.key, watch.recursive)) ids.push_back(id);
    }
  };
  const std::string& key = event->node.key;
  if (auto root = watchers_.find("/"); root != watchers_.end()) collect(root->second);
  for (std::size_t end = key.find('/', 1); key.size() > 1; end = key.find('/', end + 1)) {
    auto at = watchers_.find(std::string_view(key).substr(0, end));
    if (at != watchers_.end()) collect(at->second);
    if (end == std::string::npos) break;
  }
  if (event->removes_directory()) {
    for (auto at = watchers_.lower_bound(key + "/"); at != watchers_.end() && is_below(at->first, key); ++at) {
      collect(at->second);
    }
  }

  for (std::uint64_t id : ids) {
    auto at = keys_.find(id);
    if (at == keys_.end()) continue;
    const Entry& entry = watchers_.find(at->second)->second.at(id);
    // Held here: a delivery may end its own watch.
    const std::shared_ptr<const Deliver> deliver = entry.deliver;
    if (!entry.watch.stream) remove(id);
    (*deliver)(event);
  }
}

}  // namespace kv
