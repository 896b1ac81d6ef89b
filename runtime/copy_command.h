#pragma once
// `container cp`.

#include "base/applet.h"

namespace runtime {

base::Command copy_command();

}  // namespace runtime
