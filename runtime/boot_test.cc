#include "runtime/boot.h"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include <algorithm>

#include "base/error.h"
#include "base/temp_dir.h"

namespace runtime {
namespace {

ContainerSpec machine() {
  ContainerSpec spec;
  spec.process.user = "app";
  spec.mounts = default_mounts(true);
  make_machine(spec, "01234567-89ab-4def-8123-456789abcdef");
  return spec;
}

const Mount* mount_on(const ContainerSpec& spec, const std::string& destination) {
  auto found = std::ranges::find(spec.mounts, destination, &Mount::destination);
  return found == spec.mounts.end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("a machine has what an init asks for, behind a user namespace of its own unless told otherwise") {
  ContainerSpec spec = machine();
  CHECK(spec.namespaces.user);
  CHECK(spec.process.user.empty());
  CHECK(spec.process.terminal);
  CHECK((machine_capabilities() & *capability_by_name("CAP_SYS_ADMIN")) != 0);
  CHECK((machine_capabilities() & *capability_by_name("CAP_SYS_MODULE")) == 0);
  CHECK(std::ranges::count(spec.process.environment, "container=clusteros") == 1);
  CHECK(std::ranges::count(spec.process.environment, "container_uuid=01234567-89ab-4def-8123-456789abcdef") == 1);
  REQUIRE(mount_on(spec, "/sys/fs/cgroup") != nullptr);
  CHECK((mount_on(spec, "/sys/fs/cgroup")->attributes & MOUNT_ATTR_RDONLY) == 0);
  REQUIRE(mount_on(spec, "/sys") != nullptr);
  CHECK((mount_on(spec, "/sys")->attributes & MOUNT_ATTR_RDONLY) != 0);
  REQUIRE(mount_on(spec, "/run") != nullptr);
  CHECK(mount_on(spec, "/run")->type == "tmpfs");
}

TEST_CASE("powered off is success, any other end what it was") {
  CHECK(exit_code_of_machine(130) == 0);
  CHECK(exit_code_of_machine(129) == 129);
  CHECK(exit_code_of_machine(137) == 137);
}

TEST_CASE("a tree is named by a path, an image is not") {
  CHECK(names_a_tree("/srv/machine"));
  CHECK(names_a_tree("./machine"));
  CHECK(names_a_tree("../machine"));
  CHECK_FALSE(names_a_tree("machine"));
  CHECK_FALSE(names_a_tree("example.com/machine"));
  base::TempDir directory;
  CHECK(image_of_tree(directory.path()).layer_directories == std::vector<std::string>{directory.path()});
  CHECK_THROWS_AS(image_of_tree("/no/such"), base::Error);
  CHECK_THROWS_AS(image_of_tree("/dev/null"), base::Error);
}

}  // namespace runtime
