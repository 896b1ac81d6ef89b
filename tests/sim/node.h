#pragma once
// One simulated member: the real engine, log and store; simulated disk, time and network. A crash destroys all but the
// disk and the checkpoint, a restart builds it anew from them.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "disk.h"
#include "kv/raft_engine.h"
#include "kv/replica.h"
#include "kv/wal.h"
#include "world.h"

namespace sim {

// The checkpoint's database, as one that changes wholly or not at all.
struct SimCheckpoint {
  kv::RaftBase base;
  kv::Position position;
  std::map<std::string, kv::NodeRow> nodes;
  std::map<std::uint64_t, std::string> events;

  void apply(const kv::StoreChanges& changes, const kv::RaftBase& at);
  void replace(const kv::StoreImage& image, const kv::RaftBase& at);
  kv::StoreImage image() const;
};

class Node {
 public:
  struct Hooks {
    std::function<void(std::uint64_t from, std::uint64_t to, std::string message)> send;
    std::function<void(Node&, const kv::LogEntry&)> applied;  // after it was applied
    std::function<void(Node&)> crashed;                       // by a fault of the disk
  };

  // `clock_skew`: how wrong its wall clock is.
  Node(World& world, std::uint64_t id, Nanoseconds clock_skew, Hooks hooks);
  ~Node();

  std::uint64_t id() const { return id_; }
  bool up() const { return run_ != nullptr; }
  std::uint64_t life() const { return life_; }  // another number after each crash
  // Makes the disk of a member of a new cluster, with what all its members begin with; an empty list: of one that will
  // be added to a running cluster.
  void format(const std::vector<std::uint64_t>& ids);
  void boot();  // not up afterwards: the disk did not let it
  void crash(bool tear);
  void forget_everything();  // the disk is replaced by an empty one
  void rot_state();          // what it holds in memory is another state from here on, its checkpoint is not
  // A bit of its log changes, and where. Not in the last frame, whose damage cannot be told from a torn write.
  // REQUIRES: !up().
  std::string rot();
  const std::string& failure() const { return failure_; }  // why it has ended by itself, last
  void deliver(std::uint64_t from, const std::string& message);
  void disconnected(std::uint64_t from);
  void unreachable(std::uint64_t member);
  // Time stands still for it: what comes meanwhile is handled at the end.
  void pause_until(Nanoseconds end) { paused_until_ = end; }

  SimDisk& disk() { return disk_; }
  kv::Replica& replica();
  kv::RaftEngine& engine() const;

  Nanoseconds write_delay_low = 50 * kMicrosecond;
  Nanoseconds write_delay_high = 2 * kMillisecond;

 private:
  struct Run;
  // Runs `work` in this life of the node, not in a later one; later when it is paused.
  void in_this_life(Nanoseconds delay, std::function<void()> work);
  void repeat(Nanoseconds interval, std::function<void()> work);
  void guarded(const std::function<void()>& work);
  void save_checkpoint();

  World& world_;
  std::uint64_t id_;
  SimClock clock_;
  Hooks hooks_;
  SimDisk disk_;
  SimCheckpoint checkpoint_;
  std::uint64_t life_ = 0;
  Nanoseconds paused_until_ = 0;
  std::string failure_;
  std::unique_ptr<Run> run_;
};

}  // namespace sim
