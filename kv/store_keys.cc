// Keys as v3 has them: ranges now and in the past, and transactions, decided where they are applied
// (etcd server/etcdserver/apply.go: first all comparisons, then what could refuse, then the changes).

#include "kv/store_keys.h"

#include <charconv>

#include "base/overloaded.h"
#include "kv/key_history.h"
#include "kv/keyspace.h"
#include "kv/view.h"

namespace kv {

namespace {

const std::string kCompactedPath = "/4/compacted";

template <typename Value>
bool relates(Compare::Relation relation, const Value& left, const Value& right) {
  switch (relation) {
    case Compare::Relation::kEqual:
      return left == right;
    case Compare::Relation::kGreater:
      return left > right;
    case Compare::Relation::kLess:
      return left < right;
    case Compare::Relation::kNotEqual:
      return left != right;
  }
  return false;
}

bool holds_for(const Compare& compare, const KeyValue& key) {
  switch (compare.target) {
    case Compare::Target::kVersion:
      return relates(compare.relation, key.version, compare.number);
    case Compare::Target::kCreateRevision:
      return relates(compare.relation, key.create_revision, compare.number);
    case Compare::Target::kModRevision:
      return relates(compare.relation, key.mod_revision, compare.number);
    case Compare::Target::kLease:
      return relates(compare.relation, key.lease, static_cast<std::int64_t>(compare.number));
    case Compare::Target::kValue:
      return relates(compare.relation, key.value, compare.value);
  }
  return false;
}

bool holds(const Tree& tree, const Compare& compare) {
  bool all = true;
  bool any = false;
  for_each_key(tree, compare.range, [&](std::string_view key, const TreeNode& node) {
    any = true;
    all = holds_for(compare, key_value_of(node, std::string(key)));
    return all;
  });
  return any ? all : compare.target != Compare::Target::kValue && holds_for(compare, {});
}

// Which branch each transaction takes, before anything changes.
struct Way {
  bool succeeded = false;
  std::vector<Way> inner = {};  // of the branch's own transactions, in their order
};

const std::vector<Request>& branch_of(const Transaction& transaction, const Way& way) {
  return way.succeeded ? transaction.success : transaction.failure;
}

Way way_through(const Tree& tree, const Transaction& transaction) {
  Way way{.succeeded =
              std::ranges::all_of(transaction.compares, [&](const Compare& compare) { return holds(tree, compare); })};
  for (const Request& request : branch_of(transaction, way)) {
    if (const Transaction* inner = inner_of(request)) way.inner.push_back(way_through(tree, *inner));
  }
  return way;
}

// Calls `visit(request)` for what is done on this way, and stops at the first that returns something.
template <typename Visit>
auto first_on(const Transaction& transaction, const Way& way, const Visit& visit)
    -> decltype(visit(std::declval<const Request&>())) {
  auto inner_way = way.inner.begin();
  for (const Request& request : branch_of(transaction, way)) {
    const Transaction* inner = inner_of(request);
    if (auto found = inner != nullptr ? first_on(*inner, *inner_way++, visit) : visit(request)) return found;
  }
  return {};
}

}  // namespace

// --- reading

std::uint64_t Store::compacted() const {
  std::uint64_t asked_for = 0;
  if (const TreeNode* node = tree_.find(kCompactedPath).node) {
    std::from_chars(node->value.data(), node->value.data() + node->value.size(), asked_for);
  }
  return std::max(asked_for, history_.known_since());
}

std::optional<KeyError> Store::refusal(const Request& request) const {
  if (const auto* range = std::get_if<RangeRequest>(&request.what)) {
    if (range->revision > revision()) return KeyError::kFutureRevision;
    if (range->revision != 0 && range->revision < compacted()) return KeyError::kCompacted;
  } else if (const auto* put = std::get_if<PutRequest>(&request.what)) {
    if (put->lease != 0 && !lease(put->lease)) return KeyError::kLeaseNotFound;
    if ((put->ignore_value || put->ignore_lease) && find_key(tree_, put->key) == nullptr) return KeyError::kKeyNotFound;
  }
  return std::nullopt;
}

std::variant<RangeAnswer, KeyError> Store::range(const RangeRequest& request) const {
  if (auto error = refusal({request})) return *error;
  return collect(request, {});
}

// `unrecorded`: events whose changes are in the tree already, but not in the history.
RangeAnswer Store::collect(const RangeRequest& request, const std::vector<EventPtr>& unrecorded) const {
  PastKeys past;
  if (request.revision != 0) {
    past = keys_at(history_, request.range, request.revision);
    for (const EventPtr& event : unrecorded) {
      for (KeyChange& change : key_changes(*event)) {
        if (request.range.contains(change.after.key)) past.try_emplace(change.after.key, std::move(change.before));
      }
    }
  }
  RangeAnswer answer;
  auto add = [&](const auto& make) {
    ++answer.count;
    if (request.count_only) return;
    answer.more = request.limit != 0 && answer.keys.size() == request.limit;
    if (answer.more) return;
    answer.keys.push_back(make());
    if (request.keys_only) answer.keys.back().value.clear();
  };
  auto next = past.begin();
  auto add_past = [&] {
    if (next->second) add([&] { return *next->second; });
    ++next;
  };
  for_each_key(tree_, request.range, [&](std::string_view key, const TreeNode& node) {
    while (next != past.end() && next->first < key) add_past();
    if (next != past.end() && next->first == key) {
      add_past();
    } else {
      add([&] { return key_value_of(node, std::string(key)); });
    }
    return true;
  });
  while (next != past.end()) add_past();
  return answer;
}

namespace {

template <typename Do>
TransactionAnswer answer_of(const Transaction& transaction, const Way& way, const Do& act) {
  TransactionAnswer answer{.succeeded = way.succeeded};
  auto inner_way = way.inner.begin();
  for (const Request& request : branch_of(transaction, way)) {
    const Transaction* inner = inner_of(request);
    answer.answers.push_back(inner != nullptr ? Answer{answer_of(*inner, *inner_way++, act)} : act(request));
  }
  return answer;
}

}  // namespace

KeysAnswer Store::read(const Transaction& transaction) const {
  KeysAnswer answer{.error = check(transaction), .revision = revision()};
  if (answer.error) return answer;
  const Way way = way_through(tree_, transaction);
  answer.error = first_on(transaction, way, [this](const Request& request) { return refusal(request); });
  if (answer.error) return answer;
  answer.transaction = answer_of(transaction, way, [this](const Request& request) {
    return Answer{collect(std::get<RangeRequest>(request.what), {})};
  });
  return answer;
}

// --- changing

Applied Store::transact(const Command& command) {
  const Transaction transaction = decode_transaction(command.value);
  KeysAnswer answer{.error = check(transaction), .revision = revision()};
  if (answer.error) return {answer};
  const Way way = way_through(tree_, transaction);
  answer.error = first_on(transaction, way, [this](const Request& request) { return refusal(request); });
  if (answer.error) return {answer};

  KeyWriter writer(*this, command.time);
  auto act = base::Overloaded{
      [&](const RangeRequest& range) { return Answer{collect(range, writer.events())}; },
      [&](const PutRequest& put) {
        std::optional<KeyValue> previous = writer.put(put);
        return Answer{PutAnswer{put.previous ? std::move(previous) : std::nullopt}};
      },
      [&](const DeleteRequest& gone) {
        std::vector<std::string> paths;
        for_each_key(tree_, gone.range, [&](std::string_view, const TreeNode& node) {
          paths.push_back(node.path());
          return true;
        });
        DeleteAnswer deleted{.deleted = paths.size()};
        for (const std::string& path : paths) {
          KeyValue previous = writer.remove(*tree_.find(path).node, path, EventAction::kDelete);
          if (gone.previous) deleted.previous.push_back(std::move(previous));
        }
        return Answer{std::move(deleted)};
      },
      [](const base::Box<Transaction>&) { return Answer{}; },  // answer_of() goes into it
  };
  answer.transaction =
      answer_of(transaction, way, [&](const Request& request) { return std::visit(act, request.what); });
  std::vector<EventPtr> events = writer.record();
  answer.revision = revision();
  return {std::move(answer), std::move(events)};
}

std::optional<KeyValue> Store::KeyWriter::put(const PutRequest& put) {
  TreeNode* node = find_key(store_.tree_, put.key);
  const std::string path = node != nullptr ? node->path() : path_for_key(store_.tree_, put.key);
  StoreEvent event{.action = EventAction::kSet, .node = {}};
  std::optional<KeyValue> previous;
  std::int64_t lease = put.lease;
  if (node != nullptr) {
    event.previous = view_of(*node, path, Depth::kNode, now_);
    previous = key_value_of(*node, put.key);
    if (put.ignore_lease) lease = node->lease;
    if (!put.ignore_value) store_.tree_.set_value(*node, put.value);
  } else {
    const Command make{.operation = Operation::kSet, .key = path, .value = put.value};
    node = &store_.make_node(make, path, nullptr, index_);
  }
  node->created_index = index_;
  store_.note_change(*node, index_, lease);
  store_.tree_.set_expiry(*node, 0);
  event.node = view_of(*node, path, Depth::kNode, now_);
  add(std::move(event));
  return previous;
}

KeyValue Store::KeyWriter::remove(TreeNode& node, const std::string& path, EventAction action) {
  StoreEvent event{.action = action, .node = {.key = path}};
  event.node.created_index = node.created_index;
  event.node.modified_index = index_;
  event.previous = view_of(node, path, Depth::kNode, now_);
  KeyValue previous = key_value_of(node, *key_of_path(path));
  store_.tree_.remove(node);
  add(std::move(event));
  return previous;
}

// A revision that takes very much away keeps no copy of it.
void Store::KeyWriter::add(StoreEvent event) {
  event.index = index_;
  taken_bytes_ += event.previous && event.previous->value ? event.previous->value->size() : 0;
  event.forgets = taken_bytes_ > kMaxTakenBytes;
  if (event.forgets) event.previous->value.reset();
  events_.push_back(std::make_shared<const StoreEvent>(std::move(event)));
}

std::vector<EventPtr> Store::KeyWriter::record() {
  if (!events_.empty()) store_.record(events_);
  return std::move(events_);
}

Applied Store::compact(const Command& command) {
  KeysAnswer answer{.revision = revision()};
  if (command.previous_index > revision()) answer.error = KeyError::kFutureRevision;
  if (command.previous_index <= compacted()) answer.error = KeyError::kCompacted;
  if (answer.error) return {answer};
  TreeNode* node = tree_.find(kCompactedPath).node;
  if (node == nullptr) node = &tree_.add_file(*tree_.root().child("4"), "compacted", "");
  tree_.set_value(*node, std::to_string(command.previous_index));
  tree_.touch(*node);
  return {answer};
}

}  // namespace kv
