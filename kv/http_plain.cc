#include "kv/http_plain.h"

#include <algorithm>
#include <format>

#include "kv/go_text.h"
#include "kv/members.h"

namespace kv {

base::HttpResponse plain_error(int status, std::string_view text) {
  base::HttpResponse response;
  response.status = status;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.body = std::format("{}\n", text);
  return response;
}

base::HttpResponse bad_request() {
  base::HttpResponse response = text_response("400 Bad Request");
  response.status = 400;
  return response;
}

base::HttpResponse method_not_allowed(std::string_view allow) {
  base::HttpResponse response = plain_error(405, "Method Not Allowed");
  response.headers.set("Allow", allow);
  return response;
}

base::HttpResponse moved_permanently(const base::HttpRequest& request, std::string_view path) {
  std::string location = escape_path(path);
  if (!request.raw_query().empty()) location.append("?").append(request.raw_query());
  base::HttpResponse response;
  response.status = 301;
  response.headers.set("Location", location);
  if (request.method == "GET" || request.method == "HEAD") {
    response.headers.set("Content-Type", "text/html; charset=utf-8");
    response.body = std::format("<a href=\"{}\">Moved Permanently</a>.\n\n", escape_html(location));
  }
  return response;
}

base::HttpResponse json_response(std::string body) {
  base::HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

base::HttpResponse text_response(std::string body) {
  base::HttpResponse response;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.body = std::move(body);
  return response;
}

std::string version_json() {
  return std::format(R"({{"etcdserver":"{}","etcdcluster":"{}"}})", kApiServerVersion, kApiClusterVersion);
}

base::HttpResponse message_error(int status, std::string_view text) {
  base::HttpResponse response = json_response("{\"message\":" + json_quoted(text) + "}");
  response.status = status;
  return response;
}

bool allow_methods(const base::HttpRequest& request, std::string_view methods, base::HttpReply& reply) {
  for (std::string_view rest = methods; !rest.empty();) {
    std::string_view one = rest.substr(0, rest.find(','));
    if (one == request.method) return true;
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
  }
  reply.send(method_not_allowed(methods));
  return false;
}

}  // namespace kv
