#pragma once
// kvctl's commands about the cluster.

#include "base/applet.h"

namespace kv {

int kvctl_member(const base::Invocation& invocation);
int kvctl_cluster_health(const base::Invocation& invocation);

}  // namespace kv
