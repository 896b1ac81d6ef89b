#include "kv/access.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/text.h"
#include "kv/http_plain.h"

namespace kv {

namespace {

struct BasicAuth {
  std::string user;
  std::string password;
};

// net/http's Request.BasicAuth.
std::optional<BasicAuth> parse_basic_auth(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  if (base::lower(header.substr(0, kScheme.size())) != kScheme) return std::nullopt;
  std::optional<std::string> text = base::base64_decode(header.substr(kScheme.size()));
  if (!text) return std::nullopt;
  std::size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return BasicAuth{text->substr(0, colon), text->substr(colon + 1)};
}

Access access_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kRight:
      return Access::kGranted;
    case Verdict::kWrong:
      return Access::kDenied;
    case Verdict::kBusy:
      return Access::kBusy;
  }
  return Access::kDenied;
}

}  // namespace

base::HttpResponse no_access(Access access) {
  if (access == Access::kBusy) return message_error(503, "Too many passwords wait to be checked");
  return message_error(401, "Insufficient credentials");
}

Credentials credentials_of(const base::HttpRequest& request) {
  return {std::string(request.headers.get("Authorization")), request.certificate_name};
}

AccessControl::AccessControl(const Store& store, Post post, base::Random& random)
    : state_(store), passwords_(std::move(post), random) {}

void AccessControl::identify(const Credentials& who, const std::function<void(Access, const std::string&)>& done) {
  if (who.authorization.empty() && !who.certificate_name.empty()) {
    bool known = state_.user(who.certificate_name) != nullptr;
    return done(known ? Access::kGranted : Access::kDenied, who.certificate_name);
  }
  std::optional<BasicAuth> basic = parse_basic_auth(who.authorization);
  const Stored<User>* user = basic ? state_.user(basic->user) : nullptr;
  if (user == nullptr) {
    base::log_warning("auth: {}", basic ? "no such user: " + basic->user : "malformed basic auth encoding");
    return done(Access::kDenied, "");
  }
  passwords_.check(basic->password, user->thing.password, [name = basic->user, done](Verdict verdict) {
    if (verdict == Verdict::kWrong) base::log_warning("auth: incorrect password for user: {}", name);
    done(access_of(verdict), name);
  });
}

// The rights are those of this moment: the password's check may have taken a while.
bool AccessControl::may(const std::string& user, const std::string& key, bool write, bool recursive) {
  const Stored<User>* found = state_.user(user);
  if (found == nullptr || !found->thing.roles) return false;
  for (const std::string& name : *found->thing.roles) {
    const Stored<Role>* role = state_.role(name);
    if (role != nullptr && allows(role->thing, key, write, recursive)) return true;
  }
  base::log_warning("auth: invalid access for user {} on key {}", user, key);
  return false;
}

void AccessControl::check_key(const Credentials& who, const std::string& key, bool write, bool recursive,
                              const Done& done) {
  if (!enabled()) return done(Access::kGranted);
  if (who.authorization.empty() && who.certificate_name.empty()) {
    const Stored<Role>* guest = state_.role(std::string(kGuestRole));
    bool allowed = guest != nullptr && allows(guest->thing, key, write, recursive);
    return done(allowed ? Access::kGranted : Access::kDenied);
  }
  identify(who, [this, key, write, recursive, done](Access access, const std::string& user) {
    if (access == Access::kGranted && !may(user, key, write, recursive)) access = Access::kDenied;
    done(access);
  });
}

void AccessControl::check_root(const Credentials& who, const Done& done) {
  if (!enabled()) return done(Access::kGranted);
  identify(who, [this, done](Access access, const std::string& name) {
    const Stored<User>* user = access == Access::kGranted ? state_.user(name) : nullptr;
    if (access == Access::kGranted && (user == nullptr || !user->thing.has_role(kRootRole))) {
      base::log_warning("auth: user {} does not have the root role", name);
      access = Access::kDenied;
    }
    done(access);
  });
}

}  // namespace kv
