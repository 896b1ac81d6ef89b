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
  config["mounts"][0]["options"].push_back("tmpcopyup");
  CHECK(reason(config) == "config.json mounts[0].options: option 'tmpcopyup' is for type tmpfs");
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

TEST_CASE("each kind of namespace stands once, is known, and the mount namespace is there") {
  base::Json config = default_oci_config();
  config["linux"]["namespaces"].push_back({{"type", "pid"}});
  CHECK(reason(config) == "config.json linux.namespaces[6].type: 'pid' stands twice");
  config["linux"]["namespaces"] = {{{"type", "pid"}}};
  CHECK(reason(config) == "config.json linux.namespaces: a mount namespace is needed");
  config["linux"]["namespaces"] = {{{"type", "mount"}}, {{"type", "planet"}}};
  CHECK(reason(config) == "config.json linux.namespaces[1].type: 'planet' is unknown");
  config["linux"]["namespaces"] = {{{"type", "mount"}}, {{"type", "network"}, {"path", "run/x"}}};
  CHECK(reason(config) == "config.json linux.namespaces[1].path: expected an absolute path");
}

TEST_CASE("names and clocks need a namespace of their own") {
  base::Json config = default_oci_config();
  config["linux"]["timeOffsets"] = {{"monotonic", {{"secs", 5}}}};
  CHECK(reason(config) == "config.json linux.timeOffsets: needs a time namespace of its own");
  config["linux"]["namespaces"].push_back({{"type", "time"}});
  CHECK(parse_oci_config(config, "/b", "c").spec.time_offsets.at("monotonic") == "5 0");
  config = default_oci_config();
  config["linux"]["namespaces"] = {{{"type", "mount"}}};
  CHECK(reason(config) == "config.json hostname: needs a uts namespace of its own");
  config.erase("hostname");
  config["domainname"] = "x";
  CHECK(reason(config) == "config.json domainname: needs a uts namespace of its own");
}

TEST_CASE("a scheduler is what the specification knows") {
  base::Json config = default_oci_config();
  config["process"]["scheduler"] = {{"policy", "SCHED_BATCH"}, {"nice", 5}};
  config["process"]["ioPriority"] = {{"class", "IOPRIO_CLASS_BE"}, {"priority", 4}};
  Process process = parse_oci_config(config, "/b", "c").spec.process;
  CHECK(process.scheduler->nice == 5);
  CHECK(process.io_priority == (2 << 13 | 4));
  config["process"]["scheduler"]["policy"] = "SCHED_MAGIC";
  CHECK(reason(config) == "config.json process.scheduler.policy: 'SCHED_MAGIC' is unknown");
  config = default_oci_config();
  config["process"]["execCPUAffinity"] = {{"initial", "0-x"}};
  CHECK(reason(config).find("process.execCPUAffinity.initial") != std::string::npos);
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
