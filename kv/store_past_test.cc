// Random changes by both APIs: every revision of the past, and every change that the history tells, against a model.
#include <map>

#include "base/random.h"
#include "kv/key_history.h"
#include "kv/store_keys_fixture.h"

namespace {

using kv::kAllKeys;
using kv::KeysFixture;
using kv::KeyValue;
using kv::Operation;
using kv::PutRequest;

// Both APIs' changes at random, against a map of keys that is kept for every revision.
class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (f_.store.revision() == states_.size()) states_.push_back(now_in_store());
      REQUIRE(f_.store.revision() + 1 == states_.size());
      REQUIRE(states_.back() == now_in_store());
    }
    for (std::uint64_t revision = 1; revision < states_.size(); ++revision) {
      const auto past = std::get<kv::RangeAnswer>(f_.store.range({.range = kAllKeys, .revision = revision}));
      CAPTURE(revision);
      REQUIRE(past.keys == states_[revision]);
      REQUIRE(past.count == states_[revision].size());
    }
    check_changes();
  }
  kv::Store& store() { return f_.store; }

 private:
  std::vector<KeyValue> now_in_store() const {
    return std::get<kv::RangeAnswer>(f_.store.range({.range = kAllKeys})).keys;
  }
  std::string key() {
    static const std::vector<std::string> kKeys{"/a", "/a/b", "/a/b/c", "/a-b", "a", "/a/", "/x/y", "/x", "/_h/k"};
    return kKeys[random_.below(kKeys.size())];
  }
  std::string path() {
    const std::string some = key();
    return some.starts_with('/') && !some.ends_with('/') ? some : "/a/b";
  }
  void step() {
    const std::string value = std::to_string(++last_);
    switch (random_.below(10)) {
      case 0:
      case 1:
        f_.put(key(), value, random_.below(3) == 0 && f_.store.lease(5) ? 5 : 0);
        break;
      case 2: {
        const std::string one = key();
        const std::string other = key();
        f_.transact({.success = {{PutRequest{.key = one, .value = value}}, {PutRequest{.key = other, .value = "t"}}}});
        break;
      }
      case 3:
        f_.remove(key());
        break;
      case 4:
        f_.remove(key(), key());
        break;
      case 5:
      case 6:
        f_.set(path(), value);
        break;
      case 7:
        f_.remove_node(path());
        break;
      case 8:
        f_.apply({.operation = Operation::kSet, .key = "/1" + path(), .directory = true});
        break;
      default:
        if (f_.store.lease(5)) {
          f_.lease(Operation::kRevokeLease, 5);
        } else {
          f_.grant(5, 60);
        }
    }
  }
  // The changes that the history tells lead from each state to the next.
  void check_changes() {
    for (std::uint64_t revision = 1; revision < states_.size(); ++revision) {
      std::map<std::string, KeyValue> keys;
      for (const KeyValue& one : states_[revision - 1]) keys[one.key] = one;
      for (const kv::EventPtr& event : f_.store.history().at(revision)) {
        for (const kv::KeyChange& change : kv::key_changes(*event)) {
          auto before = keys.find(change.after.key);
          REQUIRE(change.before == (before == keys.end() ? std::nullopt : std::optional(before->second)));
          REQUIRE(change.after.mod_revision == revision);
          keys[change.after.key] = change.after;
          if (change.after.version == 0) keys.erase(change.after.key);
        }
      }
      std::vector<KeyValue> after;
      for (const auto& [name, one] : keys) after.push_back(one);
      REQUIRE(after == states_[revision]);
    }
  }

  base::SeededRandom random_;
  KeysFixture f_;
  std::vector<std::vector<KeyValue>> states_ = {{}};
  int last_ = 0;
};

TEST_CASE("keys: every revision of the past, after any changes by both APIs") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Model model(seed);
    model.run(120);
    // And from what the disk holds.
    kv::StoreChanges changes = model.store().take_changes();
    kv::Store loaded;
    loaded.restore({changes.position, changes.nodes, changes.events});
    REQUIRE(loaded.digest() == model.store().digest());
    REQUIRE(loaded.leases() == model.store().leases());
    REQUIRE(loaded.keys_of_lease(5) == model.store().keys_of_lease(5));
  }
}

}  // namespace
