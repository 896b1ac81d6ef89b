#pragma once
// The reboot semaphore of the cluster: how many machines may be down for a reboot at once, and which are. Key, JSON and
// error texts are locksmith's (contracts: coreos.com/updateengine/rebootlock), so that both tools can share a store.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/client/client.h"

namespace updater {

struct Semaphore {
  std::int64_t available = 1;  // "semaphore" in the JSON; negative after the maximum was lowered below the holders
  std::int64_t max = 1;
  std::vector<std::string> holders;  // sorted

  // Throw base::Error with locksmith's words: "holder exists", "semaphore is at 0", "holder does not exist".
  void lock(const std::string& holder);
  void unlock(const std::string& holder);
  // Moves `available` by the same difference. Returns the old maximum.
  std::int64_t set_max(std::int64_t new_max);
};

// {"semaphore":1,"max":1,"holders":null}; `where` names the source in the error of a malformed one.
Semaphore parse_semaphore(std::string_view json, std::string_view where);
std::string to_json_text(const Semaphore& semaphore);

// The key of a group; "" is the group of machines that were given none. Names are escaped as Go's url.QueryEscape does.
std::string semaphore_key(std::string_view group);

// The semaphore in the store. It is created with its defaults when there is none. Blocking; throws base::Error.
class SemaphoreLock {
 public:
  SemaphoreLock(kv::Client& store, std::string_view group) : store_(store), key_(semaphore_key(group)) {}

  Semaphore get();
  void lock(const std::string& holder);
  void unlock(const std::string& holder);
  // As unlock, but a lock that is not held is an expected outcome: false, and nothing is written.
  bool release(const std::string& holder);
  std::pair<Semaphore, std::int64_t> set_max(std::int64_t max);  // as it is now, the old maximum

 private:
  // Applies `change` and writes by compare-and-swap on the index, again when another machine was faster.
  Semaphore update(const std::function<void(Semaphore&)>& change);

  kv::Client& store_;
  std::string key_;
};

}  // namespace updater
