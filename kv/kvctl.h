#pragma once
// The applet kvctl (etcdctl, v2).

#include "base/applet.h"

namespace kv {

base::Applet kvctl_applet();

}  // namespace kv
