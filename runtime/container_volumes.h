#pragma once
// The volumes of one start: which directories they are, and which of them are filled from the image while it starts.
//
// Filling is done inside, by the container's root, before the application exists (container_init.cc), and counts when
// that is over: volume.json says so then, and only then the application may begin. Whoever finds a volume that does not
// say so begins anew. Meanwhile its lock keeps other starts out.

#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/lifecycle.h"
#include "runtime/run_request.h"

namespace runtime {

// The volumes of a container that does not run, with their places on this machine, but for those that its next start
// makes or fills: until then what the image has there is what is seen.
std::vector<Volume> volumes_between_starts(const Machine& machine, const std::string& id, const RunRequest& request);

class ContainerVolumes {
 public:
  // Looks up the request's named volumes and its directories of its own, and changes its volumes to what is mounted.
  // Throws base::Error when one is gone.
  ContainerVolumes(const Machine& machine, const std::string& id, RunRequest& request);
  ~ContainerVolumes();
  ContainerVolumes(const ContainerVolumes&) = delete;
  ContainerVolumes& operator=(const ContainerVolumes&) = delete;

  // They are filled, and the application has not begun.
  void filled();

 private:
  void unlock();

  std::string root_;
  std::vector<std::string> to_fill_;
  std::vector<base::Fd> locks_;  // of these
};

}  // namespace runtime
