// The checkers: what must be true at every step, and at the end.

#include <algorithm>
#include <format>

#include "cluster.h"

namespace sim {

namespace {

std::string event_text(const kv::StoreEvent& event) {
  return std::format("{} {} {} {}", kv::action_name(event.action), event.node.key, event.node.value.value_or("-"),
                     event.index);
}

}  // namespace

// Nothing is missing, twice or out of order, on any member.
void Cluster::watch(Node& node) {
  const std::uint64_t since = node.replica().store().revision() + 1;
  auto expected = std::make_shared<std::uint64_t>(since);
  auto siblings = std::make_shared<std::pair<std::uint64_t, bool>>();
  node.replica().watches().add({"/", true, true, since}, [this, &node, expected, siblings](const kv::EventPtr& event) {
    if (event == nullptr) return watch(node);
    const bool same_revision = event->index + 1 == *expected;
    if (event->index != *expected && !same_revision) {
      throw Violation(std::format("member {}: a watch got event {}, after {}", node.id(), event->index, *expected - 1));
    }
    *expected = event->index + 1;
    auto [known, fresh] = events_.emplace(std::pair{event->index, event->node.key}, event_text(*event));
    if (same_revision && fresh != siblings->second) {
      throw Violation(
          std::format("member {}: only some of the events of index {} are another member's", node.id(), event->index));
    }
    *siblings = {event->index, fresh};
    if (known->second != event_text(*event)) {
      throw Violation(
          std::format("member {}: event '{}', another member has '{}'", node.id(), event_text(*event), known->second));
    }
    if (fresh && event->action == kv::EventAction::kExpire) check_expiry(*event);
  });
}

void Cluster::check_expiry(const kv::StoreEvent& event) {
  if (!event.previous) throw Violation(event.node.key + " expired, but it was not there");
  std::optional<std::int64_t> end = event.previous->expires_at;
  if (auto lease = leases_.find(event.previous->lease); lease != leases_.end()) end = lease->second;
  if (!end) throw Violation(event.node.key + " expired without a TTL");
  const Nanoseconds now = kv::wall_nanoseconds(SimClock(world_, 0));
  if (now + 2 * kMaxSkew < *end) {
    throw Violation(std::format("{} expired {} ns early", event.node.key, *end - now));
  }
}

void Cluster::check_applied(Node& node, const kv::LogEntry& entry) {
  const std::pair<std::uint64_t, std::string> mine{entry.term, entry.command};
  auto [known, fresh] = applied_.emplace(entry.index, mine);
  if (known->second != mine) {
    throw Violation(std::format("member {} applied another entry {} (term {}) than others (term {})", node.id(),
                                entry.index, entry.term, known->second.first));
  }
  if (entry.index % 8 != 0) return;
  const std::uint64_t digest = node.replica().store().digest();
  if (rotten_.contains(node.id())) {
    auto right = digests_.find(entry.index);
    if (right != digests_.end() && right->second == digest) {
      world_.trace(std::format("the state of {} is healed", node.id()));
      rotten_.erase(node.id());
    }
    return;
  }
  auto [other, first] = digests_.emplace(entry.index, digest);
  if (other->second != digest) {
    throw Violation(std::format("member {}: after entry {} its state is another one", node.id(), entry.index));
  }
}

void Cluster::check_leader(Node& node) {
  if (!node.up() || node.engine().core().role() != kv::RaftRole::kLeader) return;
  const std::uint64_t term = node.engine().core().term();
  auto [leader, fresh] = leaders_.emplace(term, node.id());
  if (fresh) world_.trace(std::format("{} leads in term {}", node.id(), term));
  if (leader->second != node.id()) {
    throw Violation(std::format("term {} has two leaders, {} and {}", term, leader->second, node.id()));
  }
}

// Entries of the same index and term are the same, and so are all before them.
void Cluster::check_logs() {
  for (const auto& [id, node] : nodes_) {
    if (!node->up()) continue;
    const kv::EntryCache& log = node->engine().entries();
    for (std::uint64_t index = std::max(log.first_index(), log.last_index() > 40 ? log.last_index() - 40 : 1);
         index <= log.last_index(); ++index) {
      const kv::RaftEntry& entry = log.at(index);
      std::string text =
          std::format("{} after a term {} entry: ", static_cast<int>(entry.kind), log.term_at(index - 1));
      if (log.term_at(index - 1) == 0) continue;
      text += entry.bytes();
      auto [known, fresh] = entries_.emplace(std::pair{index, entry.term}, text);
      if (known->second != text) {
        throw Violation(std::format("member {} has another entry {} of term {}", id, index, entry.term));
      }
    }
  }
  if (!calm_) world_.after(100 * kMillisecond, [this] { check_logs(); });
}

// States are compared every so many entries.
void Cluster::heal_rotten() {
  if (rotten_.empty()) return;
  for (std::uint64_t i = 0; i < kv::StateComparison::kEvery; ++i) {
    write_until_done({.operation = kv::Operation::kSet, .key = "/1/more"}, [] {});
  }
  world_.run_until(world_.now() + 10 * kSecond);
}

// All is mended: within a bounded time every member answers and holds the same.
void Cluster::mend_and_check() {
  calm_ = true;
  cuts_.clear();
  for (Client& client : clients_) ++client.generation;  // no more calls
  world_.run_until(world_.now() + 8 * kSecond);
  for (std::uint64_t id : members_) {
    Node& node = *nodes_.at(id);
    node.disk().full = false;
    node.disk().fail_next_write = false;
    node.write_delay_high = 2 * kMillisecond;
    if (!node.up()) node.boot();
    if (!node.up()) throw Violation(std::format("member {} does not start on its own disk", id));
  }
  world_.run_until(world_.now() + 12 * kSecond);
  heal_rotten();
  for (std::uint64_t id : members_) {
    bool answered = false;
    kv::Command command{.operation = kv::Operation::kSet, .key = "/1/end", .value = std::to_string(id)};
    nodes_.at(id)->replica().write(
        command, [&](const kv::Result& result) { answered = std::holds_alternative<kv::EventPtr>(result); });
    world_.run_until(world_.now() + 3 * kSecond);
    if (!answered) {
      throw Violation(std::format("all is mended, but a write to member {} gets no answer (leader {}, term {})", id,
                                  nodes_.at(id)->engine().status().leader_id, nodes_.at(id)->engine().status().term));
    }
  }
  // Something may run out even now: what the leader has applied, the others apply a moment later.
  auto position = [this](std::uint64_t id) { return nodes_.at(id)->replica().store().position().applied_index; };
  for (int i = 0; i < 50; ++i) {
    if (std::ranges::all_of(members_, [&](std::uint64_t id) { return position(id) == position(*members_.begin()); }))
      break;
    world_.run_until(world_.now() + 20 * kMillisecond);
  }
  std::set<std::uint64_t> digests;
  for (std::uint64_t id : members_) digests.insert(nodes_.at(id)->replica().store().digest());
  if (digests.size() != 1) {
    std::string text = "all is mended, but the members hold different states:";
    for (std::uint64_t id : members_) {
      const kv::Store& store = nodes_.at(id)->replica().store();
      text += std::format(" {} at entry {} and index {}, state {:x};", id, store.position().applied_index,
                          store.revision(), store.digest());
    }
    throw Violation(text);
  }
  check_logs();
}

}  // namespace sim
