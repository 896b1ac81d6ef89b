#pragma once
// `container run`.

#include "base/applet.h"

namespace runtime {

base::Command run_command();

}  // namespace runtime
