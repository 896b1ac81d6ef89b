#include "kv/checkpoint_rows.h"

#include <format>

#include "base/crc32c.h"
#include "base/error.h"
#include "kv/bytes.h"
#include "kv/event_bytes.h"
#include "kv/go_text.h"
#include "kv/members.h"
#include "kv/sqlite_file.h"
#include "kv/store_image.h"

namespace kv {

namespace {

constexpr const char* kSchema =
    "CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE nodes(path BLOB PRIMARY KEY, value BLOB, created INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL,"
    " checksum INTEGER NOT NULL);"
    "CREATE TABLE configuration(idx INTEGER NOT NULL, servers BLOB NOT NULL);"
    "CREATE TABLE events(idx INTEGER PRIMARY KEY, event BLOB NOT NULL, checksum INTEGER NOT NULL);";

std::int64_t as_signed(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}
std::uint64_t as_unsigned(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

[[noreturn]] void damaged(const base::Database& database, const std::string& what) {
  throw base::Error("read", database.path(), what);
}

CheckpointFacts read_unchecked_facts(base::Database& database) {
  CheckpointFacts facts;
  facts.revision = read_fact(database, "revision");
  facts.member = {read_fact(database, "cluster_id"), read_fact(database, "member_id")};
  facts.base.index = read_fact(database, "applied_index");
  facts.base.term = read_fact(database, "applied_term");
  facts.nodes_sum = read_fact(database, "nodes_sum");
  facts.events_sum = read_fact(database, "events_sum");
  base::Statement row(database, "SELECT idx, servers FROM configuration");
  if (row.step()) {
    facts.base.configuration_index = as_unsigned(row.integer(0));
    facts.base.configuration = decode_configuration(row.text(1));
  }
  return facts;
}

// Version 2 had neither checksums nor the member's ids, and nothing for v3 clients: its files count as made and never
// changed.
void bring_to_version_3(base::Database& database, const WalIdentity& member) {
  base::Transaction transaction(database);
  CheckpointFacts facts = read_unchecked_facts(database);
  facts.member = member;
  database.execute(
      "ALTER TABLE facts RENAME TO old_facts; ALTER TABLE nodes RENAME TO old_nodes;"
      "ALTER TABLE configuration RENAME TO old_configuration; ALTER TABLE events RENAME TO old_events;");
  database.execute(kSchema);
  {
    base::Statement old(database, "SELECT path, value, created, modified, expires FROM old_nodes");
    base::Statement put(database, kPutNode);
    while (old.step()) {
      NodeRow row{old.text(0),   old.text(1), old.is_null(1), as_unsigned(old.integer(2)), as_unsigned(old.integer(3)),
                  old.integer(4)};
      row.create_revision = row.directory ? 0 : row.created_index;
      row.version = row.directory ? 0 : 1;
      facts.nodes_sum += put_node(put, row);
    }
    base::Statement old_event(database, "SELECT idx, event FROM old_events");
    base::Statement add(database, "INSERT INTO events VALUES(?, ?, ?)");
    while (old_event.step()) {
      const std::string event = old_event.text(1);
      const std::uint32_t checksum = checksum_of_event(event);
      facts.events_sum += checksum;
      add.bind(1, old_event.integer(0)).bind_blob(2, event).bind(3, std::int64_t{checksum}).run();
    }
  }
  database.execute("DROP TABLE old_facts; DROP TABLE old_nodes; DROP TABLE old_configuration; DROP TABLE old_events;");
  write_facts(database, facts);
  database.execute(std::format("PRAGMA user_version={}", kCheckpointVersion));
  transaction.commit();
}

}  // namespace

std::uint32_t checksum_of(const CheckpointFacts& facts) {
  ByteWriter out;
  for (const std::uint64_t number :
       {facts.revision, facts.base.index, facts.base.term, facts.member.cluster_id, facts.member.member_id,
        facts.nodes_sum, facts.events_sum, facts.base.configuration_index}) {
    out.number(number);
  }
  out.text(encode(facts.base.configuration));
  return base::crc32c(out.take());
}

std::uint32_t checksum_of(const NodeRow& row) {
  return base::crc32c(encode_record(row));
}

std::uint32_t checksum_of_event(std::string_view event) {
  return base::crc32c(event);
}

CheckpointFacts read_facts(base::Database& database) {
  CheckpointFacts facts = read_unchecked_facts(database);
  if (read_fact(database, "checksum") != checksum_of(facts)) damaged(database, "its facts are damaged");
  return facts;
}

void write_facts(base::Database& database, const CheckpointFacts& facts) {
  write_fact(database, "revision", facts.revision);
  write_fact(database, "cluster_id", facts.member.cluster_id);
  write_fact(database, "member_id", facts.member.member_id);
  write_fact(database, "applied_index", facts.base.index);
  write_fact(database, "applied_term", facts.base.term);
  write_fact(database, "nodes_sum", facts.nodes_sum);
  write_fact(database, "events_sum", facts.events_sum);
  write_fact(database, "checksum", checksum_of(facts));
  database.execute("DELETE FROM configuration");
  base::Statement configuration(database, "INSERT INTO configuration(idx, servers) VALUES(?, ?)");
  configuration.bind(1, as_signed(facts.base.configuration_index)).bind_blob(2, encode(facts.base.configuration)).run();
}

std::uint32_t put_node(base::Statement& statement, const NodeRow& node) {
  const std::uint32_t checksum = checksum_of(node);
  statement.bind_blob(1, node.path);
  node.directory ? statement.bind_null(2) : statement.bind_blob(2, node.value);
  statement.bind(3, as_signed(node.created_index)).bind(4, as_signed(node.modified_index)).bind(5, node.expires_at);
  statement.bind(6, as_signed(node.create_revision)).bind(7, as_signed(node.version)).bind(8, node.lease);
  statement.bind(9, std::int64_t{checksum}).run();
  return checksum;
}

NodeRow read_node(const base::Statement& row, std::uint64_t& sum, const Complain& complain) {
  NodeRow node{row.text(0),
               row.text(1),
               row.is_null(1),
               as_unsigned(row.integer(2)),
               as_unsigned(row.integer(3)),
               row.integer(4),
               as_unsigned(row.integer(5)),
               as_unsigned(row.integer(6)),
               row.integer(7)};
  const std::uint32_t checksum = checksum_of(node);
  if (row.integer(8) != std::int64_t{checksum}) complain(std::format("the node {} is damaged", json_quoted(node.path)));
  sum += as_unsigned(row.integer(8));
  return node;
}

std::string read_event(const base::Statement& row, std::uint64_t& sum, const Complain& complain) {
  std::string event = row.text(1);
  if (row.integer(2) != std::int64_t{checksum_of_event(event)}) {
    complain(std::format("the event {} is damaged", row.integer(0)));
  }
  sum += as_unsigned(row.integer(2));
  return event;
}

void compare_sums(const CheckpointFacts& facts, std::uint64_t nodes_sum, std::uint64_t events_sum,
                  const Complain& complain) {
  if (nodes_sum != facts.nodes_sum) complain("its nodes are not those that were written: some are missing or old");
  if (events_sum != facts.events_sum) complain("its events are not those that were written: some are missing or old");
}

StoreImage read_state(base::Database& database, const CheckpointFacts& facts, const Complain& complain) {
  StoreImage image;
  image.position = facts.position();
  std::uint64_t nodes_sum = 0;
  std::uint64_t events_sum = 0;
  base::Statement nodes(database, kSelectNodes);
  while (nodes.step()) image.nodes.push_back(read_node(nodes, nodes_sum, complain));
  base::Statement events(database, kSelectEvents);
  while (events.step()) {
    image.events.push_back(read_event(events, events_sum, complain));
    try {
      decode_events(image.events.back());
    } catch (const base::Error& error) {
      complain(std::format("the event {}: {}", events.integer(0), error.what()));
    }
  }
  compare_sums(facts, nodes_sum, events_sum, complain);
  return image;
}

void prepare_checkpoint(base::Database& database, const WalIdentity& member) {
  if (file_version(database, kCheckpointApplicationId) == 2) bring_to_version_3(database, member);
  prepare_file(database, kCheckpointApplicationId, kCheckpointVersion, kSchema,
               [&] { write_facts(database, {.member = member}); });
  const WalIdentity found = read_facts(database).member;
  if (found == member) return;
  throw base::Error(
      "open", database.path(),
      std::format("it is of member {} of cluster {}, the log is of member {} of cluster {}", id_text(found.member_id),
                  id_text(found.cluster_id), id_text(member.member_id), id_text(member.cluster_id)));
}

}  // namespace kv
