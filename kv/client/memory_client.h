#pragma once
// A store in memory behind the client's interface: for unit tests of the rooms that use the store. Clients made from one
// MemoryStore see each other's writes. TTLs end when the manual clock says so.

#include <memory>

#include "base/clock.h"
#include "kv/client/client.h"

namespace kv {

class MemoryStore {
 public:
  explicit MemoryStore(base::ManualClock& clock);
  ~MemoryStore();
  std::unique_ptr<Client> client();
  // Removes what has run out by the clock; call it after advancing.
  void expire();
  // Every call of every client throws base::Error while true.
  void set_down(bool down);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace kv
