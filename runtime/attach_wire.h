#pragma once
// What the keeper of a container's terminal and those who are attached to it say to each other: one message a packet
// (unix(7), SOCK_SEQPACKET), a letter and what belongs to it. Numbers are little-endian. Format: docs/runtime.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace runtime {

inline constexpr std::size_t kAttachData = 16 * 1024;  // most bytes of input or output in a message

struct AttachMessage {
  enum class Kind : char {
    // to the keeper
    kInput = 'I',   // data; the next one only after kTaken
    kEnd = 'E',     // no more input
    kSize = 'R',    // rows, columns of the terminal: two bytes each
    kSignal = 'S',  // number: one byte
    // from it
    kOutput = 'O',       // data
    kErrorOutput = 'X',  // data, of standard error
    kTaken = 'A',        // the input has been taken
    kExit = 'Q',         // number: one byte; the process has ended with this code
    kRefused = 'F',      // number: one byte, the exit code for the caller; data: why
  };
  Kind kind = Kind::kEnd;
  std::string_view data = {};
  std::uint16_t rows = 0, columns = 0;
  std::uint8_t number = 0;

  bool operator==(const AttachMessage&) const = default;
};

std::string attach_packet(const AttachMessage& message);

// Nothing when it is no such message. The data is the packet's.
std::optional<AttachMessage> parse_attach_packet(std::string_view packet);

}  // namespace runtime
