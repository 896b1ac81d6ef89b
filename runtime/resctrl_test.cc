// Directories and files stand for the kernel's: they show what is written where, not what the kernel makes of it.

#include "runtime/resctrl.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"

namespace runtime {
namespace {

// A class of service that is there already.
struct Resctrl {
  std::string mount;
  Resctrl() {
    char name[] = "/tmp/resctrl.XXXXXX";
    mount = mkdtemp(name);
    add("");
    add("/gold");
    base::write_file_atomic(mount + "/gold/schemata", "    MB:0= 100;1= 100\n    L3:0=7ff;1=00f\n");
  }
  ~Resctrl() { std::filesystem::remove_all(mount); }
  void add(const std::string& name) const {
    std::filesystem::create_directories(mount + name + "/mon_groups");
    base::write_file_atomic(mount + name + "/tasks", "");
  }
};

std::string reason(const std::string& mount, const IntelRdt& wanted) {
  try {
    make_resctrl_groups(mount, "c", wanted);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("shares are compared as the numbers that they are") {
  const char* there = "    MB:0= 100;1= 70\n    L3:0=7ff;1=00f\n";
  CHECK(resctrl_has_schema(there, "L3:0=7ff"));
  CHECK(resctrl_has_schema(there, "L3:1=f;0=7FF"));
  CHECK(resctrl_has_schema(there, "MB:1=70"));
  CHECK_FALSE(resctrl_has_schema(there, "MB:1=7"));
  CHECK_FALSE(resctrl_has_schema(there, "L3:2=f"));
  CHECK_FALSE(resctrl_has_schema(there, "L2:0=f"));
  CHECK_FALSE(resctrl_has_schema(there, "L3:"));
}

TEST_CASE("resctrl is found where it is mounted") {
  CHECK(resctrl_mount_in("30 23 0:26 / /sys/fs/resctrl rw shared:9 - resctrl resctrl rw\n") == "/sys/fs/resctrl");
  CHECK(resctrl_mount_in("30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n").empty());
}

TEST_CASE("a container joins a class that is there, and leaves it there") {
  Resctrl machine;
  std::vector<ResctrlGroup> groups =
      make_resctrl_groups(machine.mount, "c", {.class_id = "gold", .schemata = {"L3:0=7ff"}});
  REQUIRE(groups.size() == 1);
  CHECK_FALSE(groups[0].made);
  join_resctrl(groups, 42);
  CHECK(base::read_file(machine.mount + "/gold/tasks") == "42\n");
  remove_resctrl(groups);
  CHECK(base::exists(machine.mount + "/gold"));
}

TEST_CASE("its counting goes with the container") {
  Resctrl machine;
  std::vector<ResctrlGroup> groups = make_resctrl_groups(machine.mount, "c", {.class_id = "/", .monitoring = true});
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].directory == machine.mount);
  CHECK(groups[1].directory == machine.mount + "/mon_groups/c");
  CHECK(groups[1].made);
  remove_resctrl(groups);
  CHECK_FALSE(base::exists(machine.mount + "/mon_groups/c"));
}

TEST_CASE("what does not fit is refused, and nothing is left") {
  Resctrl machine;
  CHECK(reason(machine.mount, {.class_id = "gold", .schemata = {"L3:0=1"}}).contains("other shares"));
  CHECK(reason(machine.mount, {.class_id = "silver"}).contains("does not exist"));
  // A directory is no resctrl: `schemata` is not there by itself.
  CHECK(reason(machine.mount, {.schemata = {"L3:0=1"}}).contains("L3:0=1"));
  CHECK_FALSE(base::exists(machine.mount + "/c"));
}

}  // namespace runtime
