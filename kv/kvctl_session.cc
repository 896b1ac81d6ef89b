#include "kv/kvctl_session.h"

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/text.h"
#include "kv/client/key_path.h"
#include "kv/client/v2_json.h"
#include "kv/go_text.h"

namespace kv {

namespace {

// encoding/json of etcd's client.Node.
std::string node_json(const base::Json& node) {
  std::string out = "{\"key\":" + json_quoted(base::json_string(node, "key"));
  if (base::json_bool(node, "dir")) out += ",\"dir\":true";
  out += ",\"value\":" + json_quoted(base::json_string(node, "value")) + ",\"nodes\":";
  auto nodes = node.find("nodes");
  if (nodes == node.end()) {
    out += "null";
  } else {
    std::vector<std::string> texts;
    for (const base::Json& child : *nodes) texts.push_back(node_json(child));
    out += "[" + base::join(texts, ",") + "]";
  }
  out += std::format(",\"createdIndex\":{},\"modifiedIndex\":{}", base::json_integer(node, "createdIndex"),
                     base::json_integer(node, "modifiedIndex"));
  if (node.contains("expiration")) out += ",\"expiration\":" + json_quoted(base::json_string(node, "expiration"));
  if (std::int64_t ttl = base::json_integer(node, "ttl")) out += std::format(",\"ttl\":{}", ttl);
  return out + "}";
}

std::string answer_json(const base::Json& answer) {
  std::string out = "{\"action\":" + json_quoted(base::json_string(answer, "action"));
  out += ",\"node\":" + node_json(answer["node"]);
  out += ",\"prevNode\":" + (answer.contains("prevNode") ? node_json(answer["prevNode"]) : "null");
  return out + "}";
}

void print_line(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

// The first of the options that was given. etcdctl's v2 and v3 commands have different names for the same.
std::string either(const base::Invocation& invocation, std::string_view one, std::string_view other,
                   const std::string& fallback) {
  if (invocation.given(one)) return invocation.get(one);
  return invocation.given(other) ? invocation.get(other) : fallback;
}

ClientTls read_tls(const base::Invocation& invocation) {
  ClientTls tls = tls_from_environment();
  tls.ca_file = either(invocation, "ca-file", "cacert", tls.ca_file);
  tls.certificate_file = either(invocation, "cert-file", "cert", tls.certificate_file);
  tls.key_file = either(invocation, "key-file", "key", tls.key_file);
  tls.insecure_skip_verify = invocation.flag("insecure-skip-tls-verify");
  return tls;
}

}  // namespace

KvctlSession::KvctlSession(const base::Invocation& invocation)
    : tls_(read_tls(invocation)),
      endpoints_(invocation.get("endpoints"),
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     base::parse_duration(invocation.get("timeout")).value_or(std::chrono::seconds(0))),
                 tls_),
      output_(invocation.get("output")) {}

base::HttpResponse KvctlSession::send(const base::HttpRequest& request) {
  try {
    return endpoints_.request(request, request.method == "GET");
  } catch (const base::Error& error) {
    throw CommandFailed{kExitServerError,
                        std::format("client: etcd cluster is unavailable or misconfigured; {}", error.what())};
  }
}

base::Json KvctlSession::call(const std::string& method, const std::string& key, const std::string& query,
                              const std::string& form) {
  base::HttpRequest request;
  request.method = method;
  request.target = "/v2/keys" + base::percent_encode(clean_key(key));
  if (!query.empty()) request.target += "?" + query;
  if (method == "PUT" || method == "POST") {
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = form;
  }
  base::HttpResponse response = send(request);
  index_ = base::parse_unsigned(response.headers.get("X-Etcd-Index")).value_or(0);
  base::Json json = parse_answer(response.body);
  if (response.status >= 400) throw CommandFailed{kExitServerError, error_text(json)};
  return json;
}

base::Json KvctlSession::get_path(const std::string& path) {
  base::HttpRequest request;
  request.target = path;
  base::HttpResponse response = send(request);
  base::Json json = parse_answer(response.body);
  if (response.status >= 400) throw CommandFailed{kExitServerError, base::json_string(json, "message")};
  return json;
}

base::Json KvctlSession::change(const std::string& method, const std::string& path, const std::string& body) {
  base::HttpRequest request;
  request.method = method;
  request.target = path;
  request.body = body;
  if (!body.empty()) request.headers.set("Content-Type", "application/json");
  base::HttpResponse response = send(request);
  base::Json json = response.body.empty() ? base::Json() : parse_answer(response.body);
  if (response.status >= 400) throw CommandFailed{kExitServerError, base::json_string(json, "message")};
  return json;
}

void KvctlSession::watch(const std::string& key, bool recursive, std::uint64_t index,
                         const std::function<bool(const base::Json&)>& each) {
  bool more = true;
  while (more) {
    base::HttpRequest request;
    request.target = std::format("/v2/keys{}?wait=true&recursive={}", base::percent_encode(clean_key(key)), recursive);
    if (index > 0) request.target += std::format("&waitIndex={}", index);
    int status = 0;
    std::string body;
    try {
      endpoints_.stream(
          request, std::chrono::milliseconds(0),
          [&](const base::HttpResponse& head) {
            status = head.status;
            index_ = base::parse_unsigned(head.headers.get("X-Etcd-Index")).value_or(0);
            return true;
          },
          [&](std::string_view data) {
            body += data;
            return body.size() <= kMaxAnswerBytes;
          });
    } catch (const base::Error& error) {
      throw CommandFailed{kExitServerError, error.what()};
    }
    if (body.empty()) continue;
    base::Json json = parse_answer(body);
    if (status >= 400) throw CommandFailed{kExitServerError, error_text(json)};
    index = static_cast<std::uint64_t>(base::json_integer(json["node"], "modifiedIndex")) + 1;
    more = each(json);
    std::fflush(stdout);
  }
}

void KvctlSession::print(const base::Json& answer) const {
  const base::Json& node = answer["node"];
  bool deleted = base::json_string(answer, "action") == "delete";
  bool has_previous = answer.contains("prevNode");
  std::string previous = has_previous ? base::json_string(answer["prevNode"], "value") : "";
  if (output_ == "json") {
    print_line(answer_json(answer));
  } else if (output_ == "extended") {
    print_line("Key: " + base::json_string(node, "key"));
    print_line(std::format("Created-Index: {}", base::json_integer(node, "createdIndex")));
    print_line(std::format("Modified-Index: {}", base::json_integer(node, "modifiedIndex")));
    if (has_previous) print_line("PrevNode.Value: " + previous);
    print_line(std::format("TTL: {}", base::json_integer(node, "ttl")));
    print_line(std::format("Index: {}", index_));
    if (!deleted) print_line("\n" + base::json_string(node, "value"));
  } else {
    print_line(deleted ? "PrevNode.Value: " + previous : base::json_string(node, "value"));
  }
}

int run_command(const base::Invocation& invocation, int (*command)(const base::Invocation&, KvctlSession&)) {
  if (!base::parse_duration(invocation.get("timeout"))) {
    throw base::UsageError("--timeout: '" + invocation.get("timeout") + "' is no duration such as 5s or 500ms");
  }
  try {
    KvctlSession session(invocation);
    return command(invocation, session);
  } catch (const CommandFailed& failed) {
    std::fflush(stdout);
    std::fprintf(stderr, "Error:  %s\n", failed.text.c_str());
    return failed.exit_code;
  }
}

}  // namespace kv
