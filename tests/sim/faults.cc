// What goes wrong, and how it is mended: networks, disks, memory, members that come and go.

#include <algorithm>
#include <format>

#include "cluster.h"
#include "kv/members.h"

namespace sim {

namespace {

constexpr Nanoseconds kCallTimeout = 8 * kSecond;  // of one attempt

}  // namespace

void Cluster::something_goes_wrong() {
  if (calm_) return;
  world_.after(200 * kMillisecond, [this] { something_goes_wrong(); });
  Node* node = random_node_up();
  if (node == nullptr) return;
  const std::uint64_t id = node->id();
  auto other = [&] {
    auto at = members_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world_.random().below(members_.size())));
    return *at;
  };
  auto mend_later = [this](std::function<void()> work) {
    world_.after(world_.between(100 * kMillisecond, 4 * kSecond), std::move(work));
  };
  if (world_.chance(faults_.cut)) {
    const std::pair link{id, other()};
    world_.trace(std::format("cut {} -> {}", link.first, link.second));
    cuts_.insert(link);
    mend_later([this, link] { cuts_.erase(link); });
  }
  if (world_.chance(faults_.isolate)) {
    world_.trace(std::format("isolate {}", id));
    for (const auto& [peer, _] : nodes_) {
      cuts_.insert({id, peer});
      cuts_.insert({peer, id});
    }
    mend_later([this, id] { std::erase_if(cuts_, [id](const auto& c) { return c.first == id || c.second == id; }); });
  }
  if (world_.chance(faults_.pause)) {
    world_.trace(std::format("pause {}", id));
    node->pause_until(world_.now() + world_.between(50 * kMillisecond, 3 * kSecond));
  }
  if (world_.chance(faults_.slow_disk)) {
    node->write_delay_high = 300 * kMillisecond;
    mend_later([this, id] { nodes_[id]->write_delay_high = 2 * kMillisecond; });
  }
  if (world_.chance(faults_.full_disk)) {
    world_.trace(std::format("full disk at {}", id));
    node->disk().full = true;
    mend_later([this, id] { nodes_[id]->disk().full = false; });
  }
  if (world_.chance(faults_.failed_sync)) node->disk().fail_next_write = true;
  if (world_.chance(faults_.transfer) && node->engine().status().leads()) {
    world_.trace(std::format("hand over from {}", id));
    // A planned stop: it has three seconds for it.
    auto stop = [this, id, life = node->life()] {
      if (nodes_[id]->up() && nodes_[id]->life() == life) crash(*nodes_[id]);
    };
    node->engine().hand_over([this, stop] { world_.after(0, stop); });
    world_.after(3 * kSecond, stop);
  }
  if (world_.chance(faults_.state_rot)) rot_state(*node);
  if (world_.chance(faults_.members)) change_members();
  if (world_.chance(faults_.lost_disk) && !changing_ && can_spare_one()) return replace(*node);
  if (faults_.bit_rot > 0 && world_.chance(faults_.bit_rot) && !changing_ && can_spare_one()) return rot(*node);
  if (world_.chance(faults_.crash)) crash(*node);
}

// Never so many that most of the members are wrong: then nobody could tell.
void Cluster::rot_state(Node& node) {
  if (rotten_.size() + 1 > (members_.size() - 1) / 2 || !members_.contains(node.id()) || changing_) return;
  if (!rotten_.insert(node.id()).second) return;
  world_.trace(std::format("the state of {} rots", node.id()));
  ++report_.rotten_states;
  node.rot_state();
}

void Cluster::crash(Node& node) {
  world_.trace(std::format("crash {}", node.id()));
  ++report_.crashes;
  rotten_.erase(node.id());
  node.crash(world_.chance(50));
  // On some days the others notice at once that nothing listens there.
  for (const auto& [id, other] : nodes_) {
    if (other->up() && world_.chance(50)) other->unreachable(node.id());
  }
  world_.after(world_.between(50 * kMillisecond, 3 * kSecond), [this, id = node.id()] {
    Node& back = *nodes_.at(id);
    if (gone_.contains(id) || back.up()) return;
    world_.trace(std::format("boot {}", id));
    back.boot();
    if (back.up()) watch(back);
  });
}

// There is a quorum without it, and one of right states, or the cluster is gone for good.
bool Cluster::can_spare_one() const {
  const auto up = std::ranges::count_if(members_, [this](std::uint64_t id) { return nodes_.at(id)->up(); });
  return rotten_.empty() && members_.size() >= 3 && static_cast<std::size_t>(up) == members_.size() &&
         voters() == members_.size();
}

// Bits of a disk change while its member is down. It starts with all that it had, or says what is damaged and where,
// and is replaced as one whose disk is lost.
void Cluster::rot(Node& node) {
  const std::uint64_t id = node.id();
  node.crash(false);
  const std::string where = node.rot();
  if (gone_.insert(id).second) ++report_.crashes;
  node.boot();
  gone_.erase(id);
  world_.trace(std::format("bits of {} change at {}: {}", id, where, node.up() ? "no matter" : node.failure()));
  if (node.up()) return watch(node);
  if (!node.failure().contains(".wal")) {
    throw Violation(std::format("member {} does not say what is damaged: {}", id, node.failure()));
  }
  ++report_.rotten;
  replace(node);
}

// A member whose disk is gone never comes back under its name: it could vote twice. Another one takes its place.
void Cluster::replace(Node& node) {
  changing_ = true;
  ++report_.changes;
  const std::uint64_t old = node.id();
  world_.trace(std::format("the disk of {} is lost", old));
  gone_.insert(old);
  members_.erase(old);
  node.forget_everything();
  kv::Command remove{.operation = kv::Operation::kDelete, .key = std::format("/0/members/{:x}", old)};
  remove.recursive = true;
  write_until_done(remove, [this] {
    const std::uint64_t id = ++last_id_;
    write_until_done(kv::create_member({.id = id, .peer_urls = {std::format("http://{}", id)}}), [this, id] {
      world_.trace(std::format("{} joins", id));
      members_.insert(id);
      Node& fresh = add_node(id);
      fresh.format({});
      fresh.boot();
      if (fresh.up()) watch(fresh);
      world_.after(5 * kSecond, [this] { changing_ = false; });
    });
  });
}

// As the leader has it; 0 without one.
std::size_t Cluster::voters() const {
  for (std::uint64_t id : members_) {
    const Node& node = *nodes_.at(id);
    if (!node.up() || node.engine().core().role() != kv::RaftRole::kLeader) continue;
    const kv::RaftConfiguration configuration = node.engine().core().configuration();
    return static_cast<std::size_t>(std::ranges::count_if(configuration, &kv::RaftServer::voter));
  }
  return 0;
}

void Cluster::change_members() {
  if (changing_ || !rotten_.empty()) return;  // fewer members could leave no majority of right ones
  changing_ = true;
  ++report_.changes;
  auto finished = [this] { world_.after(2 * kSecond, [this] { changing_ = false; }); };
  if (members_.size() >= 5 || (members_.size() > 3 && world_.chance(50))) {
    auto at = members_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(world_.random().below(members_.size())));
    const std::uint64_t id = *at;
    world_.trace(std::format("remove {}", id));
    kv::Command remove{.operation = kv::Operation::kDelete, .key = std::format("/0/members/{:x}", id)};
    remove.recursive = true;
    members_.erase(id);
    write_until_done(remove, [this, id, finished] {
      // It goes on for a while, as one that was not told.
      world_.after(3 * kSecond, [this, id] {
        gone_.insert(id);
        nodes_.at(id)->crash(false);
      });
      finished();
    });
    return;
  }
  const std::uint64_t id = ++last_id_;
  world_.trace(std::format("add {}", id));
  write_until_done(kv::create_member({.id = id, .peer_urls = {std::format("http://{}", id)}}), [this, id, finished] {
    members_.insert(id);
    Node& fresh = add_node(id);
    fresh.format({});
    fresh.boot();
    if (fresh.up()) watch(fresh);
    finished();
  });
}

void Cluster::write_until_done(const kv::Command& command, const std::function<void()>& then) {
  auto again = [this, command, then] {
    world_.after(300 * kMillisecond, [this, command, then] { write_until_done(command, then); });
  };
  Node* node = random_node_up();
  if (node == nullptr) return again();
  auto open = std::make_shared<bool>(true);
  node->replica().write(command, [again, then, open](const kv::Result& result) {
    if (!std::exchange(*open, false)) return;
    const kv::StoreError* error = std::get_if<kv::StoreError>(&result);
    if (error != nullptr && error->code == kv::ErrorCode::kRaftInternal) return again();
    then();  // done, or done by an earlier attempt
  });
  world_.after(kCallTimeout, [again, open] {
    if (std::exchange(*open, false)) again();
  });
}

}  // namespace sim
