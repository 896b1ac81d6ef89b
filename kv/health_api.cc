#include "kv/health_api.h"

#include <algorithm>
#include <array>
#include <format>

#include "base/log.h"
#include "base/text.h"
#include "kv/go_json.h"
#include "kv/http_plain.h"

namespace kv {

namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

Query query_of(const base::HttpRequest& request) {
  return base::parse_form(request.raw_query()).value_or(Query());
}

bool has(const Query& query, std::string_view name, std::string_view value) {
  return std::ranges::any_of(query, [&](const auto& item) { return item.first == name && item.second == value; });
}

bool has(const Query& query, std::string_view name) {
  return std::ranges::contains(query, name, &Query::value_type::first);
}

// The probes and what each looks at.
constexpr std::string_view kSerializable = "serializable_read";
constexpr std::string_view kLinearizable = "linearizable_read";
constexpr std::string_view kCorruption = "data_corruption";

std::vector<std::string_view> checks_of(std::string_view probe) {
  if (probe == "livez") return {kSerializable};
  return {kCorruption, kSerializable, kLinearizable};
}

// capnslog.ParseLevel, in our levels.
std::optional<base::LogLevel> parse_level(const std::string& text) {
  struct Name {
    std::string_view name;
    base::LogLevel level;
  };
  constexpr std::array kNames{
      Name{"CRITICAL", base::LogLevel::kError}, Name{"C", base::LogLevel::kError},
      Name{"ERROR", base::LogLevel::kError},    Name{"0", base::LogLevel::kError},
      Name{"E", base::LogLevel::kError},        Name{"WARNING", base::LogLevel::kWarning},
      Name{"1", base::LogLevel::kWarning},      Name{"W", base::LogLevel::kWarning},
      Name{"NOTICE", base::LogLevel::kInfo},    Name{"2", base::LogLevel::kInfo},
      Name{"N", base::LogLevel::kInfo},         Name{"INFO", base::LogLevel::kInfo},
      Name{"3", base::LogLevel::kInfo},         Name{"I", base::LogLevel::kInfo},
      Name{"DEBUG", base::LogLevel::kDebug},    Name{"4", base::LogLevel::kDebug},
      Name{"D", base::LogLevel::kDebug},        Name{"TRACE", base::LogLevel::kDebug},
      Name{"5", base::LogLevel::kDebug},        Name{"T", base::LogLevel::kDebug},
  };
  auto found =
      std::ranges::find_if(kNames, [&](const Name& one) { return base::lower(one.name) == base::lower(text); });
  return found == kNames.end() ? std::nullopt : std::optional(found->level);
}

base::HttpResponse set_level(const std::string& body) {
  std::optional<base::Json> json = decode_first_json(body);
  std::string level;
  bool valid = json && (json->is_object() || json->is_null());
  if (valid && json->is_object()) {
    for (const auto& [name, value] : json->items()) {
      if (is_field(name, "Level")) valid = valid && read_string(value, level);
    }
  }
  if (!valid) return message_error(400, "Invalid json body");
  std::optional<base::LogLevel> parsed = parse_level(level);
  if (!parsed) return message_error(400, "Invalid log level " + level);
  base::set_log_level(*parsed);
  base::HttpResponse response;
  response.status = 204;
  return response;
}

}  // namespace

bool HealthApi::handle(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  if (path == "/health") {
    if (allow_methods(request, "GET", *reply)) health(request, reply);
  } else if (path == "/livez" || path == "/readyz" || path.starts_with("/livez/") || path.starts_with("/readyz/")) {
    probe(request, path.substr(1), reply);
  } else if (path == "/version") {
    if (!allow_methods(request, "GET", *reply)) return true;
    reply->send(json_response(version_json()));
  } else if (path == "/config/local/log") {
    if (allow_methods(request, "PUT", *reply)) reply->send(set_level(request.body));
  } else {
    return false;
  }
  return true;
}

std::string HealthApi::read_here() const {
  return replica_.diverged() ? replica_.corrupt_error().cause : replica_.failure();
}

void HealthApi::read_fresh(std::function<void(const std::string&)> done) {
  struct Pending {
    std::function<void(const std::string&)> done;
    std::shared_ptr<base::EventLoop::Timer> timer;
    void finish(const std::string& reason) {
      timer.reset();
      if (auto callback = std::exchange(done, nullptr)) callback(reason);
    }
  };
  auto pending = std::make_shared<Pending>(std::move(done), nullptr);
  replica_.barrier([pending](const std::optional<StoreError>& error) { pending->finish(error ? error->cause : ""); });
  if (!pending->done) return;
  pending->timer = loop_.after(kTimeout, [weak = std::weak_ptr(pending)] {
    if (auto late = weak.lock()) late->finish("etcdserver: request timed out");
  });
}

void HealthApi::health(const base::HttpRequest& request, const ReplyPtr& reply) {
  Query query = query_of(request);
  bool no_space = (replica_.disk_full() || replica_.quota().exceeded()) && !has(query, "exclude", "NOSPACE");
  bool serializable = has(query, "serializable", "true");
  auto answer = [this, reply](bool healthy) {
    ++(healthy ? counters_.passed : counters_.failed);
    reply->send(healthy ? text_response(R"({"health":"true"})") : plain_error(503, R"({"health":"false"})"));
  };
  if (no_space) return answer(false);
  if (serializable) return answer(read_here().empty());
  if (replica_.engine_status().leader_id == 0) return answer(false);
  read_fresh([answer](const std::string& reason) { answer(reason.empty()); });
}

// /livez and /readyz run all their checks but those that are excluded; /readyz/NAME runs one.
void HealthApi::probe(const base::HttpRequest& request, const std::string& path, const ReplyPtr& reply) {
  std::string name = path.substr(0, path.find('/'));
  std::vector<std::string_view> checks = checks_of(name);
  if (name.size() < path.size()) {
    auto one = std::ranges::find(checks, path.substr(name.size() + 1));
    if (one == checks.end()) return reply->send(plain_error(404, "404 page not found"));
    checks = {*one};
  }
  if (!allow_methods(request, "GET", *reply)) return;
  Query query = query_of(request);
  std::erase_if(checks, [&](std::string_view check) {
    return has(query, "exclude", check) || (has(query, "allowlist") && !has(query, "allowlist", check));
  });
  bool needs_quorum = std::ranges::contains(checks, kLinearizable);
  auto answer = [this, checks, verbose = has(query, "verbose"), reply](const std::string& fresh) {
    std::string report;
    bool healthy = true;
    for (std::string_view check : checks) {
      std::string reason = check == kLinearizable ? fresh : read_here();
      healthy = healthy && reason.empty();
      report += reason.empty() ? std::format("[+]{} ok\n", check) : std::format("[-]{} failed: {}\n", check, reason);
    }
    if (!healthy) return reply->send(plain_error(503, report));
    base::HttpResponse response = text_response((verbose ? report : "") + "ok\n");
    response.headers.set("X-Content-Type-Options", "nosniff");
    reply->send(std::move(response));
  };
  needs_quorum ? read_fresh(answer) : answer("");
}

}  // namespace kv
