#pragma once
// URLs and lists of them as etcd's options write them (pkg/types/urls.go).

#include <string>
#include <string_view>
#include <vector>

#include "base/url.h"

namespace kv {

// The parts between commas, without blanks around them and without empty ones.
std::vector<std::string> comma_list(std::string_view text);

// http or https, host, port and nothing else. Throws base::UsageError; `where` begins its text.
base::Url strict_url(const std::string& text, const std::string& where);

// An origin of web pages as browsers write it (RFC 6454): the port only where it is not the scheme's own. Throws
// base::UsageError.
void check_origin(const std::string& text);

}  // namespace kv
