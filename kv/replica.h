#pragma once
// One member's copy of the store, kept by the engine: turns commands into proposals and committed entries into state,
// answers and news. It does not know how many members there are, and it owns no timer or thread: tick() is called by
// the owner. All calls and callbacks on one thread.

#include <functional>
#include <map>
#include <set>

#include "base/clock.h"
#include "kv/engine.h"
#include "kv/quota.h"
#include "kv/state_comparison.h"
#include "kv/store.h"
#include "kv/watch_hub.h"

namespace kv {

// The clock's wall time in nanoseconds since 1970 UTC.
std::int64_t wall_nanoseconds(const base::Clock& clock);

struct ReplicaLimits {
  std::chrono::milliseconds request_timeout{7000};  // etcd's: 5 s and twice the election timeout
  std::uint64_t quota_bytes = kDefaultQuota;        // 0: none
};

class Replica : public EngineHost {
 public:
  using Done = std::function<void(const Result&)>;
  using Fresh = std::function<void(const std::optional<StoreError>&)>;

  // The state's way to the disk, for members that lag behind. Both may throw base::Error.
  struct Snapshots {
    std::function<std::unique_ptr<SnapshotReader>()> open = [] { return nullptr; };  // of the last checkpoint
    std::function<void(const StoreImage&, const RaftBase&)> keep = [](const StoreImage&, const RaftBase&) {
    };  // durably
  };

  // `clock` and `store` must outlive it. attach() comes before every other call.
  Replica(Store& store, const base::Clock& clock, ReplicaLimits limits = {});
  void use_snapshots(Snapshots snapshots) { snapshots_ = std::move(snapshots); }
  void attach(Engine& engine) { engine_ = &engine; }

  // `done` is called once: with the outcome, or error 300 when the engine refused or the time was up (then the command
  // may still be applied later), or at once when the quota is exceeded or diverged().
  void write(const Command& command, Done done);

  // Calls `fresh` when the state here holds everything that was committed before, or with error 300.
  void barrier(Fresh fresh);

  // Ends requests whose time is up, and proposes the removal of nodes that have run out (the leader alone). To be
  // called ten times a second or so; TTLs end that exactly.
  void tick();

  Store& store() { return store_; }
  const Store& store() const { return store_; }
  WatchHub& watches() { return watches_; }
  EngineStatus engine_status() const { return engine_->status(); }
  const base::Clock& clock() const { return clock_; }

  // The last proposal was refused because the disk is full. tick() tries again by itself.
  bool disk_full() const { return disk_full_; }
  const Quota& quota() const { return quota_; }
  // Set once the engine has failed: the process must end.
  const std::string& failure() const { return failure_; }
  void on_failure(std::function<void()> callback) { on_failure_ = std::move(callback); }
  // This state is not that of the other members: it is being fetched from them, and must not be shown to anybody.
  bool diverged() const { return diverged_; }
  // The answer to everybody meanwhile, with etcd's text.
  static StoreError corrupt_error();
  // Called when the members in the state are others than before; also to be called once after the start.
  void on_members(std::function<void()> callback) { on_members_ = std::move(callback); }
  void announce_members() { members_changed(); }

  struct Counters {
    std::uint64_t committed = 0;
    std::uint64_t refused = 0;
    std::uint64_t timed_out = 0;
  };
  const Counters& counters() const { return counters_; }
  std::size_t pending() const { return writes_.size(); }

  void committed(const LogEntry& entry, std::uint64_t ticket) override;
  void refused(std::uint64_t ticket, Refusal refusal) override;
  void barrier_passed(std::uint64_t ticket) override;
  void engine_failed(const std::string& reason) override;
  std::unique_ptr<SnapshotReader> open_snapshot() override { return diverged_ ? nullptr : snapshots_.open(); }
  void install_snapshot(const RaftBase& base, std::string_view state) override;
  void mark_heard(std::uint64_t member, const StateMark& mark) override;

 private:
  template <typename Callback>
  struct Waiting {
    Callback callback;
    base::Clock::Time deadline;
  };

  void propose_expiry(std::int64_t now);
  void members_changed();
  void note_state();
  void begin_round(base::Clock::Time now);
  void compare_states();
  void note_size();

  Store& store_;
  const base::Clock& clock_;
  ReplicaLimits limits_;
  Engine* engine_ = nullptr;
  Snapshots snapshots_;
  WatchHub watches_;
  std::map<std::uint64_t, Waiting<Done>> writes_;  // by ticket, and so by deadline
  std::map<std::uint64_t, Waiting<Fresh>> barriers_;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t expiry_ticket_ = 0;  // of the expiry command under way, 0: none
  bool disk_full_ = false;
  StateComparison states_;
  base::Clock::Time round_begun_{};
  std::set<std::uint64_t> wrong_;  // members, as the log was told
  std::size_t members_ = 0;
  bool diverged_ = false;
  Quota quota_;
  std::string failure_;
  std::function<void()> on_failure_;
  std::function<void()> on_members_;
  Counters counters_;
};

}  // namespace kv
