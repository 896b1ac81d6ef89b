#include "updater/reboot.h"

#include <format>

#include "base/error.h"

namespace updater {

void lock_and_reboot(SemaphoreLock& semaphore, base::Systemd& systemd, const std::string& holder) {
  try {
    semaphore.lock(holder);
  } catch (const base::Error& error) {
    throw base::Error("Error locking", "", error.what());
  }
  try {
    // Not waited for: the job ends with the machine.
    systemd.start("reboot.target", std::chrono::milliseconds(0));
  } catch (const base::Error& refused) {
    try {
      semaphore.release(holder);
    } catch (const base::Error& kept) {
      throw base::Error("Error rebooting", "",
                        std::format("{}; the lock is still held: {}", refused.what(), kept.what()));
    }
    throw base::Error("Error rebooting", "", std::format("{}; the lock was given back", refused.what()));
  }
}

}  // namespace updater
