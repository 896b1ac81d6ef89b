#pragma once
// HTTP/1.1 messages (RFC 9110, 9112) as plain values, shared by the server and the client.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace base {

// Header fields in order of arrival; names compare without case. Kept as the lines that they are on the wire, since
// every request and every answer has some.
class HttpHeaders {
 public:
  void set(std::string_view name, std::string_view value);  // replaces
  void add(std::string_view name, std::string_view value);
  // First value, or "".
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  // Names and values, valid until the next change.
  std::vector<std::pair<std::string_view, std::string_view>> all() const;
  // "name: value" lines, each with its CR LF.
  std::string_view lines() const { return lines_; }

 private:
  struct Field {  // its place in lines_
    std::size_t at;
    std::size_t name_size;
    std::size_t value_size;
    std::size_t value_at() const { return at + name_size + 2; }
    std::size_t line_size() const { return name_size + value_size + 4; }
  };
  std::string_view name(const Field& field) const { return std::string_view(lines_).substr(field.at, field.name_size); }
  std::string_view value(const Field& field) const {
    return std::string_view(lines_).substr(field.value_at(), field.value_size);
  }
  const Field* find(std::string_view name) const;

  std::string lines_;
  std::vector<Field> fields_;
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
