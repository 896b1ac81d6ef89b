#pragma once
// Password checks that hold up nobody: the hashing is done by a thread of its own (started with the first job), and a
// password that was right is known again by a keyed digest, never by itself. The key is random and lives in memory
// only.

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/random.h"
#include "kv/engine.h"

namespace kv {

enum class Verdict {
  kRight,
  kWrong,
  kBusy,  // too many wait already
};

// Calls and callbacks on the owner's thread.
class Passwords {
 public:
  static constexpr std::size_t kMaxWaiting = 64;       // jobs; further ones are refused
  static constexpr std::size_t kMaxRemembered = 1024;  // right passwords; the oldest is forgotten

  // `random` must be usable from any thread. What is under way when it is destroyed is not called back.
  Passwords(Post post, base::Random& random);
  ~Passwords();
  Passwords(const Passwords&) = delete;
  Passwords& operator=(const Passwords&) = delete;

  // Calls back before it returns when the answer is known.
  void check(const std::string& password, const std::string& hash, std::function<void(Verdict)> done);

  // The hash of a new password, or "" when too many wait or crypt failed.
  void hash(const std::string& password, std::function<void(const std::string&)> done);

 private:
  // Callbacks never enter the thread: what they hold belongs to the owner's.
  struct Job {
    std::uint64_t id = 0;  // of a hash to be made; 0: a check
    std::string password;
    std::string hash;
    std::string digest;
  };

  bool submit(Job job);
  void run();
  std::function<void()> work(const Job& job);
  void checked(const std::string& digest, Verdict verdict);
  void hashed(std::uint64_t id, const std::string& hash);
  std::string digest(const std::string& password, const std::string& hash) const;
  void remember(const std::string& digest);

  Post post_;
  base::Random& random_;
  std::string key_;

  // The owner's thread.
  std::unordered_set<std::string> remembered_;
  std::deque<std::string> by_age_;
  std::map<std::string, std::vector<std::function<void(Verdict)>>> checking_;  // by digest
  std::map<std::uint64_t, std::function<void(const std::string&)>> hashing_;   // by id
  std::uint64_t last_id_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kv
