#include "cluster.h"

#include <algorithm>
#include <cstdio>
#include <format>

#include "base/error.h"
#include "kv/first_entries.h"

namespace sim {

namespace {

constexpr Nanoseconds kCallTimeout = 8 * kSecond;
constexpr std::size_t kClients = 4;

// Of every second seed; from a generator of its own, so that the other seeds do what they did without it.
std::uint64_t rot_of(std::uint64_t seed) {
  base::SeededRandom random(seed);
  return random.below(2) == 0 ? 0 : 1 + random.below(4);
}

}  // namespace

void World::trace(const std::string& text) const {
  if (trace_) std::fprintf(stderr, "%12.6f  %s\n", static_cast<double>(now_) / 1e9, text.c_str());
}

Cluster::Cluster(std::uint64_t seed, bool trace) : world_(seed, trace) {
  choose_faults(seed);
  const std::uint64_t size = world_.chance(25) ? 5 : world_.chance(15) ? 1 : 3;
  std::vector<std::uint64_t> ids;
  for (std::uint64_t i = 0; i < size; ++i) ids.push_back(++last_id_);
  members_.insert(ids.begin(), ids.end());
  for (std::uint64_t id : ids) {
    Node& node = add_node(id);
    node.format(ids);
    node.boot();
    watch(node);
  }
  for (std::uint64_t id = 1; id <= kClients; ++id) clients_.push_back({id});
}

void Cluster::choose_faults(std::uint64_t seed) {
  auto some = [this](std::uint64_t most) { return world_.chance(50) ? world_.random().below(most + 1) : 0; };
  faults_ = {.lose = some(3),
             .duplicate = some(3),
             .crash = some(15),
             .cut = some(15),
             .isolate = some(10),
             .pause = some(10),
             .slow_disk = some(10),
             .full_disk = some(5),
             .failed_sync = some(3),
             .lost_disk = some(3),
             .bit_rot = rot_of(seed),
             .state_rot = some(4),
             .transfer = some(10),
             .members = some(8)};
}

Node& Cluster::add_node(std::uint64_t id) {
  Node::Hooks hooks{
      [this](std::uint64_t from, std::uint64_t to, const std::string& message) { send(from, to, message); },
      [this](Node& node, const kv::LogEntry& entry) { check_applied(node, entry); },
      [this](Node& node) {
        ++report_.crashes;
        rotten_.erase(node.id());  // it begins with its checkpoint
        world_.after(world_.between(100 * kMillisecond, 2 * kSecond), [this, id = node.id()] {
          if (!gone_.contains(id) && !nodes_[id]->up()) {
            nodes_[id]->boot();
            if (nodes_[id]->up()) watch(*nodes_[id]);
          }
        });
      }};
  nodes_[id] = std::make_unique<Node>(world_, id, world_.between(-kMaxSkew, kMaxSkew), std::move(hooks));
  return *nodes_[id];
}

// --- the network

void Cluster::send(std::uint64_t from, std::uint64_t to, const std::string& message) {
  check_leader(*nodes_.at(from));
  if (!nodes_.contains(to)) return;
  if (!calm_ && (cuts_.contains({from, to}) || world_.chance(faults_.lose))) {
    if (world_.chance(20)) break_connection(from, to);
    return;
  }
  Nanoseconds& busy = busy_until_[{from, to}];
  busy = std::max(busy, world_.now()) +
         world_.between(20 * kMicrosecond, world_.chance(5) ? 20 * kMillisecond : kMillisecond);
  const int copies = !calm_ && world_.chance(faults_.duplicate) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    world_.at(busy, [this, from, to, message] {
      if (nodes_.at(to)->up()) nodes_.at(to)->deliver(from, message);
    });
  }
}

void Cluster::break_connection(std::uint64_t from, std::uint64_t to) {
  if (nodes_.at(from)->up()) nodes_.at(from)->disconnected(to);
  if (nodes_.at(to)->up()) nodes_.at(to)->disconnected(from);
}

// --- clients

Node* Cluster::random_node_up() {
  std::vector<Node*> up;
  for (std::uint64_t id : members_) {
    if (nodes_.at(id)->up()) up.push_back(nodes_.at(id).get());
  }
  return up.empty() ? nullptr : up[world_.random().below(up.size())];
}

void Cluster::client_step(Client& client) {
  if (calm_) return;
  Node* node = random_node_up();
  auto later = [this, &client] {
    world_.after(world_.between(kMillisecond, 60 * kMillisecond), [this, &client] { client_step(client); });
  };
  if (node == nullptr || node->replica().diverged()) return later();

  const std::uint64_t generation = ++client.generation;
  const std::size_t at = calls_.size();
  Call call;
  call.key = std::format("/1/k{}", world_.random().below(5));
  call.called = world_.now();
  const std::uint64_t dice = world_.random().below(100);
  kv::Command command{.key = call.key};
  command.time = kv::wall_nanoseconds(node->replica().clock());
  if (dice < 40) {
    call.kind = Call::Kind::kRead;
  } else if (dice < 70) {
    call.kind = Call::Kind::kWrite;
    command.operation = kv::Operation::kSet;
  } else if (dice < 85 && client.last_seen.contains(call.key)) {
    call.kind = Call::Kind::kCompareAndSwap;
    call.expected = client.last_seen[call.key];
    command.operation = kv::Operation::kCompareAndSwap;
    command.previous_value = call.expected;
  } else if (dice < 92) {
    call.kind = Call::Kind::kDelete;
    command.operation = kv::Operation::kDelete;
  } else {
    // A lease, beside the keys whose calls are checked.
    call.kind = Call::Kind::kWrite;
    call.key = command.key = std::format("/1/lease{}", world_.random().below(1'000'000));
    command.operation = kv::Operation::kSet;
    command.expires_at = command.time + world_.between(200 * kMillisecond, 3 * kSecond);
  }
  call.value = command.value = std::to_string(++last_value_);
  calls_.push_back(call);
  ++report_.calls;

  auto done = [this, &client, generation, at, later](const kv::Result& result) {
    if (client.generation != generation) return;
    finish_call(client, at, result);
    // Who was refused comes again after a while.
    if (calls_[at].answered) return client_step(client);
    later();
  };
  if (call.kind == Call::Kind::kRead) {
    node->replica().barrier([this, node, key = call.key, done](const std::optional<kv::StoreError>& error) {
      if (error) return done(*error);
      done(node->replica().store().get(key, false, 0));
    });
  } else {
    node->replica().write(command, done);
  }
  world_.after(kCallTimeout, [this, &client, generation] {
    if (client.generation == generation) client_step(client);
  });
}

void Cluster::finish_call(Client& client, std::size_t at, const kv::Result& result) {
  Call& call = calls_[at];
  const kv::StoreError* error = std::get_if<kv::StoreError>(&result);
  if (error != nullptr && error->code == kv::ErrorCode::kRaftInternal) return;  // it may happen yet
  call.answered = true;
  call.returned = world_.now();
  call.succeeded = error == nullptr;
  ++report_.answered;
  if (call.kind == Call::Kind::kRead && error == nullptr) {
    call.seen = std::get<kv::EventPtr>(result)->node.value;
    client.last_seen[call.key] = call.seen.value_or("");
  } else if (call.succeeded && call.kind != Call::Kind::kDelete) {
    client.last_seen[call.key] = call.value;
  }
}

// --- what goes wrong

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

Report Cluster::run(Nanoseconds duration) {
  for (Client& client : clients_) {
    world_.after(world_.between(0, kSecond), [this, &client] { client_step(client); });
  }
  world_.after(kSecond, [this] { something_goes_wrong(); });
  world_.after(kSecond, [this] { check_logs(); });
  world_.run_until(duration);
  mend_and_check();
  const Verdict verdict = check_history(calls_);
  if (!verdict.violation.empty()) throw Violation(verdict.violation);
  report_.undecided = verdict.undecided_keys;
  report_.steps = world_.steps();
  report_.terms = leaders_.size();
  return report_;
}

}  // namespace sim
