#include "kv/transaction.h"

#include <algorithm>
#include <set>

#include "kv/bytes.h"

namespace kv {

const Transaction* inner_of(const Request& request) {
  const auto* inner = std::get_if<base::Box<Transaction>>(&request.what);
  return inner == nullptr ? nullptr : &**inner;
}

std::string_view text_of(KeyError error) {
  switch (error) {
    case KeyError::kEmptyKey:
      return "etcdserver: key is not provided";
    case KeyError::kTooManyOperations:
      return "etcdserver: too many operations in txn request";
    case KeyError::kDuplicateKey:
      return "etcdserver: duplicate key given in txn request";
    case KeyError::kKeyNotFound:
      return "etcdserver: key not found";
    case KeyError::kCompacted:
      return "etcdserver: mvcc: required revision has been compacted";
    case KeyError::kFutureRevision:
      return "etcdserver: mvcc: required revision is a future revision";
    case KeyError::kLeaseNotFound:
      return "etcdserver: requested lease not found";
    case KeyError::kLeaseExists:
      return "etcdserver: lease already exists";
    case KeyError::kValueProvided:
      return "etcdserver: value is provided";
    case KeyError::kLeaseProvided:
      return "etcdserver: lease is provided";
    case KeyError::kTooDeep:
      return "etcdserver: too many nested transactions in txn request";
  }
  return "";
}

namespace {

// --- what is wrong whatever the state is

std::optional<KeyError> check_one(const Request& request) {
  if (const auto* range = std::get_if<RangeRequest>(&request.what)) {
    if (range->range.key.empty()) return KeyError::kEmptyKey;
  } else if (const auto* put = std::get_if<PutRequest>(&request.what)) {
    if (put->key.empty()) return KeyError::kEmptyKey;
    if (put->ignore_value && !put->value.empty()) return KeyError::kValueProvided;
    if (put->ignore_lease && put->lease != 0) return KeyError::kLeaseProvided;
  } else if (const auto* gone = std::get_if<DeleteRequest>(&request.what)) {
    if (gone->range.key.empty()) return KeyError::kEmptyKey;
  }
  return std::nullopt;
}

std::optional<KeyError> check_parts(const Transaction& transaction, std::size_t depth) {
  if (depth > kMaxDepth) return KeyError::kTooDeep;
  if (std::max({transaction.compares.size(), transaction.success.size(), transaction.failure.size()}) >
      kMaxOperations) {
    return KeyError::kTooManyOperations;
  }
  if (std::ranges::any_of(transaction.compares, [](const Compare& one) { return one.range.key.empty(); })) {
    return KeyError::kEmptyKey;
  }
  for (const auto* branch : {&transaction.success, &transaction.failure}) {
    for (const Request& request : *branch) {
      if (auto error = check_one(request)) return error;
      const Transaction* inner = inner_of(request);
      if (inner == nullptr) continue;
      if (auto error = check_parts(*inner, depth + 1)) return error;
    }
  }
  return std::nullopt;
}

// What a branch may put and delete.
struct Touched {
  std::set<std::string_view> puts;
  std::vector<const KeyRange*> deletes;

  bool deletes_key(std::string_view key) const {
    return std::ranges::any_of(deletes, [&](const KeyRange* range) { return range->contains(key); });
  }
  bool clashes(const Touched& other) const {
    return std::ranges::any_of(other.puts, [&](auto key) { return puts.contains(key) || deletes_key(key); }) ||
           std::ranges::any_of(puts, [&](auto key) { return other.deletes_key(key); });
  }
  void add(Touched other) {
    puts.merge(other.puts);
    deletes.insert(deletes.end(), other.deletes.begin(), other.deletes.end());
  }
};

// Nothing when a key would be changed twice. The two branches of an inner transaction never happen both.
std::optional<Touched> touched_by(const std::vector<Request>& branch) {
  Touched all;
  for (const Request& request : branch) {
    Touched one;
    if (const auto* put = std::get_if<PutRequest>(&request.what)) one.puts.insert(put->key);
    if (const auto* gone = std::get_if<DeleteRequest>(&request.what)) one.deletes.push_back(&gone->range);
    if (const Transaction* inner = inner_of(request)) {
      auto then = touched_by(inner->success);
      auto otherwise = touched_by(inner->failure);
      if (!then || !otherwise) return std::nullopt;
      one = std::move(*then);
      one.add(std::move(*otherwise));
    }
    if (all.clashes(one)) return std::nullopt;
    all.add(std::move(one));
  }
  return all;
}

template <typename Predicate>
bool any_request(const Transaction& transaction, const Predicate& predicate) {
  for (const auto* branch : {&transaction.success, &transaction.failure}) {
    for (const Request& request : *branch) {
      const Transaction* inner = inner_of(request);
      if (inner != nullptr ? any_request(*inner, predicate) : predicate(request)) return true;
    }
  }
  return false;
}

}  // namespace

std::optional<KeyError> check(const Transaction& transaction) {
  if (auto error = check_parts(transaction, 1)) return error;
  if (!touched_by(transaction.success) || !touched_by(transaction.failure)) return KeyError::kDuplicateKey;
  return std::nullopt;
}

bool reads_only(const Transaction& transaction) {
  return !any_request(transaction,
                      [](const Request& request) { return !std::holds_alternative<RangeRequest>(request.what); });
}

bool puts(const Transaction& transaction) {
  return any_request(transaction,
                     [](const Request& request) { return std::holds_alternative<PutRequest>(request.what); });
}

// --- bytes

namespace {

constexpr std::uint8_t kVersion = 1;

enum class Kind : std::uint8_t { kRange = 1, kPut = 2, kDelete = 3, kTransaction = 4 };

constexpr std::uint8_t kKeysOnly = 1;
constexpr std::uint8_t kCountOnly = 2;
constexpr std::uint8_t kPrevious = 4;
constexpr std::uint8_t kIgnoreValue = 8;
constexpr std::uint8_t kIgnoreLease = 16;

std::uint8_t flag(bool set, std::uint8_t value) {
  return set ? value : std::uint8_t{0};
}

class Writer {
 public:
  void write(const Transaction& transaction) {
    out_.number(transaction.compares.size());
    for (const Compare& compare : transaction.compares) {
      write(compare.range);
      out_.byte(static_cast<std::uint8_t>(compare.target));
      out_.byte(static_cast<std::uint8_t>(compare.relation));
      compare.target == Compare::Target::kValue ? out_.text(compare.value) : out_.number(compare.number);
    }
    for (const auto* branch : {&transaction.success, &transaction.failure}) {
      out_.number(branch->size());
      for (const Request& request : *branch) {
        std::visit([this](const auto& one) { write_request(one); }, request.what);
      }
    }
  }
  ByteWriter& out() { return out_; }

 private:
  void write(const KeyRange& range) {
    out_.text(range.key);
    out_.text(range.end);
  }
  void begin(Kind kind, int flags) {
    out_.byte(static_cast<std::uint8_t>(kind));
    out_.byte(static_cast<std::uint8_t>(flags));
  }
  void write_request(const RangeRequest& range) {
    begin(Kind::kRange, flag(range.keys_only, kKeysOnly) | flag(range.count_only, kCountOnly));
    write(range.range);
    out_.number(range.limit);
    out_.number(range.revision);
  }
  void write_request(const PutRequest& put) {
    begin(Kind::kPut,
          flag(put.previous, kPrevious) | flag(put.ignore_value, kIgnoreValue) | flag(put.ignore_lease, kIgnoreLease));
    out_.text(put.key);
    out_.text(put.value);
    out_.number(static_cast<std::uint64_t>(put.lease));
  }
  void write_request(const DeleteRequest& gone) {
    begin(Kind::kDelete, flag(gone.previous, kPrevious));
    write(gone.range);
  }
  void write_request(const base::Box<Transaction>& inner) {
    begin(Kind::kTransaction, 0);
    write(*inner);
  }

  ByteWriter out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : in_(bytes, "transaction") {
    if (in_.byte() != kVersion) in_.fail("unknown version");
  }

  Transaction read(std::size_t depth) {
    if (depth > kMaxDepth) in_.fail("transactions within transactions");
    Transaction transaction;
    for (std::size_t left = count(); left > 0; --left) transaction.compares.push_back(read_compare());
    for (auto* branch : {&transaction.success, &transaction.failure}) {
      for (std::size_t left = count(); left > 0; --left) branch->push_back(read_request(depth));
    }
    return transaction;
  }
  void end() const { in_.end(); }

 private:
  std::size_t count() {
    const std::uint64_t value = in_.number();
    if (value > kMaxOperations) in_.fail("too many operations");
    return value;
  }
  std::uint8_t flags(int allowed) {
    const std::uint8_t value = in_.byte();
    if ((value & ~allowed) != 0) in_.fail("unknown flag");
    return value;
  }
  KeyRange read_range() {
    KeyRange range{in_.text(), in_.text()};
    return range;
  }
  Compare read_compare() {
    Compare compare{.range = read_range()};
    const std::uint8_t target = in_.byte();
    const std::uint8_t relation = in_.byte();
    if (target > static_cast<std::uint8_t>(Compare::Target::kLease) ||
        relation > static_cast<std::uint8_t>(Compare::Relation::kNotEqual)) {
      in_.fail("unknown comparison");
    }
    compare.target = static_cast<Compare::Target>(target);
    compare.relation = static_cast<Compare::Relation>(relation);
    if (compare.target == Compare::Target::kValue) {
      compare.value = in_.text();
    } else {
      compare.number = in_.number();
    }
    return compare;
  }
  Request read_request(std::size_t depth) {
    switch (static_cast<Kind>(in_.byte())) {
      case Kind::kRange: {
        const std::uint8_t set = flags(kKeysOnly | kCountOnly);
        RangeRequest range{.range = read_range(), .limit = in_.number(), .revision = in_.number()};
        range.keys_only = (set & kKeysOnly) != 0;
        range.count_only = (set & kCountOnly) != 0;
        return {std::move(range)};
      }
      case Kind::kPut: {
        const std::uint8_t set = flags(kPrevious | kIgnoreValue | kIgnoreLease);
        PutRequest put{.key = in_.text(), .value = in_.text(), .lease = static_cast<std::int64_t>(in_.number())};
        put.previous = (set & kPrevious) != 0;
        put.ignore_value = (set & kIgnoreValue) != 0;
        put.ignore_lease = (set & kIgnoreLease) != 0;
        return {std::move(put)};
      }
      case Kind::kDelete: {
        const std::uint8_t set = flags(kPrevious);
        return {DeleteRequest{.range = read_range(), .previous = (set & kPrevious) != 0}};
      }
      case Kind::kTransaction:
        flags(0);
        return {read(depth + 1)};
    }
    in_.fail("unknown request");
  }

  ByteReader in_;
};

}  // namespace

std::string encode(const Transaction& transaction) {
  Writer writer;
  writer.out().byte(kVersion);
  writer.write(transaction);
  return writer.out().take();
}

Transaction decode_transaction(std::string_view bytes) {
  Reader reader(bytes);
  Transaction transaction = reader.read(1);
  reader.end();
  return transaction;
}

}  // namespace kv
