#pragma once
// The changes that one revision makes to keys, for transactions and for leases that end. A part of store.cc's class.

#include <cstdint>
#include <string>
#include <vector>

#include "kv/store.h"

namespace kv {

class Store::KeyWriter {
 public:
  // `now`: the proposer's, for the TTLs that events show.
  KeyWriter(Store& store, std::int64_t now) : store_(store), now_(now), index_(store.revision() + 1) {}

  // What was there before. REQUIRES: refusal() has found nothing.
  std::optional<KeyValue> put(const PutRequest& put);
  KeyValue remove(TreeNode& node, const std::string& path, EventAction action);

  // Since it was made; the store has them when record() is called, with the new revision when there are any.
  const std::vector<EventPtr>& events() const { return events_; }
  std::vector<EventPtr> record();

 private:
  void add(StoreEvent event);

  Store& store_;
  std::int64_t now_;
  std::uint64_t index_;
  std::vector<EventPtr> events_;
  std::size_t taken_bytes_ = 0;
};

}  // namespace kv
