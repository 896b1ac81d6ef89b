// The checker on histories that are known to be good or bad.

#include "linearizability.h"

#include <doctest/doctest.h>

namespace {

using sim::Call;
using Kind = sim::Call::Kind;

Call write(const char* value, std::int64_t from, std::int64_t to) {
  Call call{.kind = Kind::kWrite, .key = "k", .value = value, .called = from, .returned = to};
  call.answered = call.succeeded = true;
  return call;
}
Call lost(Call call) {
  call.answered = false;
  return call;
}
Call read(const char* value, std::int64_t from, std::int64_t to) {
  Call call{.kind = Kind::kRead, .key = "k", .called = from, .returned = to};
  call.answered = true;
  if (value != nullptr) call.seen = value;
  return call;
}
Call swap(const char* expected, const char* value, bool done, std::int64_t from, std::int64_t to) {
  Call call{
      .kind = Kind::kCompareAndSwap, .key = "k", .value = value, .expected = expected, .called = from, .returned = to};
  call.answered = true;
  call.succeeded = done;
  return call;
}
Call remove(bool done, std::int64_t from, std::int64_t to) {
  Call call{.kind = Kind::kDelete, .key = "k", .called = from, .returned = to};
  call.answered = true;
  call.succeeded = done;
  return call;
}
bool good(const std::vector<Call>& history) {
  return sim::check_history(history).violation.empty();
}

}  // namespace

TEST_CASE("linearizability: one after the other") {
  CHECK(good({read(nullptr, 1, 2), write("a", 3, 4), read("a", 5, 6)}));
  CHECK_FALSE(good({write("a", 1, 2), read(nullptr, 3, 4)}));
  CHECK_FALSE(good({write("a", 1, 2), write("b", 3, 4), read("a", 5, 6)}));
}

TEST_CASE("linearizability: at the same time, either order is right, but one of them") {
  CHECK(good({write("a", 1, 10), write("b", 2, 9), read("a", 11, 12)}));
  CHECK(good({write("a", 1, 10), write("b", 2, 9), read("b", 11, 12)}));
  CHECK_FALSE(good({write("a", 1, 10), write("b", 2, 9), read("a", 11, 12), read("b", 13, 14)}));
  CHECK(good({write("a", 1, 10), read(nullptr, 2, 3), read("a", 4, 5)}));
  CHECK_FALSE(good({write("a", 1, 10), read("a", 2, 3), read(nullptr, 4, 5)}));
}

TEST_CASE("linearizability: a call without an answer may have happened late, or never") {
  CHECK(good({lost(write("a", 1, 0)), read(nullptr, 5, 6), read("a", 7, 8)}));
  CHECK(good({lost(write("a", 1, 0)), read(nullptr, 5, 6), read(nullptr, 7, 8)}));
  CHECK_FALSE(good({lost(write("a", 1, 0)), read("a", 5, 6), read(nullptr, 7, 8)}));
  CHECK_FALSE(good({read("a", 1, 2), lost(write("a", 3, 0))}));
}

TEST_CASE("linearizability: conditions and removals") {
  CHECK(good({write("a", 1, 2), swap("a", "b", true, 3, 4), read("b", 5, 6)}));
  CHECK_FALSE(good({write("a", 1, 2), swap("a", "b", true, 3, 9), swap("a", "c", true, 4, 8)}));
  CHECK(good({write("a", 1, 2), swap("a", "b", true, 3, 9), swap("a", "c", false, 4, 8)}));
  CHECK_FALSE(good({write("a", 1, 2), swap("x", "b", true, 3, 4)}));
  CHECK(good({write("a", 1, 2), remove(true, 3, 4), remove(false, 5, 6), read(nullptr, 7, 8)}));
  CHECK_FALSE(good({write("a", 1, 2), remove(true, 3, 4), remove(true, 5, 6)}));
}

TEST_CASE("linearizability: the violation names the key and the calls") {
  Call other = write("z", 1, 2);
  other.key = "other";
  const std::string violation = sim::check_history({other, write("a", 1, 2), read("b", 3, 4)}).violation;
  CHECK(violation.find("the calls on k have no order") != std::string::npos);
  CHECK(violation.find("read") != std::string::npos);
  CHECK(violation.find('z') == std::string::npos);
}
