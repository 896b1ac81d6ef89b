#pragma once
// `container volume`: named volumes made, listed, removed.

#include "base/applet.h"

namespace runtime {

base::Command volume_command();

}  // namespace runtime
