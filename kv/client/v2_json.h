#pragma once
// etcd v2's JSON bodies (contract: contracts of the v2 API, "Response shapes") as the client's values.

#include <string_view>

#include "base/json.h"
#include "kv/client/client.h"

namespace kv {

inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024 * 1024;

// An answer's body, bounded in size and depth. Throws base::Error.
base::Json parse_answer(std::string_view body);

Node node_from_json(const base::Json& node);

// {"action":…,"node":…,"prevNode":…}. Throws base::Error for an action that the client does not know.
Event event_from_json(const base::Json& body);

// Every node below `directory`, depth first, appended to `nodes`.
void flatten(const base::Json& directory, std::vector<Node>& nodes);

// errorCode of an error body, 0 when it is none.
int error_code(const base::Json& body);

// "100: Key not found (/x) [3]", as etcd's own clients print it.
std::string error_text(const base::Json& body);

}  // namespace kv
