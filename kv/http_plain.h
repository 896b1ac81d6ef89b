#pragma once
// Answers in the words of Go's net/http and of etcd.

#include <string>
#include <string_view>

#include "base/http.h"
#include "base/http_server.h"

namespace kv {

// http.Error: text/plain, the text and a newline.
base::HttpResponse plain_error(int status, std::string_view text);

// What is no HTTP: as Go's server answers before any handler.
base::HttpResponse bad_request();

// 405 with Allow: "GET,HEAD".
base::HttpResponse method_not_allowed(std::string_view allow);

// 301 to `path` (decoded), with the query kept.
base::HttpResponse moved_permanently(const base::HttpRequest& request, std::string_view path);

// 200 with application/json, and with text/plain.
base::HttpResponse json_response(std::string body);
base::HttpResponse text_response(std::string body);

// The body of /version: the etcd whose API this is.
std::string version_json();

// {"message":…}, the form of etcd's errors outside of /v2/keys.
base::HttpResponse message_error(int status, std::string_view text);

// Answers 405 and returns false unless the request's method is in `methods` ("GET,HEAD").
bool allow_methods(const base::HttpRequest& request, std::string_view methods, base::HttpReply& reply);

}  // namespace kv
