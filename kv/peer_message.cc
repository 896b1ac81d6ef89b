#include "kv/peer_message.h"

#include "kv/bytes.h"
#include "kv/wal_format.h"

namespace kv {

namespace {

// The first byte of a message.
enum class Tag : std::uint8_t {
  kRaft = 1,
  kPropose = 2,
  kRefuse = 3,
  kReadRequest = 4,
  kReadAnswer = 5,
  kProbe = 6,
  kProbeAck = 7,
  kSnapshotChunk = 8,
  kSnapshotAck = 9,
  kStateMark = 10,
  kStateRequest = 11,
};

constexpr std::uint8_t kDisruptLeader = 1;
constexpr std::uint8_t kPreVote = 2;
constexpr std::uint8_t kGranted = 4;

struct Encoder {
  ByteWriter out;

  void tag(Tag tag) { out.byte(static_cast<std::uint8_t>(tag)); }

  void operator()(const RaftMessage& m) {
    tag(Tag::kRaft);
    out.byte(static_cast<std::uint8_t>(m.kind));
    out.byte(static_cast<std::uint8_t>((m.disrupt_leader ? kDisruptLeader : 0) | (m.pre_vote ? kPreVote : 0) |
                                       (m.granted ? kGranted : 0)));
    for (std::uint64_t value : {m.term, m.index, m.index_term, m.commit, m.rejected}) out.number(value);
    if (m.kind == MessageKind::kAppend) out.text(encode(m.entries));
  }
  void operator()(const PeerPropose& m) {
    tag(Tag::kPropose);
    out.number(m.origin);
    out.number(m.proposals.size());
    for (const PeerProposal& proposal : m.proposals) {
      out.number(proposal.ticket);
      out.text(proposal.command);
    }
  }
  void operator()(const PeerRefuse& m) {
    tag(Tag::kRefuse);
    out.byte(static_cast<std::uint8_t>(m.reason));
    out.number(m.tickets.size());
    for (std::uint64_t ticket : m.tickets) out.number(ticket);
  }
  void operator()(const PeerReadRequest& m) { pair(Tag::kReadRequest, m.sequence, 0); }
  void operator()(const PeerReadAnswer& m) { pair(Tag::kReadAnswer, m.sequence, m.index); }
  void operator()(const PeerProbe& m) { pair(Tag::kProbe, m.term, m.sequence); }
  void operator()(const PeerProbeAck& m) { pair(Tag::kProbeAck, m.term, m.sequence); }
  void operator()(const PeerSnapshotChunk& m) {
    tag(Tag::kSnapshotChunk);
    for (std::uint64_t value : {m.term, m.stream, m.base.index, m.base.term, m.base.configuration_index, m.offset}) {
      out.number(value);
    }
    out.text(encode(m.base.configuration));
    out.byte(m.last ? 1 : 0);
    out.number(m.checksum);
    out.text(m.data);
  }
  void operator()(const PeerSnapshotAck& m) { pair(Tag::kSnapshotAck, m.stream, m.offset); }

  void operator()(const PeerStateMark& m) { pair(Tag::kStateMark, m.mark.index, m.mark.digest); }
  void operator()(const PeerStateRequest&) { tag(Tag::kStateRequest); }

  void pair(Tag kind, std::uint64_t first, std::uint64_t second) {
    tag(kind);
    out.number(first);
    out.number(second);
  }
};

RaftMessage read_raft(ByteReader& in) {
  RaftMessage m;
  std::uint8_t kind = in.byte();
  if (kind < static_cast<std::uint8_t>(MessageKind::kAppend) ||
      kind > static_cast<std::uint8_t>(MessageKind::kTimeoutNow) ||
      kind == static_cast<std::uint8_t>(MessageKind::kInstallSnapshot)) {
    in.fail("unknown kind");
  }
  m.kind = static_cast<MessageKind>(kind);
  std::uint8_t flags = in.byte();
  if ((flags & ~(kDisruptLeader | kPreVote | kGranted)) != 0) in.fail("unknown flag");
  m.disrupt_leader = (flags & kDisruptLeader) != 0;
  m.pre_vote = (flags & kPreVote) != 0;
  m.granted = (flags & kGranted) != 0;
  for (std::uint64_t* value : {&m.term, &m.index, &m.index_term, &m.commit, &m.rejected}) *value = in.number();
  if (m.kind == MessageKind::kAppend) {
    m.entries = decode_entries(m.index + 1, in.text());
    if (m.entries.size() > UINT32_MAX) in.fail("too many entries");
    m.entry_count = static_cast<std::uint32_t>(m.entries.size());
    for (const RaftEntry& entry : m.entries) {
      if (entry.term == 0 || entry.term > m.term) in.fail("an entry of a term that cannot be");
      if (entry.kind == EntryKind::kConfiguration) decode_configuration(entry.bytes());
    }
    if ((m.index == 0) != (m.index_term == 0)) in.fail("an index without a term");
  }
  if (m.term == 0) in.fail("no term");
  return m;
}

PeerSnapshotChunk read_chunk(ByteReader& in) {
  PeerSnapshotChunk m;
  for (std::uint64_t* value :
       {&m.term, &m.stream, &m.base.index, &m.base.term, &m.base.configuration_index, &m.offset}) {
    *value = in.number();
  }
  m.base.configuration = decode_configuration(in.text());
  m.last = in.byte() != 0;
  m.checksum = static_cast<std::uint32_t>(in.number());
  m.data = in.text();
  if (m.term == 0 || m.base.index == 0 || m.base.term == 0 || m.base.configuration.empty()) in.fail("no base");
  return m;
}

template <typename Message>
Message read_pair(ByteReader& in) {
  std::uint64_t first = in.number();
  return Message{first, in.number()};
}

}  // namespace

std::string encode(const PeerMessage& message) {
  Encoder encoder;
  std::visit(encoder, message);
  return encoder.out.take();
}

PeerMessage decode_peer_message(std::string_view bytes) {
  ByteReader in(bytes, "message of a member");
  PeerMessage message;
  switch (static_cast<Tag>(in.byte())) {
    case Tag::kRaft:
      message = read_raft(in);
      break;
    case Tag::kPropose: {
      PeerPropose propose;
      propose.origin = in.number();
      for (std::uint64_t left = in.number(); left > 0; --left) {
        std::uint64_t ticket = in.number();
        propose.proposals.push_back({ticket, in.text()});
      }
      message = std::move(propose);
      break;
    }
    case Tag::kRefuse: {
      PeerRefuse refuse;
      std::uint8_t reason = in.byte();
      if (reason > static_cast<std::uint8_t>(Refusal::kStopped)) in.fail("unknown reason");
      refuse.reason = static_cast<Refusal>(reason);
      for (std::uint64_t left = in.number(); left > 0; --left) refuse.tickets.push_back(in.number());
      message = std::move(refuse);
      break;
    }
    case Tag::kReadRequest:
      message = PeerReadRequest{read_pair<PeerReadAnswer>(in).sequence};
      break;
    case Tag::kReadAnswer:
      message = read_pair<PeerReadAnswer>(in);
      break;
    case Tag::kProbe:
      message = read_pair<PeerProbe>(in);
      break;
    case Tag::kProbeAck:
      message = read_pair<PeerProbeAck>(in);
      break;
    case Tag::kSnapshotChunk:
      message = read_chunk(in);
      break;
    case Tag::kSnapshotAck:
      message = read_pair<PeerSnapshotAck>(in);
      break;
    case Tag::kStateMark:
      message = PeerStateMark{read_pair<StateMark>(in)};
      break;
    case Tag::kStateRequest:
      message = PeerStateRequest{};
      break;
    default:
      in.fail("unknown message");
  }
  in.end();
  return message;
}

}  // namespace kv
