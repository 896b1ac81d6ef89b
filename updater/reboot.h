#pragma once
// Rebooting under the cluster's semaphore, as locksmith does it: `locksmithctl reboot` takes the lock, the machine goes
// down holding it, and the daemon of the next boot gives it back.

#include <string>

#include "base/systemd.h"
#include "updater/semaphore.h"

namespace updater {

// Takes the lock for `holder` and asks systemd for reboot.target. One attempt, as locksmith: a full semaphore is an
// Error ("Error locking: semaphore is at 0"), so is a lock that this machine has already ("holder exists"). When
// systemd refuses, the lock is given back and the Error says why; if that fails as well, it says so, too.
void lock_and_reboot(SemaphoreLock& semaphore, base::Systemd& systemd, const std::string& holder);

}  // namespace updater
