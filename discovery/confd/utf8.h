#pragma once
// \u escapes, which TOML and Go share.

#include <string>
#include <string_view>

namespace discovery::confd {

// Appends the character that `count` hexadecimal digits name, as UTF-8. False, and nothing appended, when they are no
// such digits, too few, or no Unicode scalar value.
bool append_code_point(std::string& out, std::string_view digits, std::size_t count);

}  // namespace discovery::confd
