#pragma once
// `container pod`: pods made, listed, started, stopped, removed (pod_member.h).

#include "base/applet.h"

namespace runtime {

base::Command pod_command();

}  // namespace runtime
