#include "kv/v2_request.h"

#include <algorithm>
#include <format>

#include "kv/client/key_path.h"
#include "kv/v2_form.h"

namespace kv {

namespace {

// The parameters, with the order of the checks (and so which error is told) of etcd.
struct Parameters {
  std::uint64_t previous_index = 0;
  std::uint64_t since = 0;
  bool recursive = false, sorted = false, wait = false, dir = false, quorum = false, stream = false;
  std::string previous_value;
  bool no_value_on_success = false;
  std::optional<std::uint64_t> ttl;
  std::optional<bool> previous_exists;
  bool refresh = false;
};

StoreError invalid(ErrorCode code, std::string cause) {
  return {code, std::move(cause), 0};
}

// Reads one parameter; returns the error for a bad one.
template <typename Value>
std::optional<StoreError> read(const std::optional<Value>& parsed, Value& target, ErrorCode code,
                               std::string_view name) {
  if (!parsed) return invalid(code, std::format("invalid value for \"{}\"", name));
  target = *parsed;
  return std::nullopt;
}

std::optional<StoreError> read_conditions(const V2Form& form, Parameters& p) {
  if (form.has("prevExist")) {
    p.previous_exists = form.boolean("prevExist");
    if (!p.previous_exists) return invalid(ErrorCode::kInvalidField, "invalid value for prevExist");
  }
  if (!form.has("refresh")) return std::nullopt;
  std::optional<bool> refresh = form.boolean("refresh");
  if (!refresh) return invalid(ErrorCode::kInvalidField, "invalid value for refresh");
  p.refresh = *refresh;
  if (!p.refresh) return std::nullopt;
  if (!form.value("value").empty()) return invalid(ErrorCode::kRefreshValue, "A value was provided on a refresh");
  if (!p.ttl) return invalid(ErrorCode::kRefreshTtlRequired, "No TTL value set");
  return std::nullopt;
}

std::optional<StoreError> read_parameters(const V2Form& form, std::string_view method, Parameters& p) {
  struct Number {
    const char* name;
    std::uint64_t Parameters::* target;
  };
  for (auto [name, target] : {Number{"prevIndex", &Parameters::previous_index}, {"waitIndex", &Parameters::since}}) {
    if (auto error = read(form.number(name), p.*target, ErrorCode::kIndexNotANumber, name)) return error;
  }
  struct Flag {
    const char* name;
    bool Parameters::* target;
  };
  for (auto [name, target] : {Flag{"recursive", &Parameters::recursive},
                              {"sorted", &Parameters::sorted},
                              {"wait", &Parameters::wait},
                              {"dir", &Parameters::dir},
                              {"quorum", &Parameters::quorum},
                              {"stream", &Parameters::stream}}) {
    if (auto error = read(form.boolean(name), p.*target, ErrorCode::kInvalidField, name)) return error;
  }
  if (p.wait && method != "GET") {
    return invalid(ErrorCode::kInvalidField, "\"wait\" can only be used with GET requests");
  }
  p.previous_value = form.value("prevValue");
  if (form.has("prevValue") && p.previous_value.empty()) {
    return invalid(ErrorCode::kPreviousValueRequired, "\"prevValue\" cannot be empty");
  }
  if (auto error =
          read(form.boolean("noValueOnSuccess"), p.no_value_on_success, ErrorCode::kInvalidField, "noValueOnSuccess")) {
    return error;
  }
  if (!form.value("ttl").empty()) {
    p.ttl = form.number("ttl");
    if (!p.ttl) return invalid(ErrorCode::kTtlNotANumber, "invalid value for \"ttl\"");
  }
  return read_conditions(form, p);
}

// now + ttl in nanoseconds with Go's wrap-around; the store takes what lands before the year 2000 for "never".
std::int64_t expiry(std::optional<std::uint64_t> ttl, std::int64_t now) {
  if (!ttl) return 0;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(now) + *ttl * 1'000'000'000U);
}

Operation operation_of(std::string_view method, const Parameters& p) {
  bool conditions = p.previous_index > 0 || !p.previous_value.empty();
  if (method == "POST") return Operation::kCreateInOrder;
  if (method == "DELETE") return conditions ? Operation::kCompareAndDelete : Operation::kDelete;
  if (p.previous_exists && !*p.previous_exists) return Operation::kCreate;
  if (conditions) return Operation::kCompareAndSwap;
  return p.previous_exists ? Operation::kUpdate : Operation::kSet;
}

Command command_of(std::string_view method, const std::string& key, const V2Form& form, const Parameters& p,
                   std::int64_t now) {
  Command command{.operation = operation_of(method, p), .key = key};
  command.value = form.value("value");
  command.previous_value = p.previous_value;
  command.previous_index = p.previous_index;
  command.directory = p.dir;
  command.recursive = p.recursive;
  command.refresh = p.refresh;
  command.expires_at = expiry(p.ttl, now);
  command.time = now;
  return command;
}

}  // namespace

std::variant<V2Request, StoreError> parse_v2_request(const base::HttpRequest& request, std::string_view path,
                                                     std::int64_t now) {
  V2Form form;
  if (std::string error = form.parse(request); !error.empty()) return invalid(ErrorCode::kInvalidForm, error);
  constexpr std::string_view kUrlPrefix = "/v2/keys";
  std::string key = clean_key(path.substr(kUrlPrefix.size()));
  if (static_cast<std::size_t>(std::ranges::count(key, '/')) > kMaxKeyParts) {
    return invalid(ErrorCode::kInvalidField, std::format("a key has at most {} parts", kMaxKeyParts));
  }
  Parameters p;
  // Without any they are what they are: most reads.
  if (!form.empty()) {
    if (auto error = read_parameters(form, request.method, p)) return *error;
  }

  V2Request result;
  result.key = key == "/" ? std::string(kKeysPrefix) : std::string(kKeysPrefix) + key;
  result.recursive = p.recursive;
  result.sorted = p.sorted;
  result.stream = p.stream;
  result.since = p.since;
  result.no_value_on_success = p.no_value_on_success;
  bool get = request.method == "GET";
  if (get && p.quorum) {
    result.kind = V2Kind::kFreshRead;  // also with wait=true, as in etcd
  } else if (get && p.wait) {
    result.kind = V2Kind::kWatch;
  } else if (get || request.method == "HEAD") {
    result.kind = V2Kind::kRead;
  } else {
    result.kind = V2Kind::kWrite;
    result.command = command_of(request.method, result.key, form, p, now);
  }
  return result;
}

}  // namespace kv
