#pragma once
// Who asks, and may they? etcd's v2 rules (etcdserver/api/v2http/client_auth.go): HTTP Basic first, then the name of a
// client's certificate, and key requests without a user that is known have the role "guest". While auth is off
// everything is allowed.

#include <functional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "kv/auth_state.h"
#include "kv/passwords.h"

namespace kv {

enum class Access {
  kGranted,
  kDenied,
  kBusy,  // too many passwords wait to be checked
};

// The answer to who may not, outside of /v2/keys. REQUIRES: not kGranted.
base::HttpResponse no_access(Access access);

// What a request says about its sender.
struct Credentials {
  std::string authorization;     // the header of this name
  std::string certificate_name;  // common name of a verified client certificate; "": none
};
Credentials credentials_of(const base::HttpRequest& request);

class AccessControl {
 public:
  using Done = std::function<void(Access)>;

  // `store` and `random` must outlive it; `random` is used by another thread too.
  AccessControl(const Store& store, Post post, base::Random& random);

  bool enabled() { return state_.enabled(); }

  // `done` is called before the call returns unless a password must be hashed. `key`: the URL's path after "/v2/keys".
  void check_key(const Credentials& who, const std::string& key, bool write, bool recursive, const Done& done);
  void check_root(const Credentials& who, const Done& done);

  AuthState& state() { return state_; }
  Passwords& passwords() { return passwords_; }

 private:
  // `done` gets the user's name, once the password was found right.
  void identify(const Credentials& who, const std::function<void(Access, const std::string& user)>& done);
  bool may(const std::string& user, const std::string& key, bool write, bool recursive);

  AuthState state_;
  Passwords passwords_;
};

}  // namespace kv
