#include "sched/lease.h"

#include "sched/records.h"

namespace sched {

Lease::Lease(kv::Client& client, std::string key, std::string machine_id, std::chrono::seconds ttl,
             const base::Clock& clock, std::int64_t version)
    : client_(client),
      key_(std::move(key)),
      machine_id_(std::move(machine_id)),
      ttl_(ttl),
      clock_(clock),
      version_(version) {}

bool Lease::hold() {
  if (index_ == 0) return take();
  const auto node = client_.get(key_);
  if (node && node->modified_index == index_) {
    if (valid_until_ - clock_.now() > ttl_ / 2 || swap(index_)) return true;
  }
  index_ = 0;  // somebody took it, or it ran out
  return false;
}

bool Lease::take() {
  const auto node = client_.get(key_);
  if (!node) {
    const auto asked_at = clock_.now();
    return won(client_.put(key_, write_lease({machine_id_, version_}), {.ttl = ttl_, .previous_exists = false}),
               asked_at);
  }
  const auto record = read_lease(node->value);
  // Ours from before a restart, or an older engine's.
  if (record && (record->machine_id == machine_id_ || record->version < version_)) return swap(node->modified_index);
  return false;
}

bool Lease::swap(std::uint64_t previous_index) {
  const auto asked_at = clock_.now();
  return won(client_.put(key_, write_lease({machine_id_, version_}), {.ttl = ttl_, .previous_index = previous_index}),
             asked_at);
}

bool Lease::won(const std::optional<kv::Node>& written, base::Clock::Time asked_at) {
  if (!written) return false;
  index_ = written->modified_index;
  valid_until_ = asked_at + ttl_;
  return true;
}

void Lease::release() {
  if (index_ == 0) return;
  index_ = 0;
  client_.remove(key_, false, write_lease({machine_id_, version_}));
}

}  // namespace sched
