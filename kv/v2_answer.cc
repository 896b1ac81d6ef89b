#include "kv/v2_answer.h"

#include <chrono>
#include <format>

#include "base/text.h"
#include "kv/go_text.h"
#include "kv/v2_request.h"

namespace kv {

namespace {

// strings.TrimPrefix(text, "/1")
std::string_view without_prefix(std::string_view text) {
  if (text.starts_with(kKeysPrefix)) text.remove_prefix(kKeysPrefix.size());
  return text;
}

// Fields in the order of etcd's NodeExtern; empty ones are left out, an empty value is not.
void append_node(std::string& out, const NodeView& node) {
  const char* separator = "";
  auto field = [&](std::string_view name) {
    out.append(separator).append("\"").append(name).append("\":");
    separator = ",";
  };
  out += '{';
  if (std::string_view key = without_prefix(node.key); !key.empty()) {
    field("key");
    append_json_string(out, key);
  }
  if (node.value) {
    field("value");
    append_json_string(out, *node.value);
  }
  if (node.directory) {
    field("dir");
    out += "true";
  }
  if (node.expires_at) {
    field("expiration");
    std::chrono::system_clock::time_point time{std::chrono::nanoseconds(*node.expires_at)};
    append_json_string(out, base::format_rfc3339(time));
  }
  if (node.ttl != 0) {
    field("ttl");
    out += std::to_string(node.ttl);
  }
  if (!node.nodes.empty()) {
    field("nodes");
    const char* comma = "[";
    for (const NodeView& child : node.nodes) {
      out += comma;
      append_node(out, child);
      comma = ",";
    }
    out += ']';
  }
  if (node.modified_index != 0) {
    field("modifiedIndex");
    out += std::to_string(node.modified_index);
  }
  if (node.created_index != 0) {
    field("createdIndex");
    out += std::to_string(node.created_index);
  }
  out += '}';
}

bool may_lose_value(EventAction action) {
  return action == EventAction::kSet || action == EventAction::kCreate || action == EventAction::kUpdate ||
         action == EventAction::kCompareAndSwap;
}

}  // namespace

std::string event_json(const StoreEvent& event, bool no_value) {
  std::string out = std::format("{{\"action\":\"{}\"", action_name(event.action));
  if (!no_value || !may_lose_value(event.action)) {
    out += ",\"node\":";
    append_node(out, event.node);
    if (event.previous) {
      out += ",\"prevNode\":";
      append_node(out, *event.previous);
    }
  }
  return out += "}\n";
}

std::string error_json(const StoreError& error) {
  std::string out =
      std::format("{{\"errorCode\":{},\"message\":\"{}\"", static_cast<int>(error.code), error_message(error.code));
  if (std::string_view cause = without_prefix(error.cause); !cause.empty()) {
    out += ",\"cause\":";
    append_json_string(out, cause);
  }
  return out += std::format(",\"index\":{}}}\n", error.index);
}

base::HttpResponse error_response(const StoreError& error) {
  base::HttpResponse response;
  response.status = http_status(error.code);
  response.headers.set("Content-Type", "application/json");
  response.headers.set("X-Etcd-Index", std::to_string(error.index));
  response.body = error_json(error);
  return response;
}

}  // namespace kv
