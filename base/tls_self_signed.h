#pragma once
// A certificate that a server makes for itself: encryption without an authority. Nobody can verify who is behind it.

#include <string>
#include <vector>

#include "base/clock.h"

namespace base {

struct SelfSigned {
  std::string certificate_file;
  std::string key_file;
};

// cert.pem and key.pem (mode 0600) in `directory`, which is made (0700) when it is missing: ECDSA P-256, for `hosts`
// (names or addresses), valid for a year. Files that are there are used as long as they are valid for a week yet, else
// replaced. Throws Error.
SelfSigned self_signed_certificate(const std::string& directory, const std::vector<std::string>& hosts,
                                   const Clock& clock = system_clock());

}  // namespace base
