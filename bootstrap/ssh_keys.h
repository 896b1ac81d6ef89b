#pragma once
// Lines of sshd's authorized_keys(5). Pure.

#include <string>
#include <string_view>
#include <vector>

namespace bootstrap {

// True when the line has a key in it: a type, and base64 that begins with the same type (options before it are fine).
bool looks_like_ssh_key(std::string_view line);

// The new text of an authorized_keys file. Our keys stand in a block between two marker lines, so that a key that has
// left the cloud-config leaves the machine, and lines that others wrote stay as they are. A key that stands outside of
// the block already is not repeated. With `keep_old` the block only grows.
std::string merge_authorized_keys(std::string_view existing, const std::vector<std::string>& keys, bool keep_old);

}  // namespace bootstrap
