#include "kv/bcrypt.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <cstdint>
#include <cstring>
#include <memory>

#include "base/error.h"

namespace kv {

namespace {

constexpr unsigned long kCost = 10;  // Go's bcrypt.DefaultCost
constexpr std::size_t kSaltBytes = 16;

// "" when crypt_r refuses. The scratch memory, which holds parts of the password, is cleaned.
std::string crypt_text(const std::string& password, const std::string& setting) {
  auto scratch = std::make_unique<crypt_data>();
  const char* hash = ::crypt_r(password.c_str(), setting.c_str(), scratch.get());
  std::string text = hash == nullptr || hash[0] == '*' ? "" : hash;
  OPENSSL_cleanse(scratch.get(), sizeof(crypt_data));
  return text;
}

}  // namespace

std::string bcrypt_hash(const std::string& password, base::Random& random) {
  char salt[kSaltBytes];
  for (std::size_t i = 0; i < kSaltBytes; i += sizeof(std::uint64_t)) {
    std::uint64_t bits = random.next();
    std::memcpy(salt + i, &bits, sizeof(bits));
  }
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  if (::crypt_gensalt_rn("$2b$", kCost, salt, kSaltBytes, setting, sizeof(setting)) == nullptr) {
    base::throw_errno("make a bcrypt salt");
  }
  std::string hash = crypt_text(password, setting);
  if (hash.empty()) throw base::Error("hash a password", "", "crypt refused");
  return hash;
}

bool bcrypt_matches(const std::string& password, const std::string& hash) {
  if (!hash.starts_with("$2") || password.contains('\0')) return false;
  std::string again = crypt_text(password, hash);
  return again.size() == hash.size() && !again.empty() && CRYPTO_memcmp(again.data(), hash.data(), hash.size()) == 0;
}

}  // namespace kv
