#include "kv/event_bytes.h"

#include <doctest/doctest.h>

#include "base/digest.h"
#include "base/error.h"

namespace {

using kv::EventAction;
using kv::StoreEvent;

StoreEvent example() {
  StoreEvent event{.action = EventAction::kUpdate, .node = {.key = "/1/a", .value = "v"}};
  event.node.expires_at = 128;
  event.node.ttl = 1;
  event.node.modified_index = 5;
  event.node.created_index = 4;
  event.node.create_revision = 3;
  event.node.version = 2;
  event.node.lease = 300;
  event.previous = kv::NodeView{.key = "/1/a", .value = ""};
  event.previous->modified_index = 4;
  event.previous->created_index = 4;
  event.previous->create_revision = 3;
  event.previous->version = 1;
  event.refresh = true;
  event.index = 5;
  return event;
}

StoreEvent removal() {
  StoreEvent event{.action = EventAction::kDelete, .node = {.key = "/1/d"}};
  event.node.directory = true;
  event.index = 5;
  event.taken.push_back({.key = "/1/d/x", .value = "y"});
  return event;
}

std::string record(const std::vector<StoreEvent>& events) {
  std::vector<kv::EventPtr> shared;
  for (const StoreEvent& event : events) shared.push_back(std::make_shared<const StoreEvent>(event));
  return kv::encode(shared);
}

// "02 03 …", one field a part.
constexpr const char* kExample =
    "02"  // version
    "03"  // update
    "13"  // refresh, there was a node before, more follow
    "05"  // index
    "0e"  // value, expires, leased
    "042f312f61"
    "0176"
    "8001"  // expires at
    "01"    // seconds left
    "05"    // modified
    "04"    // created
    "03"    // create_revision
    "02"    // version
    "ac02"  // lease
    "02"    // value
    "042f312f61"
    "00"
    "04"
    "04"
    "03"
    "01";
constexpr const char* kRemoval =
    "02"
    "04"  // delete
    "04"  // took along
    "05"
    "01"  // directory
    "042f312f64"
    "00"
    "00"
    "01"  // one key
    "02"
    "062f312f642f78"
    "0179"
    "00"
    "00"
    "00"
    "00";

// The history keeps these bytes (docs/formats/kv-store.md).
TEST_CASE("event: golden bytes") {
  CHECK(base::hex(record({example(), removal()})) == std::string(kExample) + kRemoval);
}

TEST_CASE("event: what was encoded is decoded") {
  const std::string bytes = record({example(), removal(), example()});
  const std::vector<StoreEvent> events = kv::decode_events(bytes);
  REQUIRE(events.size() == 3);
  CHECK(record(events) == bytes);
  CHECK(events[0].previous->value == "");
  CHECK(events[0].refresh);
  CHECK(events[0].node.lease == 300);
  CHECK_FALSE(events[1].previous);
  CHECK(events[1].removes_directory());
  CHECK(events[1].taken.at(0).value == "y");
  StoreEvent much = removal();
  much.taken.clear();
  much.forgets = true;
  CHECK(kv::decode_events(record({much})).at(0).forgets);
}

TEST_CASE("event: one of version 1 is still read, and does not say what a removed directory held") {
  auto bytes = [](const char* hex) {
    std::string out;
    for (std::string_view text(hex); !text.empty(); text.remove_prefix(2)) {
      out += static_cast<char>(std::stoi(std::string(text.substr(0, 2)), nullptr, 16));
    }
    return out;
  };
  const std::string update = bytes(
      "0103030506042f312f6101768001010504"
      "02042f312f61000404");
  const StoreEvent event = kv::decode_events(update).at(0);
  CHECK(event.node.value == "v");
  CHECK(event.node.create_revision == 4);
  CHECK(event.node.version == 1);
  CHECK(event.previous->modified_index == 4);
  CHECK(kv::decode_events(bytes("0104000501042f312f640504")).at(0).forgets);
  CHECK_THROWS_AS(kv::decode_events(bytes("0103130506042f312f6101768001010504"
                                          "02042f312f61000404")),
                  base::Error);
}

TEST_CASE("event: gists are read past what they do not show") {
  const std::string bytes = record({example(), removal(), example()});
  kv::GistReader gists(bytes);
  auto gist = gists.next();
  REQUIRE(gist);
  CHECK(gist->action == EventAction::kUpdate);
  CHECK(gist->refresh);
  CHECK(gist->key == "/1/a");
  gist = gists.next();
  REQUIRE(gist);
  CHECK(gist->removes_directory());
  CHECK(gist->key == "/1/d");
  CHECK(gists.next());
  CHECK_FALSE(gists.next());
  CHECK_FALSE(gists.next());
}

TEST_CASE("event: bytes that are none are refused") {
  const std::string bytes = record({example(), removal()});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(kv::decode_events(bytes.substr(0, size)), base::Error);
  }
  CHECK_THROWS_AS(kv::decode_events(bytes + "x"), base::Error);
  StoreEvent later = removal();
  later.index = 6;
  CHECK_THROWS_WITH_AS(kv::decode_events(record({example(), later})), doctest::Contains("two indices"), base::Error);
}

}  // namespace
