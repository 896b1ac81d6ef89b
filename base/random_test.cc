#include "base/random.h"

#include <doctest/doctest.h>

#include <set>

#include "base/clock.h"

namespace base {
namespace {

TEST_CASE("a seed decides everything") {
  SeededRandom a(7);
  SeededRandom b(7);
  for (int i = 0; i < 100; ++i) CHECK(a.next() == b.next());
  CHECK(a.hex_string(16) == b.hex_string(16));
}

TEST_CASE("below stays below and reaches every value") {
  SeededRandom random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(system_random().hex_string(16).size() == 32);
}

TEST_CASE("a manual clock moves both its times") {
  ManualClock clock;
  const auto before = clock.now();
  const auto wall = clock.wall_now();
  clock.advance(std::chrono::seconds(5));
  CHECK(clock.now() - before == std::chrono::seconds(5));
  CHECK(clock.wall_now() - wall == std::chrono::seconds(5));
}

}  // namespace
}  // namespace base
