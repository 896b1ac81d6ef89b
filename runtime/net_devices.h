#pragma once
// Interfaces of the machine that go to a container (runtime-spec config-linux.md "NetDevices"), with their addresses,
// MTU and hardware address. When the container ends, the kernel gives physical ones back, under the name that they had
// inside, and removes the others.

#include <memory>
#include <vector>

#include "base/fd.h"
#include "runtime/netlink.h"
#include "runtime/spec.h"

namespace runtime {

// Moves them back, under their old names, unless they were kept: for a start that fails.
class MovedDevices {
 public:
  MovedDevices() = default;
  MovedDevices(MovedDevices&&) = default;
  MovedDevices& operator=(MovedDevices&&) = default;
  ~MovedDevices();

  // To the network namespace of process `pid`, and up. All or none: throws base::Error when one is not there, its name
  // is taken inside, or the namespace is our own.
  static MovedDevices move(const std::vector<NetDevice>& devices, int pid);

  void keep() { moved_.clear(); }

 private:
  struct Moved {
    NetDevice device;
    int index = 0;  // inside
    std::vector<LinkAddress> addresses;
  };

  void move_one(const NetDevice& device, int pid);

  std::unique_ptr<LinkTable> here_;
  std::unique_ptr<LinkTable> inside_;
  base::Fd our_namespace_;
  std::vector<Moved> moved_;
};

}  // namespace runtime
