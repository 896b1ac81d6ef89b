#include "bootstrap/machine.h"

#include <unistd.h>

#include <chrono>

#include "base/clock.h"
#include "base/error.h"
#include "base/machine.h"

namespace bootstrap {
namespace {

std::int64_t today() {
  const auto since = base::system_clock().wall_now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::days>(since).count();
}

class RealMachine : public Machine {
 public:
  bool set_hostname(const std::string& name) override {
    if (base::host_name() == name) return false;
    base::check(sethostname(name.c_str(), name.size()), "set hostname", name);
    return true;
  }
  std::int64_t days_since_1970() override { return today(); }
};

class AbsentMachine : public Machine {
 public:
  bool set_hostname(const std::string&) override { return false; }
  std::int64_t days_since_1970() override { return today(); }
};

}  // namespace

Machine& real_machine() {
  static RealMachine machine;
  return machine;
}

Machine& absent_machine() {
  static AbsentMachine machine;
  return machine;
}

}  // namespace bootstrap
