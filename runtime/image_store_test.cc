#include "runtime/image_store.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <format>
#include <string>
#include <thread>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/sqlite.h"
#include "base/temp_dir.h"
#include "runtime/reference.h"

namespace runtime {
namespace {

class StoreFixture {
 public:
  // A layer with one file, published as the fetcher does.
  void add_layer(const std::string& diff_id) {
    store.prepare();
    base::make_directory_at(store.tmp(), "unpack-x");
    base::write_file_atomic_at(base::open_directory_at(store.tmp(), "unpack-x"), "file", diff_id);
    store.publish_layer(diff_id, "unpack-x", 1000);
  }

  Image add_image(const std::string& reference, const std::vector<std::string>& diff_ids) {
    std::string ids;
    std::string layers;
    for (const std::string& id : diff_ids) {
      if (!store.has_layer(id)) add_layer(id);
      ids += std::format("{}\"{}\"", ids.empty() ? "" : ",", id);
      layers += std::format(R"({}{{"digest":"{}","size":1}})", layers.empty() ? "" : ",", id);
    }
    const std::string config = std::format(
        R"({{"os":"linux","architecture":"amd64","config":{{"Cmd":["{}"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
        reference, ids);
    const std::string config_digest = "sha256:" + base::sha256_hex(config);
    const std::string manifest =
        std::format(R"({{"schemaVersion":2,"config":{{"digest":"{}","size":{}}},"layers":[{}]}})", config_digest,
                    config.size(), layers);
    Image image;
    image.reference = parse_reference(reference).text();
    image.digest = image.source_digest = "sha256:" + base::sha256_hex(manifest);
    image.fetched_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
    store.write_blob(config_digest, config);
    store.write_blob(image.digest, manifest);
    store.save(image);
    return image;
  }

  bool clean(const std::vector<ImageUse>& uses = {}) {
    return store.collect_garbage([&] { return uses; });
  }

  base::TempDir directory;
  ImageStore store{directory.path() + "/store"};
};

std::string id(char digit) {
  return "sha256:" + std::string(64, digit);
}

}  // namespace

TEST_CASE_FIXTURE(StoreFixture, "a store that was never used has no images and no files") {
  CHECK(store.list().empty());
  CHECK_FALSE(store.find("nginx"));
  CHECK_FALSE(store.remove("docker.io/library/nginx:latest"));
  CHECK(clean());
  CHECK_FALSE(base::exists(store.root()));
}

TEST_CASE_FIXTURE(StoreFixture, "an image is found by name, digest and the digest's first digits") {
  const Image image = add_image("example.com/app", {id('1'), id('2')});
  add_image("nginx", {id('1')});
  const auto found = store.find("example.com/app:latest");
  REQUIRE(found);
  CHECK(found->digest == image.digest);
  CHECK(found->size == 2000);
  CHECK(found->config.cmd == std::vector<std::string>{"example.com/app"});
  CHECK(found->fetched_at == image.fetched_at);
  REQUIRE(found->layer_directories.size() == 2);
  CHECK(base::read_file(found->layer_directories[1] + "/file") == id('2'));
  CHECK(store.find(image.digest)->reference == image.reference);
  CHECK(store.find(image.digest.substr(7, 12))->reference == image.reference);
  CHECK(store.find("nginx"));
  CHECK_FALSE(store.find("nginx:1.0"));
  CHECK_FALSE(store.find(id('9')));
  CHECK_FALSE(store.find(image.digest.substr(7, 5)));
  CHECK_THROWS_AS(store.find("../etc"), base::Error);
  CHECK(store.list().size() == 2);
}

TEST_CASE_FIXTURE(StoreFixture, "removing an image frees what nothing else needs") {
  const Image image = add_image("example.com/app", {id('1'), id('2')});
  add_image("nginx", {id('1')});
  CHECK(store.remove(image.reference));
  CHECK_FALSE(store.remove(image.reference));
  CHECK(clean());
  CHECK(store.has_layer(id('1')));
  CHECK_FALSE(store.has_layer(id('2')));
  CHECK_FALSE(base::exists(store.layer_directory(id('2'))));
  CHECK_FALSE(store.read_blob(image.digest));
  CHECK(store.find("nginx"));
}

TEST_CASE_FIXTURE(StoreFixture, "what a container uses stays") {
  const Image image = add_image("example.com/app", {id('1')});
  CHECK(store.remove(image.reference));
  CHECK(clean({{.container = "c1", .digest = image.digest}}));
  CHECK(store.has_layer(id('1')));
  CHECK(clean());
  CHECK_FALSE(store.has_layer(id('1')));
}

TEST_CASE_FIXTURE(StoreFixture, "nothing is removed while somebody holds the store") {
  const Image image = add_image("example.com/app", {id('1')});
  store.remove(image.reference);
  {
    const base::Fd lock = store.lock_shared();
    CHECK_FALSE(clean());
  }
  CHECK(store.has_layer(id('1')));
  CHECK(clean());
  CHECK_FALSE(store.has_layer(id('1')));
}

TEST_CASE_FIXTURE(StoreFixture, "a half-unpacked layer of a crash is gone at the next fetch") {
  add_image("example.com/app", {id('1')});
  base::make_directory_at(store.tmp(), "unpack-dead");
  ImageStore next(store.root());
  next.prepare();
  CHECK(base::list_directory(store.root() + "/tmp").empty());
  CHECK(next.find("example.com/app"));
}

TEST_CASE_FIXTURE(StoreFixture, "a directory without its row is no layer, and is replaced") {
  store.prepare();
  base::make_directories(store.layer_directory(id('1')) + "/half");
  CHECK_FALSE(store.has_layer(id('1')));
  add_layer(id('1'));
  CHECK(store.has_layer(id('1')));
  CHECK(base::list_directory(store.layer_directory(id('1'))) == std::vector<std::string>{"file"});
}

TEST_CASE_FIXTURE(StoreFixture, "a damaged blob is told, and does not hide the other images") {
  const Image image = add_image("example.com/app", {id('1')});
  add_image("nginx", {id('2')});
  base::write_file_atomic_at(base::open_directory(store.root() + "/blobs/sha256"), digest_hex(image.digest), "{}");
  CHECK_THROWS_AS(store.find("example.com/app"), base::Error);
  CHECK(store.list().size() == 1);
  CHECK(clean());
  CHECK(store.has_layer(id('1')));
  CHECK(store.remove(image.reference));
  CHECK(clean());
  CHECK_FALSE(store.has_layer(id('1')));
  CHECK(store.has_layer(id('2')));
}

TEST_CASE_FIXTURE(StoreFixture, "another process sees an image as soon as it is saved") {
  add_image("nginx", {id('1')});
  ImageStore reader(store.root());
  CHECK(reader.find("nginx"));
  add_image("example.com/app", {id('1')});
  CHECK(reader.list().size() == 2);
}

// docs/formats/runtime-images.md: a store must be readable by the next version.
TEST_CASE_FIXTURE(StoreFixture, "the store on disk is as it is documented") {
  const Image image = add_image("nginx", {id('1')});
  CHECK(base::list_directory(store.root() + "/layers") == std::vector<std::string>{std::string(64, '1')});
  CHECK(base::exists(store.root() + "/blobs/sha256/" + digest_hex(image.digest)));
  base::Database database(store.root() + "/images.db", false);
  base::Statement version(database, "PRAGMA user_version");
  REQUIRE(version.step());
  CHECK(version.integer(0) == 1);
  base::Statement row(database, "SELECT reference, digest, source_digest, fetched_at FROM images");
  REQUIRE(row.step());
  CHECK(row.text(0) == "docker.io/library/nginx:latest");
  CHECK(row.text(1) == image.digest);
  CHECK(row.text(2) == image.source_digest);
  CHECK(row.integer(3) == 1'700'000'000);
  base::Statement layer(database, "SELECT diff_id, size FROM layers");
  REQUIRE(layer.step());
  CHECK(layer.text(0) == id('1'));
  CHECK(layer.integer(1) == 1000);
}

TEST_CASE_FIXTURE(StoreFixture, "a store of a newer version is left alone") {
  add_image("nginx", {id('1')});
  base::Database(store.root() + "/images.db", false).execute("PRAGMA user_version = 2");
  ImageStore next(store.root());
  CHECK_THROWS_AS(next.list(), base::Error);
}

TEST_CASE_FIXTURE(StoreFixture, "nobody but the owner can walk to the layers") {
  store.prepare();
  struct stat status{};
  REQUIRE(stat(store.root().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
}

TEST_CASE("many threads that make the same store do not get into each other's way") {
  for (int round = 0; round < 20; ++round) {
    const base::TempDir directory;
    const std::string root = directory.path() + "/store";
    std::atomic<int> failures = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          try {
            ImageStore store(root);
            Image image;
            image.reference = "example.com/app:latest";
            image.digest = "sha256:0";
            store.save(image);
          } catch (const std::exception&) {
            ++failures;
          }
        });
      }
    }
    CHECK(failures == 0);
  }
}

}  // namespace runtime
