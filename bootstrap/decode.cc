#include "bootstrap/decode.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/digest.h"

namespace bootstrap {
namespace {

constexpr std::array<std::string_view, 2> kBase64{"base64", "b64"};
constexpr std::array<std::string_view, 2> kGzip{"gzip", "gz"};
constexpr std::array<std::string_view, 4> kBoth{"gz+base64", "gzip+base64", "gz+b64", "gzip+b64"};

}  // namespace

std::optional<std::string> gunzip(std::string_view data, std::size_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return std::nullopt;  // 16: the gzip format only
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  std::string output;
  std::array<char, 64 * 1024> buffer{};
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END) return std::nullopt;
    output.append(buffer.data(), buffer.size() - stream.avail_out);
    if (output.size() > limit) return std::nullopt;
    if (result == Z_STREAM_END) break;
  }
  if (stream.avail_in != 0) return std::nullopt;
  return output;
}

bool is_known_encoding(std::string_view encoding) {
  return encoding.empty() || std::ranges::contains(kBase64, encoding) || std::ranges::contains(kGzip, encoding) ||
         std::ranges::contains(kBoth, encoding);
}

std::optional<std::string> decode_content(std::string_view content, std::string_view encoding) {
  if (encoding.empty()) return std::string(content);
  if (std::ranges::contains(kGzip, encoding)) return gunzip(content);
  auto decoded = base::base64_decode(content);
  if (decoded && std::ranges::contains(kBoth, encoding)) return gunzip(*decoded);
  return decoded;
}

}  // namespace bootstrap
