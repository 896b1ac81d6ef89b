// What another member sends: the frames of its stream, and a message by itself. A message that is taken has bytes of
// its own again, which mean the same.

#include "base/error.h"
#include "fuzz.h"
#include "kv/command.h"
#include "kv/peer_frames.h"
#include "kv/peer_message.h"
#include "kv/proposal_entry.h"

namespace {

void take_message(std::string_view bytes) {
  try {
    const kv::PeerMessage message = kv::decode_peer_message(bytes);
    const std::string again = kv::encode(message);
    fuzz::must(kv::encode(kv::decode_peer_message(again)) == again, "a message survives its bytes");
    const auto* raft = std::get_if<kv::RaftMessage>(&message);
    if (raft == nullptr) return;
    for (const kv::RaftEntry& entry : raft->entries) {
      if (entry.kind == kv::EntryKind::kCommand) kv::decode_command(kv::decode_proposal_entry(entry.bytes()).command);
      if (entry.kind == kv::EntryKind::kConfiguration) kv::decode_configuration(entry.bytes());
    }
  } catch (const base::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  take_message(bytes);
  // As it comes from a socket: in pieces.
  try {
    kv::PeerFrameReader reader;
    const std::string stream = kv::encode_peer_frame(bytes) + std::string(bytes);
    std::size_t whole = 0;
    for (std::size_t at = 0; at < stream.size(); at += 7) {
      reader.take(std::string_view(stream).substr(at, 7), [&](const std::string& message) {
        if (++whole == 1) fuzz::must(message == bytes, "a frame's message is what was sent");
        take_message(message);
      });
    }
  } catch (const base::Error&) {
  }
  return 0;
}
