#include "kv/checkpoint.h"

#include <algorithm>
#include <format>
#include <optional>

#include "base/error.h"
#include "kv/checkpoint_rows.h"
#include "kv/sqlite_file.h"
#include "kv/store_image.h"

namespace kv {

namespace {

Complain refuse(const base::Database& database) {
  return [path = database.path()](const std::string& problem) { throw DamagedData("read", path, problem); };
}

// A row that goes or is replaced leaves the sum.
void write_nodes(base::Database& database, const StoreChanges& changes, std::uint64_t& sum) {
  base::Statement select(database, "SELECT checksum FROM nodes WHERE path=?");
  auto take_out = [&](const std::string& path) {
    if (select.bind_blob(1, path).step()) sum -= static_cast<std::uint64_t>(select.integer(0));
    select.reset();
  };
  base::Statement remove(database, "DELETE FROM nodes WHERE path=?");
  for (const std::string& path : changes.removed) {
    take_out(path);
    remove.bind_blob(1, path).run();
  }
  base::Statement put(database, kPutNode);
  for (const NodeRow& row : changes.nodes) {
    take_out(row.path);
    sum += put_node(put, row);
  }
}

// The history is one row of events: what is new stands at its end, what has left it stood at its beginning.
void write_events(base::Database& database, const StoreChanges& changes, std::uint64_t& sum) {
  const std::uint64_t first_new = changes.events.empty() ? UINT64_MAX : changes.first_new_event;
  auto bind = [&](base::Statement& statement) -> base::Statement& {
    const std::uint64_t bounded = std::min<std::uint64_t>(first_new, INT64_MAX);
    return statement.bind(1, static_cast<std::int64_t>(changes.first_event))
        .bind(2, static_cast<std::int64_t>(bounded));
  };
  base::Statement old(database, "SELECT IFNULL(SUM(checksum), 0) FROM events WHERE idx < ? OR idx >= ?");
  bind(old).step();
  sum -= static_cast<std::uint64_t>(old.integer(0));
  base::Statement forget(database, "DELETE FROM events WHERE idx < ? OR idx >= ?");
  bind(forget).run();
  base::Statement add(database, "INSERT INTO events(idx, event, checksum) VALUES(?, ?, ?)");
  for (std::uint64_t index = changes.first_new_event; const std::string& event : changes.events) {
    const std::uint32_t checksum = checksum_of_event(event);
    sum += checksum;
    add.bind(1, static_cast<std::int64_t>(index++)).bind_blob(2, event).bind(3, std::int64_t{checksum}).run();
  }
}

}  // namespace

Checkpoint::Checkpoint(const std::string& path, const WalIdentity& member) : database_(path, true), member_(member) {
  // Pages of SQLite's log before they go to the file: the less is written at once, the shorter others wait for the
  // disk.
  database_.execute("PRAGMA wal_autocheckpoint=250");
  prepare_checkpoint(database_, member);
}

StoreImage Checkpoint::load() {
  return read_state(database_, read_facts(database_), refuse(database_));
}

RaftBase Checkpoint::base() {
  return read_facts(database_).base;
}

bool Checkpoint::save(std::span<const StoreChanges> changes, const RaftBase& base) {
  base::Transaction transaction(database_);
  try {
    CheckpointFacts facts = read_facts(database_);
    for (const StoreChanges& portion : changes) write(portion, facts);
    write(changes.back().position, base, facts);
    transaction.commit();
  } catch (const base::Error&) {
    if (disk_is_full(database_)) return false;
    throw;
  }
  return true;
}

void Checkpoint::limit_pages(std::int64_t pages) {
  database_.execute(std::format("PRAGMA max_page_count={}", pages));
}

void Checkpoint::replace(const StoreImage& image, const RaftBase& base) {
  StoreChanges changes;
  changes.position = image.position;
  changes.nodes = image.nodes;
  changes.events = image.events;
  changes.first_new_event = image.position.revision + 1 - image.events.size();
  base::Transaction transaction(database_);
  database_.execute("DELETE FROM nodes; DELETE FROM events;");
  CheckpointFacts facts;
  write(changes, facts);
  write(image.position, base, facts);
  transaction.commit();
}

void Checkpoint::write(const StoreChanges& changes, CheckpointFacts& facts) {
  write_nodes(database_, changes, facts.nodes_sum);
  write_events(database_, changes, facts.events_sum);
}

void Checkpoint::write(const Position& position, const RaftBase& base, CheckpointFacts& facts) {
  facts.revision = position.revision;
  facts.member = member_;
  facts.base = base;
  facts.base.index = position.applied_index;
  facts.base.term = position.applied_term;
  write_facts(database_, facts);
}

namespace {

class Reader : public SnapshotReader {
 public:
  explicit Reader(const std::string& path) : database_(path, true), complain_(refuse(database_)) {
    database_.execute("BEGIN");
    facts_ = read_facts(database_);
  }

  const RaftBase& base() const override { return facts_.base; }

  std::string next(std::size_t size) override {
    std::string out;
    while (out.size() < size && stage_ != Stage::kDone) out += next_record();
    return out;
  }

 private:
  enum class Stage { kPosition, kNodes, kEvents, kDone };

  std::string next_record() {
    switch (stage_) {
      case Stage::kPosition:
        stage_ = Stage::kNodes;
        rows_.emplace(database_, kSelectNodes);
        return encode_position_record(facts_.position());
      case Stage::kNodes:
        if (rows_->step()) return encode_record(read_node(*rows_, nodes_sum_, complain_));
        stage_ = Stage::kEvents;
        rows_.reset();
        rows_.emplace(database_, kSelectEvents);
        return {};
      case Stage::kEvents:
        if (rows_->step()) return encode_event_record(read_event(*rows_, events_sum_, complain_));
        stage_ = Stage::kDone;
        rows_.reset();
        compare_sums(facts_, nodes_sum_, events_sum_, complain_);
        return encode_end_record();
      case Stage::kDone:
        break;
    }
    return {};
  }

  base::Database database_;
  Complain complain_;
  CheckpointFacts facts_;
  Stage stage_ = Stage::kPosition;
  std::optional<base::Statement> rows_;
  std::uint64_t nodes_sum_ = 0;
  std::uint64_t events_sum_ = 0;
};

}  // namespace

std::unique_ptr<SnapshotReader> read_checkpoint(const std::string& path) {
  auto reader = std::make_unique<Reader>(path);
  if (reader->base().index == 0) return nullptr;
  return reader;
}

}  // namespace kv
