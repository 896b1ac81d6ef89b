#pragma once
// Hashes and encodings (OpenSSL underneath): SHA-256 for content, SHA-1 only where etcd's and fleet's formats have it.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace base {

// Incremental SHA-256. Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view data);
  std::string hex_digest();  // 64 lower-case characters; ends the computation

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view data);
std::string sha1_hex(std::string_view data);
std::string sha1_bytes(std::string_view data);

std::string hex(std::string_view bytes);
std::optional<std::string> unhex(std::string_view text);

std::string base64_encode(std::string_view bytes);                // standard alphabet with padding
std::optional<std::string> base64_decode(std::string_view text);  // strict, but blanks and newlines are skipped

}  // namespace base
