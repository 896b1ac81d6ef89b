#include "cluster.h"

#include <algorithm>
#include <cstdio>
#include <format>

#include "base/error.h"
#include "kv/first_entries.h"

namespace sim {

namespace {

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
  api_ = base::SeededRandom(seed);
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
