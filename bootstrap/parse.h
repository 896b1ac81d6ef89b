#pragma once
// The text of a user-data file to a CloudConfig with remarks. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "bootstrap/config.h"

namespace bootstrap {

inline constexpr std::size_t kMaxUserData = 4 * 1024 * 1024;  // bytes, also when unpacked

struct ParsedConfig {
  CloudConfig config;  // with errors in the findings: what could be read; good for rescued_keys() and nothing else
  Findings findings;   // in the order of the text
  bool ok() const { return !has_errors(findings); }
};

// `text` begins with the line "#cloud-config" and is YAML after that. gzip is unpacked. Every error and warning has a
// line and a column; a syntax error ends the reading, other errors do not. Values of `passwd` and `content` are never
// part of a message.
ParsedConfig parse_cloud_config(std::string_view text);

// "FILE:LINE:COLUMN: error: MESSAGE", the form of a compiler. A finding that stands nowhere has no file and no place.
std::string to_line(const Finding& finding, std::string_view file);

}  // namespace bootstrap
