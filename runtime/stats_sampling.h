#pragma once
// Who fills the hour of samples (stats_history.h): `container stats` while it runs, `unit-stats`, which a timer of
// systemd starts every ten seconds for all containers of the machine together, and the process that looks after a
// container where there is one.

#include <string>

#include "base/applet.h"
#include "base/fd.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_stats.h"
#include "runtime/state.h"
#include "runtime/stats_history.h"

namespace runtime {

// Writes down what a container uses now. No error for one that was removed meanwhile.
StatsSample record_sample(const StateStore& store, const std::string& id, const CgroupStats& stats);

// It runs, and has a cgroup to be asked.
bool can_be_sampled(const ContainerState& state);

// For the loop of a process that looks after a container anyway.
class StatsSampler {
 public:
  // `cgroup` must live as long. One that does not exist is never sampled.
  StatsSampler(const StateStore& store, std::string id, const Cgroup& cgroup);

  // Readable when a sample is due: at each full ten seconds, so that none of the file's places is left out. Invalid
  // without a cgroup.
  const base::Fd& timer() const { return timer_; }
  // Takes the sample that is due. What goes wrong is logged: the container is more than its history.
  void sample();

 private:
  StateStore store_;
  std::string id_;
  const Cgroup& cgroup_;
  base::Fd timer_;
};

// `unit-stats`: one sample of each container that runs.
base::Command stats_sampling_command();

}  // namespace runtime
