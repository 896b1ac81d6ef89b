#include "kv/snapshot_streams.h"

#include <doctest/doctest.h>

namespace {

using kv::PeerSnapshotAck;
using kv::PeerSnapshotChunk;
using kv::SnapshotReceiver;
using kv::SnapshotSenders;

constexpr std::uint64_t kMember = 3;

// Two pieces and the empty one at the end.
class Reader : public kv::SnapshotReader {
 public:
  const kv::RaftBase& base() const override { return base_; }
  std::string next(std::size_t) override { return left_ > 0 ? std::string(10, static_cast<char>('a' + --left_)) : ""; }

 private:
  kv::RaftBase base_{50, 2, 1, {{1, true}, {3, true}}};
  int left_ = 2;
};

// Gives the pieces to the receiver; false when it turned out that it has lost some.
bool carry(SnapshotSenders& senders, SnapshotReceiver& receiver, const std::vector<PeerSnapshotChunk>& pieces) {
  for (const PeerSnapshotChunk& piece : pieces) {
    auto ack = receiver.take(1, piece);
    if (ack && !senders.acknowledged(kMember, *ack, 1)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("snapshot streams: all pieces make the whole") {
  SnapshotSenders senders;
  SnapshotReceiver receiver;
  senders.begin(kMember, 7, 2, std::make_unique<Reader>());
  CHECK(carry(senders, receiver, senders.next(kMember, 1)));
  CHECK_FALSE(senders.busy(kMember));
  auto whole = receiver.take_whole();
  REQUIRE(whole);
  CHECK(whole->state == "bbbbbbbbbbaaaaaaaaaa");
}

TEST_CASE("snapshot streams: a receiver that began anew in between gets all again") {
  SnapshotSenders senders;
  SnapshotReceiver before;
  senders.begin(kMember, 7, 2, std::make_unique<Reader>());
  const std::vector<PeerSnapshotChunk> pieces = senders.next(kMember, 1);
  REQUIRE(pieces.size() == 3);
  CHECK(carry(senders, before, {pieces[0]}));

  SnapshotReceiver after;
  std::vector<PeerSnapshotChunk> again;
  for (auto& [member, piece] : senders.to_repeat(5000, 1000)) again.push_back(piece);
  REQUIRE(again.size() == 2);
  CHECK_FALSE(carry(senders, after, again));
  CHECK_FALSE(senders.busy(kMember));
  senders.begin(kMember, 8, 2, std::make_unique<Reader>());
  CHECK(carry(senders, after, senders.next(kMember, 1)));
  CHECK(after.take_whole());
}
