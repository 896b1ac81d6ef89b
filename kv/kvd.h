#pragma once
// The applet kvd (etcd).

#include "base/applet.h"

namespace kv {

base::Applet kvd_applet();

}  // namespace kv
