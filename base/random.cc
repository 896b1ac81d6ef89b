#include "base/random.h"

#include <sys/random.h>

#include <cerrno>

#include "base/digest.h"
#include "base/error.h"

namespace base {
namespace {

class SystemRandom : public Random {
 public:
  std::uint64_t next() override {
    std::uint64_t value = 0;
    // Up to 256 bytes come whole or not at all (getrandom(2)); only a signal at early boot interrupts.
    while (::getrandom(&value, sizeof(value), 0) < 0) {
      if (errno != EINTR) throw_errno("getrandom");
    }
    return value;
  }
};

}  // namespace

std::uint64_t Random::below(std::uint64_t bound) {
  // Values at the uneven end are thrown away, or small results would be likelier.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  std::uint64_t value = next();
  while (value >= limit) value = next();
  return value % bound;
}

std::string Random::hex_string(std::size_t bytes) {
  std::string raw;
  while (raw.size() < bytes) raw += static_cast<char>(next() & 255U);
  return hex(raw);
}

Random& system_random() {
  static SystemRandom random;
  return random;
}

}  // namespace base
