#include "runtime/secret_store.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

namespace runtime {

TEST_CASE("a secret has a file name, a mode and an owner") {
  SecretWord plain = parse_secret("db-password");
  CHECK(plain.target == "db-password");
  CHECK(plain.mode == 0444);
  SecretWord full = parse_secret("key,target=tls.key,mode=0400,uid=1000,gid=7");
  CHECK(full.name == "key");
  CHECK(full.target == "tls.key");
  CHECK(full.mode == 0400);
  CHECK(full.uid == 1000);
  CHECK(full.gid == 7);
  for (const char* text : {"", "../x", "a,", "a,target=", "a,target=/etc/x", "a,target=..", "a,target=b/c", "a,mode=9",
                           "a,mode=7777", "a,mode=", "a,uid=x", "a,uid=65536", "a,gid=-1", "a,type=env", "a,mode"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_secret(text), base::UsageError);
  }
}

TEST_CASE("a secret is root's alone, and what a crash left of one goes") {
  base::TempDir directory;
  SecretStore store(directory.path());
  base::Fd held = store.lock();
  store.create("key", "s3cret");
  CHECK(base::read_file(store.path_of("key")) == "s3cret");
  struct stat status = {};
  CHECK(stat(store.path_of("key").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(stat((directory.path() + "/secrets").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK_THROWS_AS(store.create("key", "other"), base::Error);
  CHECK_THROWS_AS(store.create("none", ""), base::Error);
  CHECK_THROWS_AS(store.create("large", std::string(kMaxSecret + 1, 'x')), base::Error);
  CHECK_THROWS_AS(store.path_of("../key"), base::Error);
  base::write_file_atomic(directory.path() + "/secrets/.half.tmp", "s3cr");
  held.reset();
  held = store.lock();
  CHECK_FALSE(base::exists(directory.path() + "/secrets/.half.tmp"));
  CHECK(store.list().size() == 1);
  store.remove("key");
  CHECK_THROWS_AS(store.remove("key"), base::Error);
}

}  // namespace runtime
