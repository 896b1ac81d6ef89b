#include "base/sqlite.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "base/error.h"
#include "base/temp_dir.h"

namespace base {
namespace {

TEST_CASE("rows come back as they went in, over a reopening") {
  const TempDir directory;
  const std::string path = directory.path() + "/test.db";
  {
    Database database(path, true);
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB)");
    Statement insert(database, "INSERT INTO t VALUES (?, ?, ?)");
    insert.bind(1, INT64_MAX).bind(2, "ü").bind_blob(3, std::string_view("\0x", 2)).run();
    insert.bind(1, 2).bind(2, "").bind_null(3).run();
  }
  Database database(path, true);
  Statement select(database, "SELECT id, name, data FROM t ORDER BY id DESC");
  REQUIRE(select.step());
  CHECK(select.integer(0) == INT64_MAX);
  CHECK(select.text(1) == "ü");
  CHECK(select.text(2) == std::string("\0x", 2));
  REQUIRE(select.step());
  CHECK(select.is_null(2));
  CHECK_FALSE(select.step());
}

TEST_CASE("a transaction that is not committed never was") {
  const TempDir directory;
  Database database(directory.path() + "/test.db", false);
  database.execute("CREATE TABLE t (id INTEGER)");
  {
    const Transaction transaction(database);
    database.execute("INSERT INTO t VALUES (1)");
  }
  Statement count(database, "SELECT count(*) FROM t");
  REQUIRE(count.step());
  CHECK(count.integer(0) == 0);
}

TEST_CASE("errors name the database") {
  const TempDir directory;
  Database database(directory.path() + "/test.db", false);
  CHECK_THROWS_WITH_AS(database.execute("nonsense"), doctest::Contains("test.db"), Error);
  CHECK_THROWS_AS(Database(directory.path() + "/none/x.db", false), Error);
}

TEST_CASE("a full database is told as a full disk") {
  const TempDir directory;
  Database database(directory.path() + "/test.db", false);
  database.execute("CREATE TABLE t (data BLOB)");
  database.execute("PRAGMA max_page_count = 2");
  Statement insert(database, "INSERT INTO t VALUES (zeroblob(100000))");
  try {
    insert.run();
    FAIL("more was written than there is room for");
  } catch (const Error& error) {
    CHECK(error.error_number() == ENOSPC);
  }
}

}  // namespace
}  // namespace base
