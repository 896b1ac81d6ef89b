#include "kv/client/endpoints.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"
#include "base/tls.h"

namespace kv {

namespace {

constexpr std::size_t kMaxEndpoints = 32;

bool never_sent(const base::Error& error) {
  int number = error.error_number();
  return number == ECONNREFUSED || number == EHOSTUNREACH || number == ENETUNREACH;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

base::HttpClientOptions http_options(std::chrono::milliseconds timeout, const ClientTls& tls,
                                     const std::vector<base::Url>& urls) {
  base::HttpClientOptions options;
  options.connect_timeout = timeout;
  options.io_timeout = timeout;
  if (std::ranges::none_of(urls, [](const base::Url& url) { return url.scheme == "https"; })) return options;
  base::TlsFiles files;
  files.ca_file = tls.ca_file;
  files.certificate_file = tls.certificate_file;
  files.key_file = tls.key_file;
  files.insecure_skip_verify = tls.insecure_skip_verify;
  options.tls = std::make_shared<base::TlsContexts>(std::move(files));
  return options;
}

}  // namespace

std::vector<base::Url> parse_endpoints(const std::string& list) {
  std::vector<base::Url> urls;
  for (const std::string& part : base::split(list, ',')) {
    base::Url url = base::parse_url(base::trim(part));
    if (url.scheme != "http" && url.scheme != "https") {
      throw base::Error("parse endpoint", part, "only http:// and https:// URLs are allowed");
    }
    urls.push_back(std::move(url));
  }
  if (urls.size() > kMaxEndpoints) throw base::Error("parse endpoints", list, "more than 32 of them");
  return urls;
}

ClientTls tls_from_environment() {
  return {variable("CLUSTEROS_CA_FILE"), variable("CLUSTEROS_CERT_FILE"), variable("CLUSTEROS_KEY_FILE")};
}

Endpoints::Endpoints(const std::string& list, std::chrono::milliseconds timeout, const ClientTls& tls)
    : urls_(parse_endpoints(list)), http_(http_options(timeout, tls, urls_)) {}

base::HttpResponse Endpoints::request(const base::HttpRequest& request, bool repeatable) {
  std::vector<std::string> reasons;
  for (std::size_t attempt = 0; attempt < urls_.size(); ++attempt) {
    try {
      return http_.request(urls_[current_], request);
    } catch (const base::Error& error) {
      reasons.push_back(error.what());
      current_ = (current_ + 1) % urls_.size();
      if (!repeatable && !never_sent(error)) break;
    }
  }
  throw base::Error("reach the store", "", base::join(reasons, "; "));
}

void Endpoints::stream(const base::HttpRequest& request, std::chrono::milliseconds io_timeout,
                       const std::function<bool(const base::HttpResponse&)>& on_head,
                       const std::function<bool(std::string_view)>& on_data) {
  try {
    http_.stream(urls_[current_], request, io_timeout, on_head, on_data);
  } catch (const base::Error&) {
    current_ = (current_ + 1) % urls_.size();
    throw;
  }
}

}  // namespace kv
