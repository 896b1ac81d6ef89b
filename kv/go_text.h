#pragma once
// Text exactly as Go's standard library writes it, since etcd's clients compare and parse what Go made.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kv {

// encoding/json's string with HTML escaping, quotes included: <, > and & become \u003c …, invalid UTF-8 \ufffd.
void append_json_string(std::string& out, std::string_view text);
std::string json_quoted(std::string_view text);

// url.URL{Path: path}.EscapedPath().
std::string escape_path(std::string_view path);

// url.PathUnescape; nothing for a bad escape.
std::optional<std::string> unescape_path(std::string_view text);

// url.QueryUnescape. For a bad escape: nothing, and `error` is Go's text for it.
std::optional<std::string> unescape_query(std::string_view text, std::string& error);

// html.EscapeString.
std::string escape_html(std::string_view text);

// time.Duration.String(): "1h2m3.5s", "1.5ms", "0s".
std::string duration_text(std::chrono::nanoseconds duration);

// encoding/json's number for a float64 (finite).
std::string float_text(double number);

// net/http's cleanPath: as path.Clean, but a trailing slash stays.
std::string clean_url_path(std::string_view path);
bool is_clean_url_path(std::string_view path);  // clean_url_path() would change nothing

}  // namespace kv
