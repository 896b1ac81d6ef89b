#pragma once
// `container logs`.

#include "base/applet.h"

namespace runtime {

base::Command logs_command();

}  // namespace runtime
