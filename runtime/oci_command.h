#pragma once
// `oci-runtime`, also called `runc`: the same core under the command line of the OCI runtimes.

#include "base/applet.h"

namespace runtime {

base::Applet oci_applet();

}  // namespace runtime
