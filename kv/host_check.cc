#include "kv/host_check.h"

#include <algorithm>
#include <format>

#include "base/text.h"
#include "kv/http_plain.h"

namespace kv {

namespace {

std::string host_of(const base::HttpRequest& request) {
  std::string_view host = request.headers.get("Host");
  if (host.starts_with('[')) return base::lower(host.substr(1, host.find(']') - 1));
  return base::lower(host.substr(0, host.find(':')));
}

}  // namespace

bool host_is_allowed(const base::HttpRequest& request, const std::vector<std::string>& allowed) {
  return request.encrypted || allowed.empty() ||
         std::ranges::any_of(allowed, [&](const std::string& name) { return base::lower(name) == host_of(request); });
}

base::HttpResponse host_refusal(const base::HttpRequest& request) {
  return plain_error(421, std::format("the host '{}' is not in --host-whitelist, and the request did not come over TLS",
                                      host_of(request)));
}

}  // namespace kv
