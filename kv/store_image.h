#pragma once
// A whole state as bytes, for a member that lags too far behind (docs/formats/kv-snapshot.md): records that can be made
// one after the other from a checkpoint, so that nobody has to hold all of it at once.

#include <string>
#include <string_view>

#include "kv/store.h"

namespace kv {

// In this order: one position, nodes (a directory before what is in it), events by index, one end.
std::string encode_position_record(const Position& position);
std::string encode_record(const NodeRow& row);
std::string encode_event_record(std::string_view event);  // the bytes of encode(StoreEvent)
std::string encode_end_record();

// Throws base::Error for anything but a whole image.
StoreImage decode_store_image(std::string_view bytes);

}  // namespace kv
