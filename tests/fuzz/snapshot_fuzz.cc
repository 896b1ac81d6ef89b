// A leader's state in pieces, as a member takes it in: any order of pieces, any bytes of a state. A state that is taken
// can be served: its bytes are made again and mean the same. Input: for each piece a byte of flags (1: last, 2: of
// another stream, 4: sent twice, 8: its checksum is wrong, 16: at offset 0), one for its size, and the bytes.

#include "base/crc32c.h"
#include "base/error.h"
#include "fuzz.h"
#include "kv/snapshot_streams.h"
#include "kv/store.h"
#include "kv/store_image.h"

namespace {

void take_state(std::string_view bytes) {
  try {
    kv::StoreImage image = kv::decode_store_image(bytes);
    std::string again = kv::encode_position_record(image.position);
    for (const kv::NodeRow& row : image.nodes) again += kv::encode_record(row);
    for (const std::string& event : image.events) again += kv::encode_event_record(event);
    again += kv::encode_end_record();
    kv::decode_store_image(again);
    kv::Store store;
    store.restore(image);
    (void)store.digest();
    (void)store.get("/1", true, 0);
    const std::string no_end(1, '\0');
    (void)store.range({.range = {no_end, no_end}});
    (void)store.range({.range = {no_end, no_end}, .revision = store.compacted()});
    for (const kv::Lease& lease : store.leases()) (void)store.keys_of_lease(lease.id);
    if (auto next = store.next_expiry()) {
      kv::Command expire{.operation = kv::Operation::kExpire};
      expire.time = *next;
      store.apply(expire, UINT64_MAX, 1);
    }
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  take_state(input.rest());
  kv::SnapshotReceiver receiver;
  kv::PeerSnapshotChunk piece;
  piece.term = 1;
  piece.base = {5, 1, 1, {{1, true}}};
  while (!input.empty()) {
    const std::uint8_t flags = input.byte();
    piece.stream = (flags & 2) != 0 ? 2 : 1;
    if ((flags & 16) != 0) {
      piece.offset = 0;
      piece.checksum = 0;
    }
    piece.data = input.text(input.byte());
    piece.checksum = base::crc32c(piece.data, piece.checksum) ^ ((flags & 8) != 0 ? 1U : 0U);
    piece.last = (flags & 1) != 0;
    for (int i = (flags & 4) != 0 ? 2 : 1; i > 0; --i) receiver.take(7, piece);
    piece.offset += piece.data.size();
    if (auto whole = receiver.take_whole()) take_state(whole->state);
  }
  return 0;
}
