#include "runtime/mount_option.h"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("a mount of a directory has Docker's words, under any of their names") {
  for (const char* text : {"type=bind,source=/srv,target=/data,readonly", "ro=true,dst=/data,src=/srv,type=bind",
                           "type=bind,source=/srv,destination=/data,readonly=1"}) {
    CAPTURE(text);
    Volume volume = std::get<Volume>(parse_mount(text));
    CHECK(volume.source == "/srv");
    CHECK(volume.destination == "/data");
    CHECK(volume.read_only);
  }
  CHECK_FALSE(std::get<Volume>(parse_mount("type=bind,source=/srv,target=/data,readonly=false")).read_only);
}

TEST_CASE("a mount in memory has a size and a mode") {
  TemporaryMount mount = std::get<TemporaryMount>(parse_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777,ro"));
  CHECK(mount.destination == "/t");
  CHECK(mount.parameters == std::vector<MountParameter>{{"size", "1048576"}, {"mode", "1777"}});
  CHECK((mount.attributes & MOUNT_ATTR_RDONLY) != 0);
  CHECK((mount.attributes & (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)) == (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
}

TEST_CASE("a volume has a name, or goes with the container") {
  Volume volume = std::get<Volume>(parse_mount("type=volume,source=pages,target=/www,ro"));
  CHECK(volume.name == "pages");
  CHECK(volume.destination == "/www");
  CHECK(volume.read_only);
  CHECK(volume.fill);
  CHECK_FALSE(std::get<Volume>(parse_mount("type=volume,src=pages,dst=/www,volume-nocopy")).fill);
  CHECK(std::get<Volume>(parse_mount("type=volume,target=/www")).anonymous);
  volume = std::get<Volume>(parse_mount("type=empty,target=/cache"));
  CHECK(volume.own);
  CHECK_FALSE(volume.fill);
}

TEST_CASE("a mount that says too little, too much or something unknown is refused") {
  for (const char* text : {"",
                           "type=bind",
                           "type=bind,source=/srv",
                           "type=bind,target=/data",
                           "type=bind,source=srv,target=/data",
                           "type=bind,source=/srv,target=data",
                           "type=bind,source=/srv,target=/",
                           "type=bind,source=/srv,target=/d,x=1",
                           "type=bind,source=/srv,target=/d,tmpfs-size=1m",
                           "type=bind,type=bind,source=/srv,target=/d",
                           "type=bind,source=/srv,src=/etc,target=/d",
                           "type=npipe,source=/srv,target=/d",
                           "type=bind,source=/srv,target=/d,readonly=perhaps",
                           "type=bind,source=/srv,target=/d,rslave",
                           "type=volume",
                           "type=volume,source=/srv,target=/w",
                           "type=volume,source=..,target=/w",
                           "type=empty,source=a,target=/w",
                           "type=tmpfs,target=/t,source=/srv",
                           "type=tmpfs,target=/t,tmpfs-size=0",
                           "type=tmpfs,target=/t,tmpfs-mode=9",
                           "type=tmpfs,target=/t,tmpfs-mode="}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_mount(text), base::UsageError);
  }
}

}  // namespace runtime
