#pragma once
// `container secret`: secrets kept, listed, removed. None is ever printed.

#include "base/applet.h"

namespace runtime {

base::Command secret_command();

}  // namespace runtime
