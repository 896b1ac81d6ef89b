// The clients: reads, writes, swaps and deletions of a few keys through either API, whose calls are checked for one
// order in which all answers are right; and nodes and leases that run out, which must not do so early.

#include <format>

#include "cluster.h"
#include "kv/leases.h"

namespace sim {

namespace {

constexpr Nanoseconds kCallTimeout = 8 * kSecond;
constexpr std::string_view kKeys = "/1";

// The same call for v3.
kv::Command as_transaction(const Call& call, std::int64_t time) {
  const std::string key = call.key.substr(kKeys.size());
  kv::Transaction transaction;
  switch (call.kind) {
    case Call::Kind::kDelete:
      transaction.success.push_back({kv::DeleteRequest{.range = {key, ""}}});
      break;
    case Call::Kind::kCompareAndSwap:
      transaction.compares.push_back(
          {{key, ""}, kv::Compare::Target::kValue, kv::Compare::Relation::kEqual, 0, call.expected});
      [[fallthrough]];
    default:
      transaction.success.push_back({kv::PutRequest{.key = key, .value = call.value}});
  }
  kv::Command command{.operation = kv::Operation::kTransaction, .value = kv::encode(transaction)};
  command.time = time;
  return command;
}

bool done_in(const kv::KeysAnswer& answer, Call::Kind kind) {
  if (kind != Call::Kind::kDelete) return answer.transaction.succeeded;
  return std::get<kv::DeleteAnswer>(answer.transaction.answers.at(0).what).deleted == 1;
}

}  // namespace

Node* Cluster::random_node_up() {
  std::vector<Node*> up;
  for (std::uint64_t id : members_) {
    if (nodes_.at(id)->up()) up.push_back(nodes_.at(id).get());
  }
  return up.empty() ? nullptr : up[world_.random().below(up.size())];
}

kv::Command Cluster::choose_call(Client& client, Call& call, std::int64_t now) {
  call.key = std::format("/1/k{}", world_.random().below(5));
  call.called = world_.now();
  const std::uint64_t dice = world_.random().below(100);
  kv::Command command{.key = call.key};
  command.time = now;
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
    // A node that runs out, beside the keys whose calls are checked.
    call.kind = Call::Kind::kWrite;
    call.key = command.key = std::format("/1/lease{}", world_.random().below(1'000'000));
    command.operation = kv::Operation::kSet;
    command.expires_at = command.time + world_.between(200 * kMillisecond, 3 * kSecond);
  }
  call.value = command.value = std::to_string(++last_value_);
  if (command.expires_at == 0 && api_.below(2) == 0) command = as_transaction(call, now);
  return command;
}

void Cluster::client_step(Client& client) {
  if (calm_) return;
  Node* node = random_node_up();
  auto later = [this, &client] {
    world_.after(world_.between(kMillisecond, 60 * kMillisecond), [this, &client] { client_step(client); });
  };
  if (node == nullptr || node->replica().diverged()) return later();

  const std::uint64_t generation = ++client.generation;
  world_.after(kCallTimeout, [this, &client, generation] {
    if (client.generation == generation) client_step(client);
  });
  if (api_.below(10) == 0) return lease_step(client, *node);
  const std::size_t at = calls_.size();
  Call call;
  const kv::Command command = choose_call(client, call, kv::wall_nanoseconds(node->replica().clock()));
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
}

void Cluster::finish_call(Client& client, std::size_t at, const kv::Result& result) {
  Call& call = calls_[at];
  const kv::StoreError* error = std::get_if<kv::StoreError>(&result);
  if (error != nullptr && error->code == kv::ErrorCode::kRaftInternal) {
    call.refused = error->cause == "etcdserver: no space";
    return;  // else it may happen yet
  }
  const kv::KeysAnswer* keys = std::get_if<kv::KeysAnswer>(&result);
  call.answered = true;
  call.returned = world_.now();
  call.succeeded = keys != nullptr ? done_in(*keys, call.kind) : error == nullptr;
  ++report_.answered;
  if (call.kind == Call::Kind::kRead && error == nullptr) {
    call.seen = std::get<kv::EventPtr>(result)->node.value;
    client.last_seen[call.key] = call.seen.value_or("");
  } else if (call.succeeded && call.kind != Call::Kind::kDelete) {
    client.last_seen[call.key] = call.value;
  }
}

// One of: a new lease, a key that hangs on one, a renewal. What was answered holds.
void Cluster::lease_step(Client& client, Node& node) {
  constexpr std::int64_t kSeconds = 2;
  const std::int64_t now = kv::wall_nanoseconds(node.replica().clock());
  const std::uint64_t choice = leases_.empty() ? 0 : api_.below(3);
  auto chosen = leases_.begin();
  if (choice != 0) std::advance(chosen, api_.below(leases_.size()));
  const std::int64_t id = choice == 0 ? static_cast<std::int64_t>(++last_value_) : chosen->first;
  if (choice == 0) leases_[id] = 0;
  kv::Command command{.operation = choice == 0 ? kv::Operation::kGrantLease : kv::Operation::kRenewLease,
                      .key = kv::lease_path(id),
                      .value = std::to_string(kSeconds)};
  command.time = now;
  if (choice == 0) {
    command.expires_at = kv::lease_end(kSeconds, now);
  } else if (choice == 1) {
    const kv::PutRequest put{.key = std::format("leased{}", api_.below(20)), .value = "v", .lease = id};
    command = {.operation = kv::Operation::kTransaction, .value = kv::encode(kv::Transaction{.success = {{put}}})};
    command.time = now;
  }
  const std::uint64_t generation = client.generation;
  node.replica().write(command, [this, &client, generation, choice, id, now](const kv::Result& result) {
    const kv::KeysAnswer* answer = std::get_if<kv::KeysAnswer>(&result);
    if (answer != nullptr && !answer->error && choice != 1) {
      leases_[id] = std::max(leases_[id], kv::lease_end(kSeconds, now));
    }
    if (client.generation != generation) return;
    world_.after(world_.between(kMillisecond, 60 * kMillisecond), [this, &client] { client_step(client); });
  });
}

}  // namespace sim
