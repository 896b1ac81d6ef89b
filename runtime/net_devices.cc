// A netlink socket belongs to the namespace that it was opened in, so we enter the container's for that moment only.

#include "runtime/net_devices.h"

#include <sched.h>
#include <sys/stat.h>

#include <string>

#include "base/error.h"
#include "base/log.h"

namespace runtime {
namespace {

constexpr const char* kMember = "linux.netDevices";

bool same_namespace(const base::Fd& a, const base::Fd& b) {
  struct stat first = {}, second = {};
  base::check(fstat(a.get(), &first), "look at our network namespace");
  base::check(fstat(b.get(), &second), "look at the container's network namespace");
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::unique_ptr<LinkTable> open_inside(const base::Fd& theirs, const base::Fd& ours) {
  base::check(setns(theirs.get(), CLONE_NEWNET), "enter the container's network");
  try {
    auto table = std::make_unique<LinkTable>();
    base::check(setns(ours.get(), CLONE_NEWNET), "leave the container's network");
    return table;
  } catch (...) {
    base::check(setns(ours.get(), CLONE_NEWNET), "leave the container's network");
    throw;
  }
}

int index_of(LinkTable& links, const std::string& name) {
  std::optional<int> index = links.index(name);
  if (!index) throw base::Error(kMember, name, "no such interface");
  return *index;
}

}  // namespace

void MovedDevices::move_one(const NetDevice& device, int pid) {
  int index = index_of(*here_, device.host_name);
  Moved moved{.device = device, .addresses = here_->addresses(index)};
  base::Fd theirs = base::open_file("/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY);
  // The name is free inside; the one that it has here may not be, so both are said at once.
  here_->move(index, device.name, theirs);
  moved.index = index_of(*inside_, device.name);
  moved_.push_back(moved);
  for (const LinkAddress& address : moved.addresses) inside_->add_address(moved.index, address);
  inside_->set_up(moved.index);
}

MovedDevices MovedDevices::move(const std::vector<NetDevice>& devices, int pid) {
  MovedDevices result;
  if (devices.empty()) return result;
  result.our_namespace_ = base::open_file("/proc/self/ns/net", O_RDONLY);
  base::Fd theirs = base::open_file("/proc/" + std::to_string(pid) + "/ns/net", O_RDONLY);
  if (same_namespace(result.our_namespace_, theirs)) {
    throw base::Error(kMember, "", "the network namespace is the machine's own");
  }
  result.here_ = std::make_unique<LinkTable>();
  result.inside_ = open_inside(theirs, result.our_namespace_);
  for (const NetDevice& device : devices) {
    index_of(*result.here_, device.host_name);
    for (const std::string& name : {device.name, device.host_name}) {
      if (result.inside_->index(name)) throw base::Error(kMember, name, "the container has an interface of that name");
    }
  }
  for (const NetDevice& device : devices) result.move_one(device, pid);
  return result;
}

MovedDevices::~MovedDevices() {
  for (const Moved& moved : moved_) {
    try {
      inside_->move(moved.index, moved.device.host_name, our_namespace_);
      int index = index_of(*here_, moved.device.host_name);
      for (const LinkAddress& address : moved.addresses) here_->add_address(index, address);
      here_->set_up(index);
    } catch (const base::Error& error) {
      base::log_warning("interface {} stays in the network of the container: {}", moved.device.host_name, error.what());
    }
  }
}

}  // namespace runtime
