#pragma once
// The bytes of a command's entry: who proposed it, so that this member knows its own again, and the command.

#include <cstdint>
#include <string>
#include <string_view>

namespace kv {

struct ProposalEntry {
  std::uint64_t origin = 0;  // of the process that proposed it; 0: nobody waits for it
  std::uint64_t ticket = 0;
  std::string_view command;
};

std::string encode_proposal_entry(const ProposalEntry& entry);
ProposalEntry decode_proposal_entry(std::string_view bytes);  // throws base::Error; points into `bytes`

}  // namespace kv
