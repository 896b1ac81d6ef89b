#include "kv/proposal_entry.h"

#include "kv/bytes.h"

namespace kv {

std::string encode_proposal_entry(const ProposalEntry& entry) {
  constexpr std::size_t kNumbers = 20;  // bytes, at most
  ByteWriter out(kNumbers + entry.command.size());
  out.number(entry.origin);
  out.number(entry.ticket);
  std::string bytes = out.take();
  bytes += entry.command;
  return bytes;
}

ProposalEntry decode_proposal_entry(std::string_view bytes) {
  ByteReader in(bytes, "proposal");
  ProposalEntry entry;
  entry.origin = in.number();
  entry.ticket = in.number();
  entry.command = in.rest();
  return entry;
}

}  // namespace kv
