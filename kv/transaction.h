#pragma once
// Transactions of the v3 API: comparisons, and what is done when all hold or when one does not. A single put, range or
// delete is a transaction without comparisons. Proposed as they are, decided where they are applied: so all members
// decide alike. Follows etcd's KV service (etcd api/etcdserverpb/rpc.proto, server/etcdserver/apply.go).
//
// Bytes: docs/formats/kv-command.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/box.h"
#include "kv/key_value.h"

namespace kv {

struct Compare {
  enum class Target : std::uint8_t { kVersion = 0, kCreateRevision = 1, kModRevision = 2, kValue = 3, kLease = 4 };
  enum class Relation : std::uint8_t { kEqual = 0, kGreater = 1, kLess = 2, kNotEqual = 3 };

  // Holds when it holds for every key of the range. A key that is missing has zero for each number, and no comparison
  // of its value holds.
  KeyRange range = {};
  Target target = Target::kVersion;
  Relation relation = Relation::kEqual;
  std::uint64_t number = 0;  // a lease's id as two's complement
  std::string value = {};

  bool operator==(const Compare&) const = default;
};

struct RangeRequest {
  KeyRange range = {};
  std::uint64_t limit = 0;     // 0: none
  std::uint64_t revision = 0;  // 0: as it is now
  bool keys_only = false;
  bool count_only = false;

  bool operator==(const RangeRequest&) const = default;
};

struct PutRequest {
  std::string key;
  std::string value = {};
  std::int64_t lease = 0;
  bool previous = false;      // answer with what was there
  bool ignore_value = false;  // only the lease changes; there must be such a key
  bool ignore_lease = false;  // only the value changes; the same

  bool operator==(const PutRequest&) const = default;
};

struct DeleteRequest {
  KeyRange range = {};
  bool previous = false;

  bool operator==(const DeleteRequest&) const = default;
};

struct Transaction;

struct Request {
  std::variant<RangeRequest, PutRequest, DeleteRequest, base::Box<Transaction>> what;

  bool operator==(const Request&) const = default;
};

struct Transaction {
  std::vector<Compare> compares = {};
  std::vector<Request> success = {};  // when all of them hold
  std::vector<Request> failure = {};

  bool operator==(const Transaction&) const = default;
};

// The transaction that a request is, or null.
const Transaction* inner_of(const Request& request);

// --- answers

struct RangeAnswer {
  std::vector<KeyValue> keys = {};  // in the order of their bytes
  std::uint64_t count = 0;          // of all in the range, also without those that the limit left out
  bool more = false;                // the limit left some out
};
struct PutAnswer {
  std::optional<KeyValue> previous = {};
};
struct DeleteAnswer {
  std::uint64_t deleted = 0;
  std::vector<KeyValue> previous = {};
};

struct TransactionAnswer;
struct Answer {
  std::variant<RangeAnswer, PutAnswer, DeleteAnswer, base::Box<TransactionAnswer>> what;
};
struct TransactionAnswer {
  bool succeeded = false;  // the comparisons held
  std::vector<Answer> answers = {};
};

enum class KeyError {
  kEmptyKey,
  kTooManyOperations,
  kDuplicateKey,
  kKeyNotFound,     // of a put that ignores value or lease
  kCompacted,       // the revision asked for is no longer known
  kFutureRevision,  // it is not known yet
  kLeaseNotFound,
  kLeaseExists,
  kValueProvided,
  kLeaseProvided,
  kTooDeep,  // transactions in transactions
};
std::string_view text_of(KeyError error);  // etcd's (api/v3rpc/rpctypes/error.go)

// How a transaction, or a change of a lease, came out. With an error nothing was changed.
struct KeysAnswer {
  std::optional<KeyError> error = {};
  std::uint64_t revision = 0;  // of the store, after it
  TransactionAnswer transaction = {};
};

inline constexpr std::size_t kMaxOperations = 128;  // etcd's: of comparisons, of each branch
inline constexpr std::size_t kMaxDepth = 8;

// What is wrong with a transaction whatever the state is. A key may be changed once by each way through it.
std::optional<KeyError> check(const Transaction& transaction);

// It changes nothing, whichever way it goes.
bool reads_only(const Transaction& transaction);
// It may make the store larger.
bool puts(const Transaction& transaction);

std::string encode(const Transaction& transaction);
// Throws base::Error for bytes that encode() cannot have made, and for more than check() allows.
Transaction decode_transaction(std::string_view bytes);

}  // namespace kv
