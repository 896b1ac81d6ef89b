#pragma once
// The program confd: once, every so often, or whenever a key changes.

#include "base/applet.h"

namespace discovery::confd {

base::Applet applet();

int run_confd(const base::Invocation& invocation);

}  // namespace discovery::confd
