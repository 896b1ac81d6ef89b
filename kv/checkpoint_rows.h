#pragma once
// The tables of store.db, version 3 (docs/formats/kv-store.md): each row of the state has a checksum, and one more
// covers what there is only once, with the sums of the rows' own. So a row that was changed, lost or brought back by
// anything but the store is noticed.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/sqlite.h"
#include "kv/store.h"
#include "kv/wal.h"

namespace kv {

inline constexpr std::int64_t kCheckpointApplicationId = 0x434f5354;  // "COST"
inline constexpr std::int64_t kCheckpointVersion = 3;

// A directory's path is a prefix of what is in it, so it comes first.
inline constexpr std::string_view kSelectNodes =
    "SELECT path, value, created, modified, expires, create_revision, version, lease, checksum FROM nodes ORDER BY "
    "path";
inline constexpr std::string_view kPutNode = "INSERT OR REPLACE INTO nodes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";
inline constexpr std::string_view kSelectEvents = "SELECT idx, event, checksum FROM events ORDER BY idx";

// What is there once.
struct CheckpointFacts {
  std::uint64_t revision = 0;
  WalIdentity member = {};  // whose state it is
  RaftBase base = {};       // where in the log
  // Of the checksums of all rows, modulo 2^64.
  std::uint64_t nodes_sum = 0;
  std::uint64_t events_sum = 0;

  Position position() const { return {revision, base.index, base.term}; }
};
std::uint32_t checksum_of(const CheckpointFacts& facts);
std::uint32_t checksum_of(const NodeRow& row);
std::uint32_t checksum_of_event(std::string_view event);

// What is wrong with the rows; may throw.
using Complain = std::function<void(const std::string&)>;

// Throws base::Error when their checksum is wrong.
CheckpointFacts read_facts(base::Database& database);
// Within a transaction of the caller.
void write_facts(base::Database& database, const CheckpointFacts& facts);

// Runs kPutNode. Returns the row's checksum.
std::uint32_t put_node(base::Statement& statement, const NodeRow& node);

// Of the current row of kSelectNodes and kSelectEvents; each checksum is added to `sum`.
NodeRow read_node(const base::Statement& row, std::uint64_t& sum, const Complain& complain);
std::string read_event(const base::Statement& row, std::uint64_t& sum, const Complain& complain);
// When all rows were read: are they those that were written?
void compare_sums(const CheckpointFacts& facts, std::uint64_t nodes_sum, std::uint64_t events_sum,
                  const Complain& complain);

// The whole state.
StoreImage read_state(base::Database& database, const CheckpointFacts& facts, const Complain& complain);

// Makes a fresh file one of `member`, and one of version 2 one of version 3. Throws base::Error for a file of another
// kind, version or member.
void prepare_checkpoint(base::Database& database, const WalIdentity& member);

}  // namespace kv
