#include "base/http.h"

#include <algorithm>

#include "base/digest.h"

namespace base {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, small, small);
}

// Go's url.QueryUnescape: '+' is a blank, a '%' must be followed by two hexadecimal digits.
std::optional<std::string> unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      const auto byte = i + 2 < text.size() ? unhex(text.substr(i + 1, 2)) : std::nullopt;
      if (!byte) return std::nullopt;
      out += *byte;
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

void HttpHeaders::set(std::string_view name, std::string_view value) {
  while (const Field* found = find(name)) {
    const Field gone = *found;
    lines_.erase(gone.at, gone.line_size());
    fields_.erase(fields_.begin() + (found - fields_.data()));
    for (Field& field : fields_) {
      if (field.at > gone.at) field.at -= gone.line_size();
    }
  }
  add(name, value);
}

void HttpHeaders::add(std::string_view name, std::string_view value) {
  // Most messages need no more.
  constexpr std::size_t kFields = 8;
  constexpr std::size_t kBytes = 320;
  if (fields_.empty()) {
    fields_.reserve(kFields);
    lines_.reserve(kBytes);
  }
  const Field field{lines_.size(), name.size(), value.size()};
  fields_.push_back(field);
  lines_.resize_and_overwrite(field.at + field.line_size(), [&](char* bytes, std::size_t size) {
    char* at = std::ranges::copy(name, bytes + field.at).out;
    at = std::ranges::copy(std::string_view(": "), at).out;
    at = std::ranges::copy(value, at).out;
    std::ranges::copy(std::string_view("\r\n"), at);
    return size;
  });
}

const HttpHeaders::Field* HttpHeaders::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name_size == name.size() && same_name(this->name(field), name)) return &field;
  }
  return nullptr;
}

std::string_view HttpHeaders::get(std::string_view name) const {
  const Field* field = find(name);
  return field == nullptr ? std::string_view("") : value(*field);
}

bool HttpHeaders::has(std::string_view name) const {
  return find(name) != nullptr;
}

std::vector<std::pair<std::string_view, std::string_view>> HttpHeaders::all() const {
  std::vector<std::pair<std::string_view, std::string_view>> all;
  for (const Field& field : fields_) all.emplace_back(name(field), value(field));
  return all;
}

std::string_view HttpRequest::raw_path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view HttpRequest::raw_query() const {
  const auto mark = target.find('?');
  return mark == std::string::npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> fields;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = unescape(pair.substr(0, equals));
    auto value = equals == std::string_view::npos ? std::string() : unescape(pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

std::string_view http_reason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Request Entity Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

}  // namespace base
