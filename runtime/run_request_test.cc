#include "runtime/run_request.h"

#include <doctest/doctest.h>
#include <sys/mount.h>

#include "base/error.h"
#include "runtime/joined_container.h"

namespace runtime {
namespace {

SavedRequest everything() {
  SavedRequest saved;
  RunRequest& request = saved.request;
  request.name = "web";
  request.remove_at_exit = true;
  request.network = "none";
  request.ports = {{.protocol = Protocol::kUdp, .host_port = 53, .container_port = 5353}};
  request.volumes = {{.source = "/srv", .destination = "/data", .read_only = true},
                     {.destination = "/www", .name = "pages", .fill = true},
                     {.destination = "/cache", .own = true},
                     {.destination = "/data", .name = "0123", .fill = true, .anonymous = true}};
  request.temporary_mounts = {parse_tmpfs("/run:size=64m,noexec")};
  request.environment = {"A=1"};
  request.hosts = {{.name = "db", .address = "10.0.0.1"}};
  request.user = "app";
  request.entrypoint = "";
  request.groups = {10};
  request.limits = {parse_ulimit("nofile=10:20")};
  request.added_capabilities = {"NET_ADMIN"};
  request.pid_mode = "container:0123";
  request.ipc_mode = "host";
  request.seccomp_profile = base::parse_json(R"({"defaultAction": "SCMP_ACT_ALLOW"})", "test");
  request.devices = {parse_device("/dev/fuse:/dev/other:r")};
  request.secrets = {parse_secret("key,mode=0400,uid=5")};
  request.sysctls = {{"net.core.somaxconn", "7"}};
  request.labels = {{"tier", "front"}};
  request.stop_timeout = 3;
  request.health.retries = 9;
  request.restart = parse_restart_policy("on-failure:4");
  request.resources.memory_max = 1 << 20;
  request.resources.cpuset_cpus = "0-1";
  request.resources.block_devices = {{.major = 8, .minor = 0, .weight = 100}};
  request.command = {"sh", "-c", "true"};
  saved.image.reference = "docker.io/library/nginx:latest";
  saved.image.digest = "sha256:00";
  saved.image.layer_directories = {"/a", "/b"};
  saved.image.config.env = {"PATH=/bin"};
  return saved;
}

}  // namespace

TEST_CASE("a request is read as it was written") {
  std::string text = to_text(everything());
  SavedRequest read = saved_request_from(text, "spec.json");
  CHECK(to_text(read) == text);
  CHECK(read.request.entrypoint == "");
  CHECK(read.request.ports.front().protocol == Protocol::kUdp);
  CHECK((read.request.temporary_mounts.front().attributes & MOUNT_ATTR_NOEXEC) != 0);
  CHECK(read.request.restart.retries == 4);
  CHECK(read.request.volumes.at(1).name == "pages");
  CHECK(read.request.volumes.at(1).source.empty());
  CHECK(read.request.volumes.at(2).own);
  CHECK(read.request.volumes.at(3).anonymous);
  CHECK(read.request.devices.front().destination == "/dev/other");
  CHECK_FALSE(read.request.devices.front().write);
  CHECK(read.request.secrets.front().mode == 0400);
  CHECK(read.request.sysctls.at("net.core.somaxconn") == "7");
  CHECK(read.request.health.retries == 9);
  CHECK(read.request.resources.block_devices.front().weight == 100);
  CHECK(read.image.layer_directories == std::vector<std::string>{"/a", "/b"});
}

TEST_CASE("a damaged request is an error that names the file") {
  for (const char* text : {"", "{}", "[]", R"({"request": {"limits": [["x"]]}, "image": {}})",
                           R"({"request": {"restart": "perhaps"}, "image": {}})"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(saved_request_from(text, "spec.json"), doctest::Contains("spec.json"), base::Error);
  }
}

TEST_CASE("the words about the process are checked") {
  for (const char* text : {"", "nofile", "nofile=", "nofile=2:1", "nofiles=1", "nofile=-2"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_ulimit(text), base::UsageError);
  }
  CHECK(parse_ulimit("core=-1").limit.rlim_max == RLIM_INFINITY);
  for (const char* text : {"", "run", "/", "//", "/run:size", "/run:suid", "/run:size="}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_tmpfs(text), base::UsageError);
  }
  for (const char* text : {"", "db", "db:", ":10.0.0.1", "db:example.com", "d b:10.0.0.1"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_host_entry(text), base::UsageError);
  }
  CHECK(parse_host_entry("db:::1").address == "::1");
}

TEST_CASE("a device has a place and accesses") {
  DeviceWord device = parse_device("/dev/fuse:rw");
  CHECK(device.destination == "/dev/fuse");
  CHECK(device.write);
  CHECK_FALSE(device.make);
  CHECK(parse_device("/dev/a:/dev/b").destination == "/dev/b");
  CHECK(needs_filter({parse_device("/dev/a:r")}));
  CHECK_FALSE(needs_filter({parse_device("/dev/a")}));
  for (const char* text : {"", "fuse", "/", "/dev/a:", "/dev/a:b", "/dev/a:rr", "/dev/a:/dev/b:", "/dev/a:/dev/b:x",
                           "/dev/a:/dev/b:rw:m", "/dev/a:/"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_device(text), base::UsageError);
  }
  for (const char* text : {"", "net.core.somaxconn", "=1", "net..x=1", "net.core.somaxconn=", "../x=1", "a=1\n2"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_sysctl(text), base::UsageError);
  }
}

TEST_CASE("the namespaces that are joined are of one container") {
  RunRequest request;
  CHECK(joined_container(request).empty());
  request.network = parse_namespace_mode("--network", "container:web");
  request.pid_mode = parse_namespace_mode("--pid", "container:web");
  CHECK(joined_container(request) == "web");
  request.ipc_mode = "container:db";
  CHECK_THROWS_AS(joined_container(request), base::UsageError);
  for (const char* text : {"", "container", "container:", "container:../x", "hosts"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_namespace_mode("--pid", text), base::UsageError);
  }
}

TEST_CASE("a file of variables has comments, and errors with their line") {
  CHECK(parse_environment_file("# first\n\nA=1\r\nB=two words\n", "f") ==
        std::vector<std::string>{"A=1", "B=two words"});
  CHECK_THROWS_WITH_AS(parse_environment_file("A=1\nB C=2\n", "f"), doctest::Contains("f:2"), base::UsageError);
}

TEST_CASE("capabilities are added, then dropped") {
  Capabilities chown = capability_by_name("CHOWN").value();
  Capabilities kill = capability_by_name("kill").value();
  CHECK(adjust_capabilities(chown, {"KILL"}, {}) == (chown | kill));
  CHECK(adjust_capabilities(chown, {"kill"}, {"ALL"}) == kill);
  CHECK(adjust_capabilities(chown | kill, {}, {"CAP_KILL"}) == chown);
  CHECK((adjust_capabilities(0, {"all"}, {"CHOWN"}) & chown) == 0);
  CHECK_THROWS_AS(adjust_capabilities(0, {"FLY"}, {}), base::UsageError);
}

}  // namespace runtime
