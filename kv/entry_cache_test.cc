#include "kv/entry_cache.h"

#include <doctest/doctest.h>

namespace {

using kv::EntryCache;
using kv::RaftEntry;

std::vector<RaftEntry> entries(std::uint64_t first, std::uint64_t last, std::uint64_t term) {
  std::vector<RaftEntry> made;
  for (std::uint64_t index = first; index <= last; ++index) {
    made.push_back({index, term, kv::EntryKind::kCommand, std::make_shared<const std::string>(std::to_string(index))});
  }
  return made;
}

TEST_CASE("entry cache: what is forgotten is gone at once, and out of memory bit by bit") {
  EntryCache cache;
  cache.append(entries(1, 1000, 1));
  const std::size_t all = cache.bytes();
  cache.forget_before(901);
  CHECK(cache.first_index() == 901);
  CHECK(cache.last_index() == 1000);
  CHECK(cache.term_at(900) == 1);  // the one right before is known still
  CHECK(cache.term_at(899) == 0);
  CHECK(cache.at(901).bytes() == "901");
  CHECK(cache.all().size() == 100);
  CHECK(cache.all().front().index == 901);
  CHECK(cache.bytes() == all);
  std::size_t before = cache.bytes();
  for (cache.clear_some(); cache.bytes() < before; cache.clear_some()) before = cache.bytes();
  CHECK(before < all / 5);
  CHECK(cache.at(901).bytes() == "901");
  CHECK(cache.at(1000).bytes() == "1000");
}

TEST_CASE("entry cache: others take the place of entries, also right behind what is forgotten") {
  EntryCache cache;
  cache.append(entries(1, 10, 1));
  cache.forget_before(6);
  cache.append(entries(6, 7, 2));
  CHECK(cache.last_index() == 7);
  CHECK(cache.term_at(5) == 1);
  CHECK(cache.term_at(6) == 2);
  CHECK(cache.term_at(8) == 0);
  cache.forget_before(8);  // all of them
  CHECK(cache.last_index() == 7);
  CHECK(cache.all().empty());
  CHECK(cache.term_at(7) == 2);
  cache.clear_some();
  CHECK(cache.bytes() == 0);
  cache.append(entries(8, 8, 2));
  CHECK(cache.at(8).bytes() == "8");
  cache.restart(21, 5);
  CHECK(cache.last_index() == 20);
  CHECK(cache.term_at(20) == 5);
  CHECK(cache.bytes() == 0);
}

}  // namespace
