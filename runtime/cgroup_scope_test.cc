#include "runtime/cgroup_scope.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "base/fake_systemd.h"
#include "runtime/scope_properties.h"

namespace runtime {
namespace {

using base::UnitProperty;

std::string reason(std::string_view path) {
  try {
    parse_scope_path(path, "c");
  } catch (const base::Error& error) {
    return error.what();
  }
  return "";
}

std::vector<UnitProperty> annotated(const char* name, const base::Json& value) {
  return annotation_properties({{std::string("org.systemd.property.") + name, value}, {"other", "x"}});
}

}  // namespace

TEST_CASE("systemd's form of cgroupsPath") {
  ScopePlan plan = parse_scope_path("machine-pods.slice:libpod:4f3a", "c");
  CHECK(plan.unit == "libpod-4f3a.scope");
  CHECK(plan.slice == "machine-pods.slice");
  CHECK(scope_directory(plan) == "/machine.slice/machine-pods.slice/libpod-4f3a.scope");
  CHECK(parse_scope_path("::x", "c").unit == "x.scope");
  CHECK(scope_directory(parse_scope_path("::x", "c")) == "/system.slice/x.scope");
  CHECK(scope_directory(parse_scope_path("-.slice::x", "c")) == "/x.scope");
  CHECK(parse_scope_path("", "c").unit == "oci-c.scope");
  for (const char* path :
       {"/a/b", "a:b", "a:b:c", "a.slice:b:", ".slice:b:c", "a.slice:b/../c:d", "a.slice:b:c d", "a.slice:b:c:d"}) {
    CAPTURE(path);
    CHECK(reason(path).find("linux.cgroupsPath") != std::string::npos);
  }
}

TEST_CASE("the scope of a cgroup is found in its path") {
  CHECK(scope_of(Cgroup("/sys/fs/cgroup/machine.slice/x.scope/container")) == "x.scope");
  CHECK(scope_of(Cgroup("/sys/fs/cgroup/clusteros/x")).empty());
  CHECK(scope_of(Cgroup("/sys/fs/cgroup/x/container")).empty());
}

TEST_CASE("limits become properties, quotas in whole percents upwards") {
  Resources resources{.memory_max = 1000, .memory_swap_max = kUnlimited, .cpu_quota = 33333, .cpu_period = 100000};
  resources.cpu_weight = 59;
  resources.pids_max = 5;
  resources.cpuset_cpus = "0-3,9";
  std::vector<UnitProperty> list = limit_properties(resources);
  auto value = [&](const char* name) {
    for (const UnitProperty& property : list) {
      if (property.name == name) return property.value;
    }
    return UnitProperty::Value(std::string("none"));
  };
  CHECK((value("MemoryMax") == UnitProperty::Value(std::uint64_t{1000})));
  CHECK((value("MemorySwapMax") == UnitProperty::Value(UINT64_MAX)));
  CHECK((value("TasksMax") == UnitProperty::Value(std::uint64_t{5})));
  CHECK((value("CPUWeight") == UnitProperty::Value(std::uint64_t{59})));
  CHECK((value("CPUQuotaPeriodUSec") == UnitProperty::Value(std::uint64_t{100000})));
  CHECK((value("CPUQuotaPerSecUSec") == UnitProperty::Value(std::uint64_t{340000})));
  CHECK((value("AllowedCPUs") == UnitProperty::Value(UnitProperty::Bytes{0x0f, 0x02})));
  CHECK((value("DevicePolicy") == UnitProperty::Value(std::string("none"))));
  CHECK(limit_properties({}).empty());
  CHECK(bit_mask_of("0") == UnitProperty::Bytes{1});
  for (const char* wrong : {"", "3-1", "8192", "x", "1-", "0,,1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(bit_mask_of(wrong), base::Error);
  }
}

TEST_CASE("device rules that are a list of what is allowed are systemd's, too") {
  Resources resources;
  resources.devices = {{.allow = false},
                       {.allow = true, .type = 'b', .number = {.major = 8, .minor = 0}, .make = false},
                       {.allow = true, .type = 'c', .number = {.major = 116, .minor = {}}}};
  std::vector<UnitProperty> list = limit_properties(resources);
  REQUIRE(list.size() == 2);
  CHECK(list[0] == UnitProperty{"DevicePolicy", std::string("strict")});
  auto pairs = std::get<UnitProperty::TextPairs>(list[1].value);
  CHECK(pairs[0] == std::pair<std::string, std::string>{"/dev/block/8:0", "rw"});
  CHECK(pairs[1] == std::pair<std::string, std::string>{"char-116", "rwm"});
  CHECK(pairs[2] == std::pair<std::string, std::string>{"char-*", "m"});
  resources.devices.push_back({.allow = false, .type = 'c', .number = {.major = 116, .minor = 1}});
  CHECK(limit_properties(resources).empty());
}

TEST_CASE("annotations for systemd") {
  CHECK(annotated("CollectMode", "'inactive'") == std::vector<UnitProperty>{{"CollectMode", std::string("inactive")}});
  CHECK(annotated("DefaultDependencies", "true") == std::vector<UnitProperty>{{"DefaultDependencies", true}});
  CHECK(annotated("TimeoutStopSec", "uint64 5") ==
        std::vector<UnitProperty>{{"TimeoutStopUSec", std::uint64_t{5000000}}});
  CHECK(annotated("TimeoutStopUSec", "uint64 7") == std::vector<UnitProperty>{{"TimeoutStopUSec", std::uint64_t{7}}});
  CHECK(annotated("X", "5") == std::vector<UnitProperty>{{"X", std::int32_t{5}}});
  for (const char* wrong : {"", "yes", "'a", "uint32 4294967296", "['a']", "5 6"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(annotated("X", wrong), base::Error);
  }
  CHECK_THROWS_AS(annotated("A.B", "true"), base::Error);
  CHECK_THROWS_AS(annotated("X", 5), base::Error);
}

TEST_CASE("a scope's limits are changed, and its end does not mind that it is gone") {
  base::FakeSystemd systemd;
  update_scope(systemd, "x.scope", {.memory_max = 5});
  CHECK(systemd.properties["x.scope"] == std::vector<UnitProperty>{{"MemoryMax", std::uint64_t{5}}});
  update_scope(systemd, "y.scope", {});
  CHECK_FALSE(systemd.properties.contains("y.scope"));
  end_scope(systemd, "x.scope");
  CHECK(systemd.calls.back() == "reset-failed x.scope");
  for (const std::string& call : systemd.calls) CHECK_FALSE(call.starts_with("stop"));
}

}  // namespace runtime
