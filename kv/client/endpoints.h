#pragma once
// Several addresses of one store: a request goes to the one that answered last, and to the others in turn when it does
// not answer. Shared by the client and kvctl.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/http_client.h"
#include "base/url.h"
#include "kv/client/client_tls.h"

namespace kv {

// The default of every --endpoints option.
inline constexpr std::string_view kDefaultEndpoints = "http://127.0.0.1:2379";

// Comma-separated http and https URLs, at most 32. Throws base::Error that names the bad part.
std::vector<base::Url> parse_endpoints(const std::string& list);

// One object a thread; cancel() alone may come from another one.
class Endpoints {
 public:
  Endpoints(const std::string& list, std::chrono::milliseconds timeout, const ClientTls& tls = tls_from_environment());

  // Throws base::Error when no endpoint answers. A request that is not `repeatable` goes to the next endpoint only when
  // the one before cannot have seen it (its connection was refused): a conditional write must not happen twice.
  base::HttpResponse request(const base::HttpRequest& request, bool repeatable = true);

  // As HttpClient::stream, at the endpoint in use. A failure makes the next call take the next endpoint.
  void stream(const base::HttpRequest& request, std::chrono::milliseconds io_timeout,
              const std::function<bool(const base::HttpResponse&)>& on_head,
              const std::function<bool(std::string_view)>& on_data);

  const std::vector<base::Url>& urls() const { return urls_; }
  const base::Url& current() const { return urls_[current_]; }

  void cancel() { http_.cancel(); }

 private:
  std::vector<base::Url> urls_;
  std::size_t current_ = 0;
  base::HttpClient http_;
};

}  // namespace kv
