#include "base/version.h"

namespace base {

std::string_view version() {
  return CLUSTEROS_VERSION;
}

}  // namespace base
