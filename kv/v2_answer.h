#pragma once
// The JSON that v2 clients get, byte for byte as etcd 3.4 writes it.

#include <string>

#include "base/http.h"
#include "kv/event.h"
#include "kv/store_error.h"

namespace kv {

// {"action":…,"node":{…},"prevNode":{…}} and a newline. Keys lose the tree's "/1" in front. With `no_value`, writes
// answer the action alone.
std::string event_json(const StoreEvent& event, bool no_value = false);

// {"errorCode":…,"message":…,"cause":…,"index":…} and a newline.
std::string error_json(const StoreError& error);

// Status, X-Etcd-Index and body for an error.
base::HttpResponse error_response(const StoreError& error);

}  // namespace kv
