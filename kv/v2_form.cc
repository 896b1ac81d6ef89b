#include "kv/v2_form.h"

#include "base/text.h"
#include "kv/go_mime.h"
#include "kv/go_text.h"

namespace kv {

namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

}  // namespace

std::string V2Form::parse(const base::HttpRequest& request) {
  std::string error;
  if (request.method == "PUT" || request.method == "POST") {
    std::string_view text = request.headers.get("Content-Type");
    if (text == kFormType) {
      error = add(request.body);
    } else if (!text.empty()) {
      MediaType type = parse_media_type(text);
      std::string body_error = type.name == kFormType ? add(request.body) : "";
      error = type.error.empty() ? body_error : type.error;
    }
  }
  std::string query_error = add(request.raw_query());
  return error.empty() ? query_error : error;
}

std::string V2Form::add(std::string_view text) {
  std::string first_error;
  while (!text.empty()) {
    std::size_t end = std::min(text.find('&'), text.size());
    std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    std::string error;
    if (pair.contains(';')) {
      first_error = error = "invalid semicolon separator in query";  // in Go this one hides those before
    }
    std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name;
    std::optional<std::string> value;
    if (error.empty()) name = unescape_query(pair.substr(0, equals), error);
    if (name) value = unescape_query(pair.substr(std::min(equals + 1, pair.size())), error);
    if (value) {
      values_.try_emplace(std::move(*name), std::move(*value));
    } else if (first_error.empty()) {
      first_error = error;
    }
  }
  return first_error;
}

const std::string& V2Form::value(std::string_view name) const {
  static const std::string kNone;
  auto at = values_.find(name);
  return at == values_.end() ? kNone : at->second;
}

std::optional<std::uint64_t> V2Form::number(std::string_view name) const {
  auto at = values_.find(name);
  return at == values_.end() ? 0 : base::parse_unsigned(at->second);
}

std::optional<bool> V2Form::boolean(std::string_view name) const {
  auto at = values_.find(name);
  return at == values_.end() ? false : base::parse_bool(at->second);
}

}  // namespace kv
