#pragma once
// A store in memory behind the client's interface: for unit tests of the rooms that use the store. Clients made from
// one MemoryStore see each other's writes. TTLs end when the manual clock says so. Indices start as on a fresh store:
// the first write has index 4.

#include <memory>

#include "base/clock.h"
#include "kv/client/client.h"

namespace kv {

// Any thread, but for the clock, which the test moves while no call is under way.
class MemoryStore {
 public:
  explicit MemoryStore(base::ManualClock& clock);
  ~MemoryStore();
  std::unique_ptr<Client> client();
  // Removes what has run out by the clock; call it after advancing.
  void expire();
  // Every call of every client throws base::Error while true; watches under way end so as well.
  void set_down(bool down);
  // Forgets the history, as the store does at its bound: a watch from an index up to now throws Compacted.
  void compact();

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace kv
