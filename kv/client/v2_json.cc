#include "kv/client/v2_json.h"

#include <format>

#include "base/error.h"

namespace kv {

namespace {
// Two JSON levels a directory level; the store allows 512 of those.
constexpr std::size_t kMaxAnswerDepth = 1100;
}  // namespace

base::Json parse_answer(std::string_view body) {
  base::Json json = base::parse_json(body, "the store's answer", kMaxAnswerBytes, kMaxAnswerDepth);
  if (!json.is_object()) throw base::Error("parse", "the store's answer", "it is not a JSON object");
  return json;
}

Node node_from_json(const base::Json& node) {
  Node result;
  result.key = base::json_string(node, "key", "/");
  result.value = base::json_string(node, "value");
  result.directory = base::json_bool(node, "dir");
  result.created_index = static_cast<std::uint64_t>(base::json_integer(node, "createdIndex"));
  result.modified_index = static_cast<std::uint64_t>(base::json_integer(node, "modifiedIndex"));
  if (node.contains("expiration")) result.ttl = std::chrono::seconds(base::json_integer(node, "ttl"));
  return result;
}

Event event_from_json(const base::Json& body) {
  Event event;
  std::string action = base::json_string(body, "action");
  if (action == "set" || action == "create" || action == "update" || action == "compareAndSwap") {
    event.action = Action::kSet;
  } else if (action == "delete" || action == "compareAndDelete") {
    event.action = Action::kDelete;
  } else if (action == "expire") {
    event.action = Action::kExpire;
  } else {
    throw base::Error("parse", "the store's answer", "unknown action '" + action + "'");
  }
  if (!body.contains("node")) throw base::Error("parse", "the store's answer", "an event without \"node\"");
  event.node = node_from_json(body["node"]);
  auto previous = body.find("prevNode");
  if (previous != body.end() && previous->contains("value")) {
    event.previous_value = base::json_string(*previous, "value");
  }
  return event;
}

void flatten(const base::Json& directory, std::vector<Node>& nodes) {
  auto children = directory.find("nodes");
  if (children == directory.end() || !children->is_array()) return;
  for (const base::Json& child : *children) {
    nodes.push_back(node_from_json(child));
    flatten(child, nodes);
  }
}

int error_code(const base::Json& body) {
  return static_cast<int>(base::json_integer(body, "errorCode"));
}

std::string error_text(const base::Json& body) {
  return std::format("{}: {} ({}) [{}]", error_code(body), base::json_string(body, "message"),
                     base::json_string(body, "cause"), base::json_integer(body, "index"));
}

}  // namespace kv
