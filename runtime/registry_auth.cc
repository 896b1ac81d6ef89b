#include "runtime/registry_auth.h"

#include <algorithm>
#include <format>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::size_t kMaxChallenges = 16;
constexpr std::size_t kMaxParameters = 32;
constexpr std::size_t kMaxTokenBytes = 1024 * 1024;
constexpr std::string_view kDockerHubKey = "https://index.docker.io/v1/";  // as `docker login` writes it

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").contains(c));
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool skip_blanks() {
    const bool any = !rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t');
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
    return any;
  }
  bool take(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string token() {
    std::size_t length = 0;
    while (length < rest_.size() && is_token_char(rest_[length])) ++length;
    std::string result(rest_.substr(0, length));
    rest_.remove_prefix(length);
    return result;
  }
  std::optional<std::string> value() {
    if (!take('"')) return token();
    std::string result;
    while (!rest_.empty()) {
      char c = rest_[0];
      rest_.remove_prefix(1);
      if (c == '"') return result;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_[0];
        rest_.remove_prefix(1);
      }
      result += c;
    }
    return std::nullopt;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// "host" of a key such as "https://host/v1/" or "host/team".
std::string_view without_scheme(std::string_view key) {
  if (const std::size_t scheme = key.find("://"); scheme != std::string_view::npos) {
    key = key.substr(scheme + 3);
    return key.substr(0, key.find('/'));
  }
  return key;
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view header) {
  std::vector<Challenge> result;
  Scanner scanner(header);
  while (true) {
    scanner.skip_blanks();
    if (scanner.take(',')) continue;
    const std::string word = scanner.token();
    if (word.empty()) return result;
    scanner.skip_blanks();
    // A word before '=' belongs to the challenge before it, any other word begins a new one.
    if (!result.empty() && scanner.take('=')) {
      scanner.skip_blanks();
      auto value = scanner.value();
      if (!value || result.back().parameters.size() >= kMaxParameters) return result;
      result.back().parameters.emplace(base::lower(word), std::move(*value));
      continue;
    }
    if (result.size() >= kMaxChallenges) return result;
    result.push_back({.scheme = base::lower(word), .parameters = {}});
  }
}

std::optional<Credentials> find_credentials(std::string_view auth_file, std::string_view registry,
                                            std::string_view repository, std::string_view where) {
  const base::Json json = base::parse_json(auth_file, where);
  const auto wrong = [&](std::string_view reason) { return base::Error("auth file", where, reason); };
  if (!json.is_object()) throw wrong("it is no JSON object");
  if (!json.contains("auths")) return std::nullopt;
  const base::Json& auths = json.at("auths");
  if (!auths.is_object()) throw wrong("'auths' must be an object");

  const std::string full = std::format("{}/{}", registry, repository);
  std::size_t best = 0;
  std::string text;
  for (const auto& [key, entry] : auths.items()) {
    std::string_view name = key == kDockerHubKey ? "docker.io" : without_scheme(key);
    while (name.ends_with('/')) name.remove_suffix(1);
    const bool fits = full.starts_with(name) && full.size() > name.size() && full[name.size()] == '/';
    if (!fits || name.size() <= best) continue;
    if (!entry.is_object()) throw wrong(std::format("the entry '{}' must be an object", key));
    text = base::json_string(entry, "auth");
    best = name.size();
  }
  if (text.empty()) return std::nullopt;
  const auto decoded = base::base64_decode(text);
  const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos)
    throw wrong(std::format("the 'auth' of {} must be base64 of USER:PASSWORD", registry));
  return Credentials{.user = decoded->substr(0, colon), .password = decoded->substr(colon + 1)};
}

std::string basic_authorization(const Credentials& credentials) {
  return "Basic " + base::base64_encode(credentials.user + ":" + credentials.password);
}

std::string parse_token(std::string_view body, std::string_view where) {
  const base::Json json = base::parse_json(body, where, kMaxTokenBytes);
  if (!json.is_object()) throw base::Error("log in at", where, "the answer is no JSON object");
  std::string token = base::json_string(json, "token");
  if (token.empty()) token = base::json_string(json, "access_token");
  // It becomes a header's value.
  const bool clean = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 0x7f; });
  if (token.empty() || !clean) throw base::Error("log in at", where, "the answer has no token");
  return token;
}

}  // namespace runtime
