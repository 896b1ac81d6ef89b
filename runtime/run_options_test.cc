#include "runtime/run_options.h"

#include <doctest/doctest.h>

#include "base/error.h"

namespace runtime {

TEST_CASE("a published port is host, container and protocol") {
  PublishedPort port = parse_port("8080:80");
  CHECK(port.host_port == 8080);
  CHECK(port.container_port == 80);
  CHECK(port.protocol == Protocol::kTcp);
  CHECK(parse_port("53:5353/udp").protocol == Protocol::kUdp);
}

TEST_CASE("a published port out of range, or not one, is refused") {
  for (const char* text :
       {"", "80", ":80", "80:", "0:80", "65536:80", "80:80/sctp", "a:b", "-1:80", "80:80:80", "+8:8"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_port(text), base::UsageError);
  }
}

TEST_CASE("a volume has two absolute paths and may be read-only") {
  Volume volume = parse_volume("/srv/data:/data:ro");
  CHECK(volume.source == "/srv/data");
  CHECK(volume.destination == "/data");
  CHECK(volume.read_only);
  CHECK_FALSE(parse_volume("/a:/b").read_only);
  CHECK(parse_volume("pages:/www").name == "pages");
  CHECK(parse_volume("pages:/www").fill);
  CHECK(parse_volume("pages:/www").source.empty());
  CHECK_FALSE(parse_volume("/a:/b").fill);
  CHECK(parse_volume("/a").destination == "/a");
  CHECK(parse_volume("/a").anonymous);
  CHECK(parse_volume("/a").fill);
  for (const char* text : {"", "/", "a", ".a:/b", "a/b:/c", "../a:/b", "a b:/c", "a:", "/a:b", "/a:/b:rx", "/a:/b:ro:x",
                           "/a:/", "/a://"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_volume(text), base::UsageError);
  }
}

TEST_CASE("limits have units and a least value") {
  CHECK(parse_memory("64m") == 64ull * 1024 * 1024);
  CHECK_THROWS_AS(parse_memory("1k"), base::UsageError);
  CHECK_THROWS_AS(parse_memory("much"), base::UsageError);
  CHECK(parse_cpu_quota("1.5") == 150000);
  CHECK(parse_cpu_quota("0.25") == 25000);
  CHECK(parse_cpu_quota("2") == 200000);
  for (const char* text : {"0", "0.001", "-1", "x", "1.", "1025", "1.2.3"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_cpu_quota(text), base::UsageError);
  }
}

TEST_CASE("the user's environment wins over the image's, one entry a name") {
  std::vector<std::string> merged = merge_environment({"PATH=/bin", "A=1", "broken"}, {"A=2", "B=3"});
  CHECK(merged == std::vector<std::string>{"PATH=/bin", "A=2", "B=3"});
}

TEST_CASE("the user's words replace the image's command but not its entrypoint") {
  CHECK(command_line({"/entry"}, {"a"}, std::nullopt, {}) == std::vector<std::string>{"/entry", "a"});
  CHECK(command_line({"/entry"}, {"a"}, std::nullopt, {"b"}) == std::vector<std::string>{"/entry", "b"});
  CHECK(command_line({"/entry"}, {"a"}, "/other", {}) == std::vector<std::string>{"/other"});
  CHECK(command_line({"/entry"}, {"a"}, "", {"x"}) == std::vector<std::string>{"x"});
}

}  // namespace runtime
