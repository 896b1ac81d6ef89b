#include "base/table.h"

#include <doctest/doctest.h>

namespace base {
namespace {

TEST_CASE("columns line up as Go's tabwriter does") {
  Table table(Table::Padding::kTabs);
  table.add_row({"UNIT", "MACHINE", "ACTIVE", "SUB"});
  table.add_row({"hello.service", "113f16a7.../172.17.8.103", "active", "running"});
  CHECK(table.text() ==
        "UNIT\t\tMACHINE\t\t\t\tACTIVE\tSUB\n"
        "hello.service\t113f16a7.../172.17.8.103\tactive\trunning\n");
}

TEST_CASE("a cell that fills its tab stop gets one more tab") {
  Table table(Table::Padding::kTabs);
  table.add_row({"12345678", "x"});
  table.add_row({"1", "y"});
  CHECK(table.text() == "12345678\tx\n1\t\ty\n");
}

TEST_CASE("our own tables have two spaces, counted in characters") {
  Table table;
  table.add_row({"a", "b"});
  table.add_row({"üü", "c"});
  CHECK(table.text() == "a   b\nüü  c\n");
}

}  // namespace
}  // namespace base
