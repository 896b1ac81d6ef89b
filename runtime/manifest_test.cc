#include "runtime/manifest.h"

#include <doctest/doctest.h>

#include <format>
#include <string>

#include "base/error.h"

namespace runtime {
namespace {

constexpr std::string_view kOci = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

std::string descriptor(const std::string& digest, const std::string& size = "10",
                       const std::string& type = "application/vnd.oci.image.layer.v1.tar+gzip") {
  return std::format(R"({{"mediaType":"{}","digest":"{}","size":{}}})", type, digest, size);
}

std::string manifest(const std::string& layers, const std::string& more = "") {
  return std::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]{}}})",
                     descriptor(kA, "100", "application/vnd.oci.image.config.v1+json"), layers, more);
}

std::string index_entry(const std::string& digest, const std::string& architecture) {
  return std::format(R"({{"mediaType":"{}","digest":"{}","size":5,"platform":{{"os":"linux","architecture":"{}"}}}})",
                     kOci, digest, architecture);
}

std::string config(const std::string& diff_ids, const std::string& inner = "{}",
                   const std::string& architecture = "amd64") {
  return std::format(R"({{"os":"linux","architecture":"{}","config":{},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
                     architecture, inner, diff_ids);
}

}  // namespace

TEST_CASE("a manifest names its configuration and layers") {
  const Manifest parsed = parse_manifest(manifest(descriptor(kB) + "," + descriptor(kA, "0")), "x");
  CHECK(parsed.config.digest == kA);
  CHECK(parsed.config.size == 100);
  REQUIRE(parsed.layers.size() == 2);
  CHECK(parsed.layers[0].digest == kB);
  CHECK(parsed.layers[1].size == 0);
}

TEST_CASE("a document must be what its media type says") {
  const std::string plain = manifest(descriptor(kB));
  const std::string index = R"({"schemaVersion":2,"manifests":[]})";
  CHECK_FALSE(is_index(plain, kOci, "x"));
  CHECK_FALSE(is_index(plain, "application/json; charset=utf-8", "x"));
  CHECK(is_index(index, kOciIndexType, "x"));
  CHECK_THROWS_AS(is_index(plain, kOciIndexType, "x"), base::Error);
  CHECK_THROWS_AS(is_index(index, kOci, "x"), base::Error);
  CHECK_THROWS_AS(is_index(manifest(descriptor(kB), R"(,"manifests":[])"), kOci, "x"), base::Error);
  CHECK_THROWS_AS(is_index(manifest("", std::format(R"(,"mediaType":"{}")", kOciIndexType)), kOci, "x"), base::Error);
  CHECK_THROWS_AS(is_index(manifest("", R"(,"mediaType":"text/plain")"), kOci, "x"), base::Error);
  CHECK_THROWS_AS(is_index(manifest("", std::format(R"(,"mediaType":"{}")", kOci)),
                           "application/vnd.docker.distribution.manifest.v2+json", "x"),
                  base::Error);
}

TEST_CASE("malformed manifests are refused") {
  const std::string many = [] {
    std::string list = descriptor(kB);
    for (std::size_t i = 0; i < kMaxLayers; ++i) list += "," + descriptor(kB);
    return list;
  }();
  for (const std::string& text : {
           std::string(),
           std::string("[]"),
           std::string("null"),
           std::string("{"),
           std::string(R"({"schemaVersion":2})"),
           std::string(R"({"schemaVersion":1,"fsLayers":[]})"),
           std::string(R"({"schemaVersion":2,"config":5,"layers":[]})"),
           std::string(R"({"schemaVersion":2,"config":null,"layers":[]})"),
           std::format(R"({{"schemaVersion":2,"config":{},"layers":{{}}}})", descriptor(kA)),
           manifest("5"),
           manifest(descriptor("sha256:../../../etc/passwd")),
           manifest(descriptor(kB, "-1")),
           manifest(descriptor(kB, "1.5")),
           manifest(descriptor(kB, "\"10\"")),
           manifest(descriptor(kB, "18446744073709551615")),
           manifest(descriptor(kB, "99999999999999999999999")),
           manifest(descriptor(kB, "10", "application/vnd.cncf.helm.chart.content")),
           manifest(descriptor(kB, "10", "application/vnd.oci.image.layer.v1.tar+gzip+encrypted")),
           manifest(many),
       }) {
    CAPTURE(text.substr(0, 200));
    CHECK_THROWS_AS(parse_manifest(text, "x"), base::Error);
  }
  CHECK_THROWS_AS(parse_manifest(std::string(kMaxManifestBytes + 1, ' '), "x"), base::Error);
  CHECK_THROWS_AS(parse_manifest(std::string(100000, '['), "x"), base::Error);
}

TEST_CASE("of an index the linux/amd64 image is taken") {
  const std::string text =
      std::format(R"({{"schemaVersion":2,"manifests":[{},{}]}})", index_entry(kA, "arm64"), index_entry(kB, "amd64"));
  CHECK(choose_platform(text, "x").digest == kB);
  const std::string without = std::format(R"({{"schemaVersion":2,"manifests":[{}]}})", index_entry(kA, "arm64"));
  CHECK_THROWS_WITH_AS(choose_platform(without, "x"),
                       "manifest x: there is no linux/amd64 image; there is: linux/arm64", base::Error);
  CHECK_THROWS_AS(choose_platform(R"({"schemaVersion":2,"manifests":[7]})", "x"), base::Error);
  CHECK_THROWS_AS(choose_platform(R"({"schemaVersion":2,"manifests":[{"platform":3}]})", "x"), base::Error);
}

TEST_CASE("a configuration says how the app starts") {
  const ImageConfig parsed = parse_image_config(
      config("\"" + kA + "\"", R"({"Entrypoint":["/bin/app"],"Cmd":null,"Env":["A=b"],"WorkingDir":"/srv","User":"7:8",
        "ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"Labels":{"k":"v"},"StopSignal":"SIGQUIT",
        "Healthcheck":{"Test":["CMD","/up"],"Retries":2}})"),
      1, "x");
  CHECK(parsed.entrypoint == std::vector<std::string>{"/bin/app"});
  CHECK(parsed.cmd.empty());
  CHECK(parsed.env == std::vector<std::string>{"A=b"});
  CHECK(parsed.working_dir == "/srv");
  CHECK(parsed.user == "7:8");
  CHECK(parsed.exposed_ports == std::vector<std::string>{"80/tcp"});
  CHECK(parsed.volumes == std::vector<std::string>{"/data"});
  CHECK(parsed.labels.at("k") == "v");
  CHECK(parsed.stop_signal == "SIGQUIT");
  CHECK(parsed.health.command == std::vector<std::string>{"/up"});
  CHECK(parsed.health.retries == 2);
  CHECK(parsed.diff_ids == std::vector<std::string>{kA});
}

TEST_CASE("malformed configurations are refused") {
  const std::string one = "\"" + kA + "\"";
  for (const std::string& text :
       {std::string("{}"), std::string("7"), config(one + "," + one), config("7"), config("\"sha256:xyz\""),
        config(one, "[]"), config(one, R"({"Env":"A=b"})"), config(one, R"({"Env":[1]})"),
        config(one, R"({"Cmd":{"a":1}})"), config(one, R"({"Labels":{"a":1}})"), config(one, R"({"User":0})"),
        config(one, "{}", "arm64"), std::string(R"({"os":"linux","architecture":"amd64","rootfs":[]})"),
        std::string(R"({"os":"windows","architecture":"amd64"})")}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_image_config(text, 1, "x"), base::Error);
  }
}

}  // namespace runtime
