#include "runtime/stats_sampling.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "runtime/lifecycle.h"

namespace runtime {
namespace {

// Set again when somebody sets the clock: else one that was set back would be waited for.
void set_at_full_intervals(const base::Fd& timer) {
  timespec now = {};
  base::check(clock_gettime(CLOCK_REALTIME, &now), "read the clock");
  itimerspec times = {};
  times.it_interval.tv_sec = kSampleInterval.count();
  times.it_value.tv_sec = (now.tv_sec / kSampleInterval.count() + 1) * kSampleInterval.count();
  base::check(timerfd_settime(timer.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &times, nullptr),
              "set a timer");
}

void sample_one(const StateStore& store, const std::string& id, const Cgroup& cgroup) {
  try {
    record_sample(store, id, read_stats(cgroup));
  } catch (const base::Error& error) {
    base::log_warning("container {}: sample of what it uses: {}", id, error.what());
  }
}

// Settles nothing: it is to cost little, and what has ended without its keeper is not alive.
int sample_all(const base::Invocation& invocation) {
  StateStore store(machine_of(invocation).state);
  for (const ContainerState& state : store.list()) {
    if (can_be_sampled(state)) sample_one(store, state.id, Cgroup(state.cgroup));
  }
  return 0;
}

}  // namespace

StatsSample record_sample(const StateStore& store, const std::string& id, const CgroupStats& stats) {
  StatsSample sample = sample_of(stats, std::chrono::system_clock::now());
  try {
    append_sample(store.path_of(id, kHistoryFile), sample);
  } catch (const base::Error& error) {
    if (error.error_number() != ENOENT) throw;
  }
  return sample;
}

bool can_be_sampled(const ContainerState& state) {
  return state.status == Status::kRunning && !state.cgroup.empty() && process_is_alive(state);
}

StatsSampler::StatsSampler(const StateStore& store, std::string id, const Cgroup& cgroup)
    : store_(store), id_(std::move(id)), cgroup_(cgroup) {
  if (!cgroup_.exists()) return;
  timer_ = base::Fd(base::check(timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), "make a timer"));
  set_at_full_intervals(timer_);
}

void StatsSampler::sample() {
  std::uint64_t expirations = 0;
  if (read(timer_.get(), &expirations, sizeof expirations) < 0) {
    if (errno == ECANCELED) set_at_full_intervals(timer_);
    return;
  }
  sample_one(store_, id_, cgroup_);
}

base::Command stats_sampling_command() {
  return {.name = "unit-stats",
          .arguments = "",
          .summary = "write down what each running container uses (systemd executes this)",
          .run = sample_all};
}

}  // namespace runtime
