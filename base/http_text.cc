#include "base/http_text.h"

#include <charconv>
#include <chrono>
#include <format>

namespace base {

namespace {

// Written once a second: it is in every answer. One for each thread, since each may have a server.
const std::string& date_now() {
  thread_local std::chrono::sys_seconds second{};
  thread_local std::string text;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  if (now != second || text.empty()) {
    second = now;
    text = std::format("{:%a, %d %b %Y %H:%M:%S} GMT", now);
  }
  return text;
}

}  // namespace

std::string http_head_text(const HttpResponse& response, std::string_view framing, std::size_t body_bytes) {
  constexpr std::size_t kStatusAndDate = 96;
  std::string text;
  text.reserve(kStatusAndDate + response.headers.lines().size() + framing.size() + body_bytes);
  text.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ").append(http_reason(response.status));
  text.append("\r\n").append(response.headers.lines());
  text.append("Date: ").append(date_now()).append("\r\n").append(framing).append("\r\n");
  return text;
}

std::string http_chunk(std::string_view data) {
  char size[16];
  const char* end = std::to_chars(size, size + sizeof size, data.size(), 16).ptr;
  std::string chunk;
  chunk.reserve(static_cast<std::size_t>(end - size) + data.size() + 4);
  chunk.append(std::string_view(size, end)).append("\r\n").append(data).append("\r\n");
  return chunk;
}

}  // namespace base
