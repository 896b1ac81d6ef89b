#include "runtime/pod_store.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

namespace runtime {
namespace {

Pod make_pod(const std::string& id, const std::string& name) {
  Pod pod;
  pod.id = id;
  pod.name = name;
  return pod;
}

struct Fixture {
  base::TempDir directory;
  StateStore containers{directory.path() + "/state"};
  PodStore pods{containers};
  std::string place = directory.path() + "/state/.pods";
};

}  // namespace

TEST_CASE("a pod is what its file says") {
  Pod pod = make_pod("a1", "web");
  pod.created = "2026-01-01T00:00:00Z";
  pod.host_name = "front";
  pod.share_uts = false;
  pod.ports = {{.protocol = Protocol::kUdp, .host_port = 53, .container_port = 5353}};
  pod.sysctls = {{"net.core.somaxconn", "1024"}};
  pod.labels = {{"tier", "one"}};
  pod.shm_size = 4096;
  pod.address = "172.31.128.2";
  pod.published = true;
  base::Json json = to_json(pod);
  CHECK(to_json(pod_from_json(json, "pod")) == json);
  CHECK(pod_from_json(json, "pod").ports.at(0).container_port == 5353);
  CHECK_FALSE(pod_from_json(json, "pod").share_uts);
  json.erase("share");
  CHECK_THROWS_AS(pod_from_json(json, "pod"), base::Error);
}

TEST_CASE("a pod is found by name, id and the beginning of one id only") {
  Fixture f;
  f.pods.create(make_pod("aa01", "web"));
  f.pods.create(make_pod("aa02", "db"));
  CHECK(f.pods.find("db").id == "aa02");
  CHECK(f.pods.find("aa01").name == "web");
  CHECK(f.pods.find("aa02").name == "db");
  CHECK_THROWS_AS(f.pods.find("aa"), base::Error);
  CHECK_THROWS_AS(f.pods.find("none"), base::Error);
  CHECK_THROWS_AS(f.pods.create(make_pod("aa03", "web")), base::Error);
  CHECK_THROWS_AS(f.pods.create(make_pod("aa03", "aa01")), base::Error);
  CHECK_THROWS_AS(f.pods.create(make_pod("aa01", "other")), base::Error);
}

TEST_CASE("one at a time has a pod's lock, and it goes with the pod") {
  Fixture f;
  f.pods.create(make_pod("aa01", "web"));
  std::optional<PodLock> lock = f.pods.lock("aa01");
  REQUIRE(lock.has_value());
  CHECK_FALSE(f.pods.try_lock("aa01").has_value());
  lock->give_up();
  CHECK(f.pods.try_lock("aa01").has_value());
  f.pods.remove("aa01");
  CHECK_FALSE(f.pods.lock("aa01").has_value());
  CHECK_FALSE(base::exists(f.place));
}

TEST_CASE("what a crash left of a pod is no pod, and goes") {
  Fixture f;
  f.pods.create(make_pod("aa01", "web"));
  base::make_directories(f.place + "/aa02");
  base::write_file_atomic(f.place + "/aa02/lock", "");
  CHECK(f.pods.list().size() == 1);
  CHECK_FALSE(f.pods.lock("aa02").has_value());
  f.pods.remove_unfinished();
  CHECK_FALSE(base::exists(f.place + "/aa02"));
  CHECK(f.pods.find("web").id == "aa01");
}

}  // namespace runtime
