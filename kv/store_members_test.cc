// The members in the state machine. The indices and refusals are those that etcd 3.4.23 showed.

#include <doctest/doctest.h>

#include "kv/members.h"
#include "kv/store.h"

namespace {

using kv::ErrorCode;
using kv::Member;
using kv::Store;

struct Cluster {
  Store store;
  std::uint64_t log_index = 0;

  // Members 1 to `count`, all started, as a new cluster of so many has them.
  explicit Cluster(std::uint64_t count) {
    for (std::uint64_t id = 1; id <= count; ++id) CHECK(!apply(kv::add_member_command(member(id), false, 0)));
    for (std::uint64_t id = 1; id <= count; ++id) start(id);
  }
  static Member member(std::uint64_t id) {
    return {.id = id, .peer_urls = {"http://10.0.0." + std::to_string(id) + ":2380"}};
  }
  // The error's code, or nothing.
  std::optional<ErrorCode> apply(const kv::Command& command) {
    kv::Applied applied = store.apply(command, ++log_index, 1);
    events = applied.events;
    const auto* error = std::get_if<kv::StoreError>(&applied.result);
    return error == nullptr ? std::nullopt : std::optional(error->code);
  }
  std::optional<ErrorCode> add(const Member& member) { return apply(kv::add_member_command(member, true, 0)); }
  std::optional<ErrorCode> update(const Member& member) { return apply(kv::update_member_command(member, 0)); }
  std::optional<ErrorCode> remove(std::uint64_t id) { return apply(kv::remove_member_command(id, true, 0)); }
  std::optional<ErrorCode> start(std::uint64_t id) {
    kv::Command command{.operation = kv::Operation::kPublishMember, .key = kv::member_key(id)};
    command.value = R"({"name":"m)" + std::to_string(id) + R"(","clientURLs":["http://10.0.0.1:2379"]})";
    return apply(command);
  }
  std::vector<std::uint64_t> ids() const {
    std::vector<std::uint64_t> ids;
    for (const Member& member : kv::members_of(store)) ids.push_back(member.id);
    return ids;
  }

  std::vector<kv::EventPtr> events;
};

TEST_CASE("store members: adding moves the index by one, updating by one, removing by two") {
  Cluster cluster(3);
  CHECK(cluster.store.revision() == 6);
  CHECK_FALSE(cluster.update(Cluster::member(2)));
  CHECK(cluster.store.revision() == 7);
  CHECK_FALSE(cluster.remove(3));
  CHECK(cluster.store.revision() == 9);
  CHECK(cluster.events.size() == 2);
  CHECK_FALSE(cluster.add(Cluster::member(4)));
  CHECK(cluster.store.revision() == 10);
  CHECK(cluster.ids() == std::vector<std::uint64_t>{1, 2, 4});
  CHECK(kv::is_removed_member(cluster.store, 3));
  CHECK(cluster.store.stats().create_success == 5);
  CHECK(cluster.store.stats().delete_success == 1);
  CHECK(cluster.store.stats().update_success == 1);
  CHECK(cluster.store.stats().sets_success == 3);
}

TEST_CASE("store members: what is refused changes nothing") {
  Cluster cluster(3);
  CHECK_FALSE(cluster.remove(3));
  const std::uint64_t revision = cluster.store.revision();
  const std::uint64_t changes = cluster.store.member_changes();
  Member twin = Cluster::member(9);
  twin.peer_urls.push_back("http://10.0.0.2:2380");
  CHECK(cluster.add(twin) == ErrorCode::kPeerUrlExists);
  CHECK(cluster.add(Cluster::member(1)) == ErrorCode::kMemberExists);
  CHECK(cluster.add(Cluster::member(3)) == ErrorCode::kMemberRemoved);
  twin.id = 1;
  CHECK(cluster.update(twin) == ErrorCode::kPeerUrlExists);
  CHECK(cluster.update(Cluster::member(3)) == ErrorCode::kMemberRemoved);
  CHECK(cluster.update(Cluster::member(7)) == ErrorCode::kMemberUnknown);
  CHECK(cluster.remove(3) == ErrorCode::kMemberRemoved);
  CHECK(cluster.remove(7) == ErrorCode::kMemberUnknown);
  CHECK(cluster.start(3) == ErrorCode::kMemberRemoved);
  CHECK(cluster.start(7) == ErrorCode::kMemberUnknown);
  CHECK(cluster.events.empty());
  CHECK(cluster.store.revision() == revision);
  CHECK(cluster.store.member_changes() == changes);
}

TEST_CASE("store members: the URL of a removed member is free again") {
  Cluster cluster(3);
  CHECK_FALSE(cluster.remove(3));
  Member heir{.id = 4, .peer_urls = Cluster::member(3).peer_urls};
  CHECK_FALSE(cluster.add(heir));
}

TEST_CASE("store members: strict changes keep a quorum of started members") {
  Cluster one(1);
  CHECK_FALSE(one.add(Cluster::member(2)));
  CHECK(one.add(Cluster::member(3)) == ErrorCode::kTooFewStarted);
  CHECK(one.remove(1) == ErrorCode::kTooFewStarted);
  CHECK_FALSE(one.apply(kv::add_member_command(Cluster::member(3), false, 0)));
  CHECK_FALSE(one.apply(kv::remove_member_command(3, false, 0)));
  CHECK_FALSE(one.remove(2));
  CHECK(one.remove(1) == ErrorCode::kTooFewStarted);

  Cluster two(2);
  CHECK_FALSE(two.add(Cluster::member(3)));
  CHECK(two.add(Cluster::member(4)) == ErrorCode::kTooFewStarted);
  CHECK_FALSE(two.start(3));
  CHECK_FALSE(two.add(Cluster::member(4)));
}

TEST_CASE("store members: a change moves the counter that the engine watches") {
  Cluster cluster(1);
  std::uint64_t seen = cluster.store.member_changes();
  kv::Command set{.operation = kv::Operation::kSet, .key = "/1/a", .value = "b"};
  CHECK_FALSE(cluster.apply(set));
  CHECK(cluster.store.member_changes() == seen);
  CHECK_FALSE(cluster.add(Cluster::member(2)));
  CHECK(cluster.store.member_changes() != seen);

  kv::ChangeCounter counter;
  std::uint64_t before = counter.value();
  counter = kv::ChangeCounter();
  CHECK(counter.value() != before);
}

TEST_CASE("store members: ids and keys") {
  CHECK(kv::parse_id("8e9e05c52164694d") == 0x8e9e05c52164694dU);
  CHECK(kv::parse_id("ABC") == 0xabcU);
  for (const char* text : {"", "x", "0x1", "-1", "+1", "12345678901234567"}) CHECK_FALSE(kv::parse_id(text));
  CHECK(kv::member_id_of_key(kv::member_key(0xabc)) == 0xabcU);
  CHECK_FALSE(kv::member_id_of_key("/0/members"));
  CHECK_FALSE(kv::member_id_of_key("/0/version"));
}

}  // namespace
