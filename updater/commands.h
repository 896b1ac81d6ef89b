#pragma once
// The commands of updaterctl and locksmithctl.

#include "base/applet.h"

namespace updater {

int run_status(const base::Invocation& invocation);
int run_health(const base::Invocation& invocation);

int run_lock_status(const base::Invocation& invocation);
int run_lock(const base::Invocation& invocation);
int run_unlock(const base::Invocation& invocation);
int run_reboot(const base::Invocation& invocation);
int run_set_max(const base::Invocation& invocation);

}  // namespace updater
