#include "runtime/oci_config.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "runtime/cgroup.h"

namespace runtime {
namespace {

std::string reason(const base::Json& config) {
  try {
    parse_oci_config(config, "/bundle", "c");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the configuration that we write is one that we read") {
  OciContainer container = parse_oci_config(default_oci_config(), "/bundle", "c");
  const ContainerSpec& spec = container.spec;
  CHECK(spec.root.directory == "/bundle/rootfs");
  CHECK(spec.root.read_only);
  CHECK(spec.process.arguments == std::vector<std::string>{"sh"});
  CHECK(spec.process.capabilities.bounding == default_capabilities().bounding);
  CHECK(spec.process.capabilities.ambient == 0);
  CHECK(spec.namespaces.pid);
  CHECK_FALSE(spec.namespaces.user);
  CHECK(spec.mounts.size() == default_mounts(true).size());
}

TEST_CASE("what is not supported is refused by its name") {
  base::Json config = default_oci_config();
  config["hooks"] = {{"middle", {{{"path", "/bin/true"}}}}};
  CHECK(reason(config) == "config.json hooks.middle: not supported");

  config = default_oci_config();
  config["linux"]["sysctl"] = {{"kernel.core_pattern", "|/evil"}};
  CHECK(reason(config) == "config.json linux.sysctl: not supported");

  config = default_oci_config();
  config["process"]["apparmorProfile"] = "docker-default";
  CHECK(reason(config) == "config.json process.apparmorProfile: not supported");

  config = default_oci_config();
  config["mounts"][0]["options"].push_back("tmpcopyup");
  CHECK(reason(config).find("'tmpcopyup'") != std::string::npos);
}

TEST_CASE("members that say nothing are no reason to refuse") {
  base::Json config = default_oci_config();
  config["hooks"] = {{"prestart", base::Json::array()}};
  config["linux"]["sysctl"] = base::Json::object();
  config["process"]["apparmorProfile"] = "";
  CHECK(reason(config).empty());
}

TEST_CASE("missing or wrong members are named") {
  base::Json config = default_oci_config();
  config["process"].erase("args");
  CHECK(reason(config) == "config.json process.args: missing");
  config = default_oci_config();
  config["root"]["path"] = 7;
  CHECK(reason(config) == "config.json root.path: expected a text");
  config = default_oci_config();
  config["process"]["user"]["uid"] = 4294967296;
  CHECK(reason(config).find("process.user.uid") != std::string::npos);
  CHECK(reason(base::Json::array()).find("expected an object") != std::string::npos);
}

TEST_CASE("an id cannot leave its directory") {
  for (const char* id : {"", ".", "..", "../x", "a/b", ".hidden", "a b", "a\n"}) {
    CAPTURE(id);
    CHECK_FALSE(is_valid_id(id));
  }
  CHECK(is_valid_id("web-1.2_3+x"));
  CHECK_FALSE(is_valid_id(std::string(65, 'a')));
}

TEST_CASE("cgroup v2 is found alone, beside v1, and not when it is missing") {
  CHECK(cgroup_mount_in("30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n") == "/sys/fs/cgroup");
  CHECK(cgroup_mount_in("33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n") == "/sys/fs/cgroup/unified");
  CHECK(cgroup_mount_in("33 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\nx\n").empty());
}

}  // namespace runtime
