#pragma once
// Password hashes as etcd keeps them: bcrypt with cost 10 (libxcrypt's crypt_r(3)). Only the first 72 bytes of a
// password count. Any thread. Each call takes about 50 ms of a processor.

#include <string>
#include <string_view>

#include "base/random.h"

namespace kv {

// "$2b$10$…". REQUIRES: no NUL byte in `password`. Throws base::Error.
std::string bcrypt_hash(const std::string& password, base::Random& random);

// False also for a hash of another kind and for a password with a NUL byte.
bool bcrypt_matches(const std::string& password, const std::string& hash);

}  // namespace kv
