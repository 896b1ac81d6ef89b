#pragma once
// HTTP/1.1 messages (RFC 9110, 9112) as plain values, shared by the server and the client.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

// Header fields in order of arrival; names compare without case.
class HttpHeaders {
 public:
  void set(std::string_view name, std::string_view value);  // replaces
  void add(std::string_view name, std::string_view value);
  // First value, or "".
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  // as on the wire: path and query, still percent-encoded
  HttpHeaders headers;
  std::string body;
  std::string peer;        // server side: the client's "address:port", or "unix"
  bool encrypted = false;  // server side: it came over TLS
  // Server side, TLS: common name of the certificate that the client showed and that was verified; "" without one.
  std::string certificate_name = {};

  std::string_view raw_path() const;   // target without the query, still encoded
  std::string_view raw_query() const;  // after '?', or ""
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

// application/x-www-form-urlencoded, in order; a bad escape is nullopt (Go's url.ParseQuery reports it).
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

std::string_view http_reason(int status);  // "Not Found"

}  // namespace base
