#include "runtime/seccomp_file.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "runtime/seccomp_filter.h"

namespace runtime {
namespace {

SeccompPlace a_place() {
  return {.bounding = capability_by_name("CHOWN").value(),
          .architecture = "SCMP_ARCH_X86_64",
          .short_architecture = "amd64",
          .kernel = 6,
          .minor = 12};
}

// The names of the groups that are left.
std::string left(const std::string& groups) {
  base::Json file = base::parse_json(R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [)" + groups + "]}", "test");
  base::Json decided = seccomp_of_file(file, a_place());
  std::string names;
  for (const base::Json& group : decided["syscalls"]) {
    names += group["names"][0].get<std::string>();
    CHECK_FALSE(group.contains("includes"));
    CHECK_FALSE(group.contains("excludes"));
  }
  return names;
}

std::string group(const std::string& name, const std::string& conditions) {
  return R"({"names": [")" + name + R"("], "action": "SCMP_ACT_ALLOW", )" + conditions + "}";
}

}  // namespace

TEST_CASE("a group applies when all that it includes is there") {
  CHECK(left(group("a", R"("includes": {"caps": ["CAP_CHOWN"]})")) == "a");
  CHECK(left(group("a", R"("includes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]})")).empty());
  CHECK(left(group("a", R"("includes": {"arches": ["arm64", "amd64"]})")) == "a");
  CHECK(left(group("a", R"("includes": {"arches": ["arm64"]})")).empty());
  CHECK(left(group("a", R"("includes": {"minKernel": "6.12"})")) == "a");
  CHECK(left(group("a", R"("includes": {"minKernel": "6.13"})")).empty());
  CHECK(left(group("a", R"("includes": {"minKernel": "4.99"})")) == "a");
}

TEST_CASE("and when nothing is there that it excludes") {
  CHECK(left(group("a", R"("excludes": {"caps": ["CAP_CHOWN"]})")).empty());
  CHECK(left(group("a", R"("excludes": {"caps": ["CAP_SYS_ADMIN"]})")) == "a");
  CHECK(left(group("a", R"("excludes": {"arches": ["amd64"]})")).empty());
  CHECK(left(group("a", R"("excludes": {"minKernel": "4.8"})")).empty());
  CHECK(left(group("a", R"("excludes": {}, "comment": "", "args": null)")) == "a");
}

TEST_CASE("the architectures are those of this machine") {
  base::Json file = base::parse_json(
      R"({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EPERM", "defaultErrnoRet": 1,
          "archMap": [{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
                      {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]})",
      "test");
  base::Json result = seccomp_of_file(file, a_place());
  CHECK(base::to_text(result["architectures"]) == R"(["SCMP_ARCH_X86_64","SCMP_ARCH_X86"])");
  CHECK_FALSE(result.contains("defaultErrno"));
  CHECK_NOTHROW(parse_seccomp(result));
}

TEST_CASE("a profile that says something unknown is refused by its name") {
  auto refused = [](const std::string& text, const char* what) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(parse_seccomp(seccomp_of_file(base::parse_json(text, "test"), a_place())),
                         doctest::Contains(what), base::Error);
  };
  refused("[]", "not an object");
  refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "listenerFile": "/x"})", "listenerFile");
  refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [1]})", "syscalls");
  refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "includes": {"os": ["x"]}}]})", "os");
  refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "includes": {"caps": ["CAP_FLY"]}}]})",
          "CAP_FLY");
  refused(R"({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["a"], "includes": {"minKernel": "x"}}]})",
          "minKernel");
}

}  // namespace runtime
