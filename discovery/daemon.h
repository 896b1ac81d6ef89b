#pragma once
// discoveryd: options, wiring, main loop.

#include "base/applet.h"

namespace discovery {

int run_discoveryd(const base::Invocation& invocation);
int run_skydns(const base::Invocation& invocation);  // the same with SkyDNS's option names

}  // namespace discovery
