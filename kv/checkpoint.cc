#include "kv/checkpoint.h"

#include "base/error.h"
#include "kv/sqlite_file.h"
#include "kv/store_image.h"

namespace kv {

namespace {
constexpr std::int64_t kApplicationId = 0x434f5354;  // "COST"
constexpr std::int64_t kVersion = 2;
constexpr const char* kSchema =
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE nodes(path BLOB PRIMARY KEY, value BLOB, created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " expires INTEGER NOT NULL);"
    "CREATE TABLE configuration(idx INTEGER NOT NULL, servers BLOB NOT NULL);"
    "CREATE TABLE events(idx INTEGER PRIMARY KEY, event BLOB NOT NULL);";

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

// A directory's path is a prefix of what is in it, so it comes first.
constexpr std::string_view kSelectNodes = "SELECT path, value, created, modified, expires FROM nodes ORDER BY path";
constexpr std::string_view kSelectEvents = "SELECT event FROM events ORDER BY idx";

NodeRow node_row(const base::Statement& row) {
  return {row.text(0),   row.text(1), row.is_null(1), as_unsigned(row.integer(2)), as_unsigned(row.integer(3)),
          row.integer(4)};
}

RaftBase read_base(base::Database& database) {
  RaftBase base;
  base.index = read_fact(database, "applied_index");
  base.term = read_fact(database, "applied_term");
  base::Statement row(database, "SELECT idx, servers FROM configuration");
  if (row.step()) {
    base.configuration_index = as_unsigned(row.integer(0));
    base.configuration = decode_configuration(row.text(1));
  }
  return base;
}
}  // namespace

Checkpoint::Checkpoint(const std::string& path) : database_(path, true) {
  prepare_file(database_, kApplicationId, kVersion, kSchema);
}

StoreImage Checkpoint::load() {
  StoreImage image;
  image.position.revision = read_fact(database_, "revision");
  image.position.applied_index = read_fact(database_, "applied_index");
  image.position.applied_term = read_fact(database_, "applied_term");
  base::Statement nodes(database_, kSelectNodes);
  while (nodes.step()) image.nodes.push_back(node_row(nodes));
  base::Statement events(database_, kSelectEvents);
  while (events.step()) image.events.push_back(events.text(0));
  return image;
}

RaftBase Checkpoint::base() {
  return read_base(database_);
}

bool Checkpoint::save(std::span<const StoreChanges> changes, const RaftBase& base) {
  base::Transaction transaction(database_);
  try {
    for (const StoreChanges& portion : changes) write(portion);
    write(changes.back().position, base);
    transaction.commit();
  } catch (const base::Error&) {
    if (disk_is_full(database_)) return false;
    throw;
  }
  return true;
}

void Checkpoint::replace(const StoreImage& image, const RaftBase& base) {
  StoreChanges changes;
  changes.position = image.position;
  changes.nodes = image.nodes;
  changes.events = image.events;
  changes.first_new_event = image.position.revision + 1 - image.events.size();
  base::Transaction transaction(database_);
  database_.execute("DELETE FROM nodes; DELETE FROM events;");
  write(changes);
  write(image.position, base);
  transaction.commit();
}

void Checkpoint::write(const StoreChanges& changes) {
  base::Statement remove(database_, "DELETE FROM nodes WHERE path=?");
  for (const std::string& path : changes.removed) remove.bind_blob(1, path).run();
  base::Statement put(database_,
                      "INSERT OR REPLACE INTO nodes(path, value, created, modified, expires) VALUES(?, ?, ?, ?, ?)");
  for (const NodeRow& row : changes.nodes) {
    put.bind_blob(1, row.path);
    if (row.directory) {
      put.bind_null(2);
    } else {
      put.bind_blob(2, row.value);
    }
    put.bind(3, as_signed(row.created_index)).bind(4, as_signed(row.modified_index)).bind(5, row.expires_at).run();
  }
  base::Statement add(database_, "INSERT OR REPLACE INTO events(idx, event) VALUES(?, ?)");
  for (std::uint64_t index = changes.first_new_event; const std::string& event : changes.events) {
    add.bind(1, as_signed(index++)).bind_blob(2, event).run();
  }
  base::Statement forget(database_, "DELETE FROM events WHERE idx < ?");
  forget.bind(1, as_signed(changes.first_event)).run();
}

void Checkpoint::write(const Position& position, const RaftBase& base) {
  write_fact(database_, "revision", position.revision);
  write_fact(database_, "applied_index", position.applied_index);
  write_fact(database_, "applied_term", position.applied_term);
  database_.execute("DELETE FROM configuration");
  base::Statement configuration(database_, "INSERT INTO configuration(idx, servers) VALUES(?, ?)");
  configuration.bind(1, as_signed(base.configuration_index)).bind_blob(2, encode(base.configuration)).run();
}

namespace {

class Reader : public SnapshotReader {
 public:
  explicit Reader(const std::string& path) : database_(path, true) {
    database_.execute("BEGIN");
    base_ = read_base(database_);
  }

  const RaftBase& base() const override { return base_; }

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
        return encode_position_record({read_fact(database_, "revision"), base_.index, base_.term});
      case Stage::kNodes:
        if (rows_->step()) return encode_record(node_row(*rows_));
        stage_ = Stage::kEvents;
        rows_.reset();
        rows_.emplace(database_, kSelectEvents);
        return {};
      case Stage::kEvents:
        if (rows_->step()) return encode_event_record(rows_->text(0));
        stage_ = Stage::kDone;
        rows_.reset();
        return encode_end_record();
      case Stage::kDone:
        break;
    }
    return {};
  }

  base::Database database_;
  RaftBase base_;
  Stage stage_ = Stage::kPosition;
  std::optional<base::Statement> rows_;
};

}  // namespace

std::unique_ptr<SnapshotReader> read_checkpoint(const std::string& path) {
  auto reader = std::make_unique<Reader>(path);
  if (reader->base().index == 0) return nullptr;
  return reader;
}

}  // namespace kv
