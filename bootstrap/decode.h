#pragma once
// The encodings of write_files. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace bootstrap {

inline constexpr std::size_t kMaxDecoded = 16 * 1024 * 1024;  // bytes

// Nothing when the data is damaged, cut, followed by something else, or larger than `limit` bytes when unpacked.
std::optional<std::string> gunzip(std::string_view data, std::size_t limit = kMaxDecoded);

// Encodings of coreos-cloudinit: "", base64, b64, gzip, gz, and the sums of them like gz+b64.
bool is_known_encoding(std::string_view encoding);

// Nothing when the content is not so encoded. REQUIRES: is_known_encoding(encoding).
std::optional<std::string> decode_content(std::string_view content, std::string_view encoding);

}  // namespace bootstrap
