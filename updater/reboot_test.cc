// Rebooting under the semaphore: who gets the lock reboots, who does not stays up, and nobody keeps it for nothing.

#include "updater/reboot.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fake_systemd.h"
#include "kv/client/memory_client.h"

using namespace updater;

namespace {

struct Fixture {
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();
  SemaphoreLock semaphore{*client, ""};
  base::FakeSystemd systemd;

  std::vector<std::string> holders() { return semaphore.get().holders; }
};

}  // namespace

TEST_CASE("reboot takes the lock and asks systemd, in this order") {
  Fixture f;
  f.systemd.add("reboot.target");
  lock_and_reboot(f.semaphore, f.systemd, "one");
  CHECK(f.systemd.calls == std::vector<std::string>{"start reboot.target"});
  CHECK(f.holders() == std::vector<std::string>{"one"});
}

TEST_CASE("no reboot without the lock") {
  Fixture f;
  f.systemd.add("reboot.target");
  f.semaphore.lock("other");
  CHECK_THROWS_WITH_AS(lock_and_reboot(f.semaphore, f.systemd, "one"), "Error locking: semaphore is at 0", base::Error);
  CHECK_THROWS_WITH_AS(lock_and_reboot(f.semaphore, f.systemd, "other"), "Error locking: holder exists", base::Error);
  f.store.set_down(true);
  CHECK_THROWS_AS(lock_and_reboot(f.semaphore, f.systemd, "one"), base::Error);
  CHECK(f.systemd.calls.empty());
}

TEST_CASE("the lock is given back when systemd refuses") {
  Fixture f;  // knows no reboot.target
  CHECK_THROWS_WITH_AS(lock_and_reboot(f.semaphore, f.systemd, "one"), doctest::Contains("the lock was given back"),
                       base::Error);
  CHECK(f.holders().empty());
  CHECK(f.semaphore.get().available == 1);
}

TEST_CASE("a stale lock is released once, and nobody else's") {
  Fixture f;
  CHECK_FALSE(f.semaphore.release("one"));
  CHECK_FALSE(f.client->get(semaphore_key("")).has_value());  // looking makes no key
  f.semaphore.set_max(2);
  f.semaphore.lock("one");
  f.semaphore.lock("two");
  CHECK(f.semaphore.release("one"));
  CHECK_FALSE(f.semaphore.release("one"));
  CHECK(f.holders() == std::vector<std::string>{"two"});
  CHECK(f.semaphore.get().available == 1);
  f.store.set_down(true);
  CHECK_THROWS_AS(f.semaphore.release("two"), base::Error);
}
