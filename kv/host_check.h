#pragma once
// --host-whitelist: a web page whose name leads to this machine (DNS rebinding, CVE-2018-5702) must not use the store.
// Over TLS the certificate settles that.

#include <string>
#include <vector>

#include "base/http.h"

namespace kv {

// True when the request came over TLS, the list is empty, or the Host field (without its port) is in it.
bool host_is_allowed(const base::HttpRequest& request, const std::vector<std::string>& allowed);

// 421, with what to do about it.
base::HttpResponse host_refusal(const base::HttpRequest& request);

}  // namespace kv
