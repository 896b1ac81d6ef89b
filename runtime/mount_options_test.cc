#include "runtime/mount_options.h"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include "base/error.h"

namespace runtime {
namespace {

const std::vector<IdMapping> kUsers = {{0, 0, 1}, {1, 2, 1000}};

Mount with(const std::string& type, const std::vector<std::string>& options) {
  Mount mount{.destination = "/x", .type = type};
  for (const std::string& option : options) apply_mount_option(mount, option, "options", kUsers, kUsers);
  return mount;
}

std::string reason(const std::string& type, const std::string& option) {
  try {
    with(type, {option});
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a later option wins over an earlier one") {
  Mount mount = with("bind", {"ro", "nosuid", "rw"});
  CHECK(mount.attributes == MOUNT_ATTR_NOSUID);
  CHECK(mount.cleared == MOUNT_ATTR_RDONLY);
  mount = with("bind", {"rw", "ro"});
  CHECK(mount.attributes == MOUNT_ATTR_RDONLY);
  CHECK(mount.cleared == 0);
}

TEST_CASE("a way to keep access times clears the others, as mount_setattr(2) wants it") {
  Mount mount = with("bind", {"strictatime", "noatime"});
  CHECK(mount.attributes == MOUNT_ATTR_NOATIME);
  CHECK(mount.cleared == MOUNT_ATTR__ATIME);
  mount = with("bind", {"noatime", "relatime"});
  CHECK(mount.attributes == 0);
  CHECK(mount.cleared == MOUNT_ATTR__ATIME);
}

TEST_CASE("recursive attributes are apart on a bind, and the same on anything else") {
  Mount mount = with("bind", {"rro", "nodev", "rexec"});
  CHECK(mount.recursive_attributes == MOUNT_ATTR_RDONLY);
  CHECK(mount.recursive_cleared == MOUNT_ATTR_NOEXEC);
  CHECK(mount.attributes == MOUNT_ATTR_NODEV);
  CHECK(with("tmpfs", {"rro"}).attributes == MOUNT_ATTR_RDONLY);
  // "rw" and "relatime" begin with an r and are not recursive.
  CHECK(with("bind", {"rrelatime"}).recursive_cleared == MOUNT_ATTR__ATIME);
}

TEST_CASE("propagation") {
  CHECK(with("bind", {"rslave"}).propagation == (MS_SLAVE | MS_REC));
  CHECK(with("bind", {"shared", "unbindable"}).propagation == MS_UNBINDABLE);
  CHECK_FALSE(propagation_by_name("rfriendly").has_value());
}

TEST_CASE("what is no option of a mount is the file system's") {
  Mount mount = with("tmpfs", {"size=1m", "sync", "whatever"});
  CHECK(mount.parameters == std::vector<MountParameter>{{"size", "1m"}, {"sync", ""}, {"whatever", ""}});
  CHECK(reason("bind", "size=1m") == "config.json options: option 'size=1m' is nothing for a bind");
  CHECK(reason("bind", "sync").find("nothing for a bind") != std::string::npos);
  CHECK(reason("proc", "tmpcopyup").find("for type tmpfs") != std::string::npos);
  CHECK(reason("tmpfs", "idmap").find("for binds") != std::string::npos);
}

TEST_CASE("an id map, absolute and relative to the container's") {
  Mount mount = with("bind", {"idmap=uids=0-1-10#10-11-10;gids=0-100-10"});
  REQUIRE(mount.id_map.has_value());
  CHECK_FALSE(mount.id_map->recursive);
  REQUIRE(mount.id_map->uids.size() == 2);
  CHECK(mount.id_map->uids[1].inside == 10);
  CHECK(mount.id_map->uids[1].outside == 11);
  CHECK(mount.id_map->gids[0].count == 10);
  mount = with("bind", {"ridmap=uids=@1-3-10;gids=@0-0-1"});
  CHECK(mount.id_map->recursive);
  CHECK(mount.id_map->uids[0].inside == 1);
  CHECK(mount.id_map->uids[0].outside == 4);
  CHECK(with("bind", {"idmap"}).id_map->uids.empty());
}

TEST_CASE("a wrong id map is refused") {
  for (const char* value : {"", "uids=0-0-1", "uids=0-0-1;gids=", "uids=0-0-1;gids=0-0", "uids=0-0-0;gids=0-0-1",
                            "uids=0-0-1;gids=0-0-x", "uids=0-0-1;pids=0-0-1", "uids=0-4294967295-1;gids=0-0-1",
                            "uids=@0-0-2;gids=0-0-1", "uids=@5000-5000-1;gids=0-0-1"}) {
    CAPTURE(value);
    CHECK_FALSE(reason("bind", std::string("idmap=") + value).empty());
  }
}

TEST_CASE("the known options are sorted and each is one that we take") {
  std::vector<std::string> names = known_mount_options();
  for (std::size_t i = 1; i < names.size(); i++) CHECK(names[i - 1] < names[i]);
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK((reason("bind", name).empty() || reason("tmpfs", name).empty()));
  }
}

}  // namespace runtime
