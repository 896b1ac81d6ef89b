#include "runtime/sysctl.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

std::string reason(const std::string& name, const Namespaces& namespaces, const std::string& host_name = "") {
  ContainerSpec spec;
  spec.namespaces = namespaces;
  spec.host_name = host_name;
  spec.sysctls[name] = "1";
  try {
    check_sysctls(spec);
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

const Namespaces kAll;
const Namespaces kNone = {.user = false, .pid = false, .network = false, .ipc = false, .uts = false, .cgroup = false};

}  // namespace

TEST_CASE("a parameter of a namespace of the container's own is allowed") {
  for (const char* name : {"net.ipv4.ip_forward", "net/ipv4/ip_forward", "kernel.msgmax", "kernel.shm_rmid_forced",
                           "fs.mqueue.msg_max", "kernel.domainname", "kernel.hostname"}) {
    CAPTURE(name);
    CHECK(reason(name, kAll).empty());
    CHECK(reason(name, kNone).find("namespace of its own") != std::string::npos);
  }
  Namespaces joined = kNone;
  joined.network_path = "/run/netns/x";
  CHECK(reason("net.ipv4.ip_forward", joined).empty());
}

TEST_CASE("a parameter of the machine is refused (CVE-2022-0811)") {
  for (const char* name :
       {"kernel.core_pattern", "kernel.modprobe", "kernel.shm_rmid_forced+kernel.core_pattern", "vm.overcommit_memory",
        "fs.protected_symlinks", "kernel.sem2", "user.max_user_namespaces", "netx", "net", "kernel.msgmax.x"}) {
    CAPTURE(name);
    CHECK(reason(name, kAll).find("belongs to the machine") != std::string::npos);
  }
  CHECK(reason("kernel.core_pattern", kAll) ==
        "set linux.sysctl.kernel.core_pattern: it belongs to the machine, not to a namespace");
}

TEST_CASE("a name cannot leave its directory") {
  for (const char* name : {"net/../kernel/core_pattern", "net..kernel", "net//ipv4", "", "/net", "net/", "net.ipv4."}) {
    CAPTURE(name);
    CHECK(sysctl_path(name).empty());
    CHECK(reason(name, kAll).find("not a name") != std::string::npos);
  }
  CHECK(sysctl_path("net.ipv4.conf.eth0/1.forwarding") == "net/ipv4/conf/eth0.1/forwarding");
  CHECK(sysctl_path("net/ipv4/conf/eth0.1/forwarding") == "net/ipv4/conf/eth0.1/forwarding");
}

TEST_CASE("the host's name is said once") {
  CHECK(reason("kernel.hostname", kAll, "1").empty());
  CHECK(reason("kernel.hostname", kAll, "other").find("own member says 'other'") != std::string::npos);
}

}  // namespace runtime
