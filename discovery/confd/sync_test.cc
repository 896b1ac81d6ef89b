// Keys of a store in memory become a file; the folder of confd is read as confd does.

#include "discovery/confd/sync.h"

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"
#include "kv/client/memory_client.h"

using namespace discovery::confd;

namespace {

struct Fixture {
  base::TempDir folder;
  base::ManualClock clock;
  kv::MemoryStore store{clock};
  std::unique_ptr<kv::Client> client = store.client();
  InstallOptions options{.run = [](const std::string&) { return std::string(); }};

  Fixture() {
    base::make_directory_at(folder.fd(), "conf.d");
    base::make_directory_at(folder.fd(), "templates");
  }
  void resource(const std::string& name, const std::string& keys, const std::string& more = "") {
    base::write_file_atomic(folder.path() + "/conf.d/" + name + ".toml",
                            "[template]\nsrc = \"" + name + ".tmpl\"\ndest = \"" + folder.path() + "/" + name +
                                "\"\nkeys = [" + keys + "]\n" + more);
  }
  void source(const std::string& name, const std::string& text) {
    base::write_file_atomic(folder.path() + "/templates/" + name + ".tmpl", text);
  }
};

}  // namespace

TEST_CASE("keys below the resource's keys, without the prefix") {
  Fixture f;
  f.client->put("/prod/app/a", "1");
  f.client->put("/prod/app/deep/b", "2");
  f.client->put("/prod/leaf", "3");
  f.client->put("/prod/other", "4");
  f.client->put("/production/x", "5");
  Resource resource;
  resource.prefix = "/prod";
  resource.keys = {"/app", "/leaf", "/missing"};
  Keys expected;
  expected.set("/app/a", "1");
  expected.set("/app/deep/b", "2");
  expected.set("/leaf", "3");
  CHECK(fetch_keys(*f.client, resource) == expected);
  resource.prefix = "/";
  resource.keys = {"/"};
  CHECK(fetch_keys(*f.client, resource).size() == 5);
}

TEST_CASE("a round writes the file, and the next one only when something changed") {
  Fixture f;
  f.resource("a", "\"/app\"");
  f.source("a", "name={{getv \"/app/name\"}}\n");
  const LoadedResources loaded = load_resources(f.folder.path(), "");
  REQUIRE(loaded.resources.size() == 1);
  CHECK(loaded.errors.empty());
  const auto round = [&] { return process(f.folder.path(), loaded.resources[0], *f.client, f.options); };
  CHECK_THROWS_WITH_AS(round(), doctest::Contains("a.tmpl:1: getv: key does not exist: /app/name"), base::Error);
  CHECK_FALSE(base::exists(f.folder.path() + "/a"));
  f.client->put("/app/name", "x");
  CHECK(round() == Outcome::kUpdated);
  CHECK(base::read_file(f.folder.path() + "/a") == "name=x\n");
  CHECK(round() == Outcome::kUnchanged);
  f.source("a", "NAME={{getv \"/app/name\"}}\n");
  CHECK(round() == Outcome::kUpdated);
  f.store.set_down(true);
  CHECK_THROWS_AS(round(), base::Error);
  CHECK(base::read_file(f.folder.path() + "/a") == "NAME=x\n");
}

TEST_CASE("a broken resource does not hide the others") {
  Fixture f;
  f.resource("a", "1");
  f.resource("b", "\"/b\"");
  f.source("b", "b");
  f.resource("c", "\"/c\"");
  f.source("c", "\n{{lookupIP \"x\"}}");
  f.resource("d", "\"/d\"");
  base::write_file_atomic(f.folder.path() + "/conf.d/readme.txt", "no resource");
  const LoadedResources loaded = load_resources(f.folder.path(), "/p");
  REQUIRE(loaded.resources.size() == 1);
  CHECK(loaded.resources[0].source == "b.tmpl");
  CHECK(loaded.resources[0].prefix == "/p");
  REQUIRE(loaded.errors.size() == 3);
  CHECK(loaded.errors[0].ends_with("conf.d/a.toml:4: an array may hold strings only"));
  CHECK(loaded.errors[1].ends_with("templates/c.tmpl:2: function 'lookupIP' is not supported"));
  CHECK(loaded.errors[2].contains("d.tmpl"));
  CHECK_THROWS_AS(load_resources(f.folder.path() + "/none", ""), base::Error);
}
