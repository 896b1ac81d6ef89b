#include "kv/store_image.h"

#include "kv/bytes.h"

namespace kv {

namespace {

enum class Record : std::uint8_t { kPosition = 1, kNode = 2, kEvent = 3, kEnd = 4 };

ByteWriter begin(Record record) {
  ByteWriter out;
  out.byte(static_cast<std::uint8_t>(record));
  return out;
}

NodeRow read_node(ByteReader& in) {
  NodeRow row;
  row.path = in.text();
  std::uint8_t directory = in.byte();
  if (directory > 1 || !row.path.starts_with('/')) in.fail("a node that cannot be");
  row.directory = directory == 1;
  row.value = in.text();
  row.created_index = in.number();
  row.modified_index = in.number();
  row.expires_at = static_cast<std::int64_t>(in.number());
  row.create_revision = in.number();
  row.version = in.number();
  row.lease = static_cast<std::int64_t>(in.number());
  return row;
}

}  // namespace

std::string encode_position_record(const Position& position) {
  ByteWriter out = begin(Record::kPosition);
  out.number(position.revision);
  out.number(position.applied_index);
  out.number(position.applied_term);
  return out.take();
}

std::string encode_record(const NodeRow& row) {
  ByteWriter out = begin(Record::kNode);
  out.text(row.path);
  out.byte(row.directory ? 1 : 0);
  out.text(row.value);
  out.number(row.created_index);
  out.number(row.modified_index);
  out.number(static_cast<std::uint64_t>(row.expires_at));
  out.number(row.create_revision);
  out.number(row.version);
  out.number(static_cast<std::uint64_t>(row.lease));
  return out.take();
}

std::string encode_event_record(std::string_view event) {
  ByteWriter out = begin(Record::kEvent);
  out.text(event);
  return out.take();
}

std::string encode_end_record() {
  return begin(Record::kEnd).take();
}

StoreImage decode_store_image(std::string_view bytes) {
  ByteReader in(bytes, "snapshot");
  StoreImage image;
  if (in.byte() != static_cast<std::uint8_t>(Record::kPosition)) in.fail("it does not begin with a position");
  image.position.revision = in.number();
  image.position.applied_index = in.number();
  image.position.applied_term = in.number();
  while (true) {
    switch (static_cast<Record>(in.byte())) {
      case Record::kNode:
        image.nodes.push_back(read_node(in));
        break;
      case Record::kEvent:
        image.events.push_back(in.text());
        break;
      case Record::kEnd:
        in.end();
        return image;
      default:
        in.fail("unknown record");
    }
  }
}

}  // namespace kv
