#include "updater/commands.h"

#include <unistd.h>

#include <cstdio>
#include <format>
#include <thread>

#include "base/error.h"
#include "base/machine.h"
#include "base/systemd.h"
#include "base/text.h"
#include "updater/health.h"
#include "updater/inspect.h"
#include "updater/reboot.h"
#include "updater/semaphore.h"

namespace updater {
namespace {

constexpr std::chrono::seconds kHealthInterval{1};
constexpr std::chrono::milliseconds kHealthTimeout{3000};

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

// locksmith's own words in front of the reason.
int report(std::string_view what, const base::Error& error) {
  std::fputs(std::format("{} {}\n", what, error.what()).c_str(), stderr);
  return 1;
}

std::string holder_of(const base::Invocation& invocation) {
  return invocation.arguments.empty() ? base::machine_id() : invocation.arguments.front();
}

}  // namespace

int run_status(const base::Invocation& invocation) {
  const Inspection inspection = inspect(invocation.get("root"));
  print(invocation.flag("json") ? base::to_text(to_json(inspection), 2) + "\n" : to_text(inspection));
  return 0;
}

int run_health(const base::Invocation& invocation) {
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(invocation.number("wait", 0, 24 * 60 * 60));
  const auto store = kv::connect(invocation.get("endpoints"), kHealthTimeout);
  std::vector<std::string> problems = health_problems(*store, base::connect_systemd);
  while (!problems.empty() && std::chrono::steady_clock::now() + kHealthInterval <= deadline) {
    std::this_thread::sleep_for(kHealthInterval);
    problems = health_problems(*store, base::connect_systemd);
  }
  for (const std::string& problem : problems) {
    std::fputs(std::format("{}: {}\n", invocation.program, problem).c_str(), stderr);
  }
  if (problems.empty()) print("healthy\n");
  return problems.empty() ? 0 : 1;
}

int run_lock_status(const base::Invocation& invocation) {
  const auto store = kv::connect(invocation.get("endpoint"));
  const Semaphore semaphore = SemaphoreLock(*store, invocation.get("group")).get();
  print(std::format("Available: {}\nMax: {}\n", semaphore.available, semaphore.max));
  if (!semaphore.holders.empty()) print("\nMACHINE ID\n" + base::join(semaphore.holders, "\n") + "\n");
  return 0;
}

int run_lock(const base::Invocation& invocation) try {
  const auto store = kv::connect(invocation.get("endpoint"));
  SemaphoreLock(*store, invocation.get("group")).lock(holder_of(invocation));
  return 0;
} catch (const base::Error& error) {
  return report("Error locking:", error);
}

int run_unlock(const base::Invocation& invocation) try {
  const auto store = kv::connect(invocation.get("endpoint"));
  SemaphoreLock(*store, invocation.get("group")).unlock(holder_of(invocation));
  return 0;
} catch (const base::Error& error) {
  return report("Error unlocking:", error);
}

int run_reboot(const base::Invocation& invocation) try {
  if (::geteuid() != 0) throw base::Error("", "", "Must be root to initiate reboot.");
  // Before the lock: without systemd there will be no reboot that gives it back.
  const auto systemd = base::connect_systemd();
  const auto store = kv::connect(invocation.get("endpoint"));
  SemaphoreLock semaphore(*store, invocation.get("group"));
  lock_and_reboot(semaphore, *systemd, base::machine_id());
  return 0;
} catch (const base::Error& error) {
  std::fputs(std::format("{}\n", error.what()).c_str(), stderr);
  return 1;
}

int run_set_max(const base::Invocation& invocation) try {
  constexpr std::int64_t kMost = 1'000'000;
  const auto max = base::parse_signed(invocation.arguments.front());
  if (!max || *max < 0 || *max > kMost) {
    throw base::UsageError(std::format("Invalid maximum value: {} (0 to {})", invocation.arguments.front(), kMost));
  }
  const auto store = kv::connect(invocation.get("endpoint"));
  const auto [now, old] = SemaphoreLock(*store, invocation.get("group")).set_max(*max);
  print(std::format("Old-Max: {}\nMax: {}\n", old, now.max));
  return 0;
} catch (const base::Error& error) {
  return report("Error setting value:", error);
}

}  // namespace updater
