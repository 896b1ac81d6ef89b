// What the log holds: commands, and transactions in them. Bytes that are one mean the same when they are made again,
// and whatever they do to a state, its checkpoint holds the same and its events can be read. Input: for each command a
// byte for its size (of 16 bytes each; 0: the rest) and its bytes.

#include <algorithm>

#include "base/error.h"
#include "fuzz.h"
#include "kv/client/key_path.h"
#include "kv/event_bytes.h"
#include "kv/key_history.h"
#include "kv/store.h"

namespace {

// Commands are checked where they are proposed: a log has none that nobody may propose. Times are those of a clock.
bool may_be_proposed(const kv::Command& command) {
  constexpr std::int64_t kLatest = INT64_MAX / 2;
  if (std::min(command.time, command.expires_at) < 0 || std::max(command.time, command.expires_at) > kLatest)
    return false;
  if (command.operation < kv::Operation::kAddMember) {
    const bool namespaced = command.key.starts_with("/0/") || command.key.starts_with("/1/");
    return namespaced && kv::clean_key(command.key) == command.key;
  }
  if (command.operation != kv::Operation::kTransaction) return true;
  const kv::Transaction transaction = kv::decode_transaction(command.value);
  fuzz::must(kv::decode_transaction(kv::encode(transaction)) == transaction, "a transaction means what its bytes mean");
  return !kv::check(transaction);
}

void holds_together(kv::Store& store) {
  const std::string no_end(1, '\0');
  const kv::RangeRequest all{.range = {no_end, no_end}, .revision = store.compacted()};
  if (all.revision != 0) (void)store.range(all);
  kv::StoreChanges changes = store.take_changes();
  for (const std::string& record : changes.events) {
    for (const kv::StoreEvent& event : kv::decode_events(record)) (void)kv::key_changes(event);
  }
  kv::Store loaded;
  loaded.restore({changes.position, changes.nodes, changes.events});
  fuzz::must(loaded.digest() == store.digest(), "a checkpoint holds the state");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  kv::Store store;
  std::uint64_t index = 0;
  while (!input.empty()) {
    const std::size_t units = input.byte();
    const std::string bytes = std::string(units == 0 ? input.rest() : input.text(units * 16));
    try {
      const kv::Command command = kv::decode_command(bytes);
      fuzz::must(kv::decode_command(kv::encode(command)) == command, "a command means what its bytes mean");
      if (may_be_proposed(command)) store.apply(command, ++index, 1);
    } catch (const base::Error&) {
    }
    if (units == 0) break;
  }
  holds_together(store);
  return 0;
}
