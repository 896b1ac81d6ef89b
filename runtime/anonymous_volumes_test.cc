#include "runtime/anonymous_volumes.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {
namespace {

std::vector<std::string> places(const RunRequest& request) {
  std::vector<std::string> result;
  for (const Volume& volume : request.volumes) result.push_back(volume.destination);
  return result;
}

RunRequest named(RunRequest request, const std::vector<std::string>& declared) {
  base::SeededRandom random(1);
  name_anonymous_volumes(request, "image", declared, random);
  return request;
}

}  // namespace

TEST_CASE("a path is the same however it is written") {
  CHECK(plain_path("/a/b") == "/a/b");
  CHECK(plain_path("//a/./b/../c//") == "/a/c");
  CHECK(plain_path("/../a") == "/a");
  CHECK(plain_path("///") == "/");
}

TEST_CASE("an image's volumes come before the request's and have names of their own") {
  RunRequest request;
  request.volumes = {parse_volume("pages:/www"), parse_volume("/cache")};
  request = named(request, {"/data", "var/lib/"});
  CHECK(places(request) == std::vector<std::string>{"/data", "/var/lib", "/www", "/cache"});
  CHECK(request.volumes[0].anonymous);
  CHECK(request.volumes[0].fill);
  CHECK(is_valid_id(request.volumes[0].name));
  CHECK(request.volumes[0].name != request.volumes[1].name);
  CHECK(request.volumes[2].name == "pages");
  CHECK_FALSE(request.volumes[2].anonymous);
  CHECK(is_valid_id(request.volumes[3].name));
}

TEST_CASE("what the request mounts at an image's volume is there in its place") {
  RunRequest request;
  request.volumes = {parse_volume("pages:/data/"), parse_volume("/srv:/b")};
  request.temporary_mounts = {parse_tmpfs("/./c")};
  CHECK(places(named(request, {"/data", "//b", "/c", "/d", "/d/"})) == std::vector<std::string>{"/d", "/data/", "/b"});
}

TEST_CASE("an image cannot declare nonsense, or without a bound") {
  for (const std::string& text : {std::string(""), std::string("/"), std::string("/a/.."), std::string("/a\0b", 4),
                                  "/" + std::string(5000, 'a')}) {
    CAPTURE(text);
    CHECK_THROWS_WITH_AS(named({}, {text}), doctest::Contains("is no place for one"), base::Error);
  }
  CHECK_THROWS_WITH_AS(named({}, std::vector<std::string>(101, "/a")), doctest::Contains("more than 100 volumes"),
                       base::Error);
}

}  // namespace runtime
