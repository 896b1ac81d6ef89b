#pragma once
// `container exec`.

#include "base/applet.h"

namespace runtime {

base::Command exec_command();

}  // namespace runtime
