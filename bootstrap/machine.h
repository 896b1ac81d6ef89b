#pragma once
// The parts of the running machine that are no files, as an interface, so that a plan can be applied to a directory.

#include <cstdint>
#include <string>

namespace bootstrap {

class Machine {
 public:
  virtual ~Machine() = default;
  // The kernel's hostname; false when it was that already. Throws Error.
  virtual bool set_hostname(const std::string& name) = 0;
  virtual std::int64_t days_since_1970() = 0;  // for shadow(5)
};

// This machine.
Machine& real_machine();

// For --root: the tree of a machine that does not run, so /etc/hostname is all the hostname that it has.
Machine& absent_machine();

}  // namespace bootstrap
