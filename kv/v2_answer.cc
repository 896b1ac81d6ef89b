#include "kv/v2_answer.h"

#include <charconv>
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

template <typename Number>
void append_number(std::string& out, std::string_view name, Number number) {
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(name).append(static_cast<const char*>(digits), end).append(",");
}

// Fields in the order of etcd's NodeExtern; empty ones are left out, an empty value is not.
void append_node(std::string& out, const NodeView& node) {
  out += '{';
  if (std::string_view key = without_prefix(node.key); !key.empty()) {
    out += "\"key\":";
    append_json_string(out, key);
    out += ',';
  }
  if (node.value) {
    out += "\"value\":";
    append_json_string(out, *node.value);
    out += ',';
  }
  if (node.directory) out += "\"dir\":true,";
  if (node.expires_at) {
    out += "\"expiration\":";
    std::chrono::system_clock::time_point time{std::chrono::nanoseconds(*node.expires_at)};
    append_json_string(out, base::format_rfc3339(time));
    out += ',';
  }
  if (node.ttl != 0) append_number(out, "\"ttl\":", node.ttl);
  if (!node.nodes.empty()) {
    out += "\"nodes\":";
    const char* comma = "[";
    for (const NodeView& child : node.nodes) {
      out += comma;
      append_node(out, child);
      comma = ",";
    }
    out += "],";
  }
  if (node.modified_index != 0) append_number(out, "\"modifiedIndex\":", node.modified_index);
  if (node.created_index != 0) append_number(out, "\"createdIndex\":", node.created_index);
  if (out.back() == ',') out.pop_back();
  out += '}';
}

bool may_lose_value(EventAction action) {
  return action == EventAction::kSet || action == EventAction::kCreate || action == EventAction::kUpdate ||
         action == EventAction::kCompareAndSwap;
}

}  // namespace

std::string event_json(const StoreEvent& event, bool no_value) {
  constexpr std::size_t kNamesAndNumbers = 160;  // bytes of a flat node's JSON
  std::string out;
  const std::size_t values = (event.node.value ? event.node.value->size() : 0) +
                             (event.previous && event.previous->value ? event.previous->value->size() : 0);
  out.reserve((event.previous ? 2 : 1) * (kNamesAndNumbers + event.node.key.size()) + values);
  out.append("{\"action\":\"").append(action_name(event.action)).append("\"");
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
