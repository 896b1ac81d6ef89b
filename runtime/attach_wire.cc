#include "runtime/attach_wire.h"

namespace runtime {
namespace {

using Kind = AttachMessage::Kind;

std::uint16_t number_at(std::string_view bytes, std::size_t place) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[place]) |
                                    static_cast<unsigned char>(bytes[place + 1]) << 8);
}

void append(std::string& packet, std::uint16_t number) {
  packet += static_cast<char>(number & 0xff);
  packet += static_cast<char>(number >> 8);
}

}  // namespace

std::string attach_packet(const AttachMessage& message) {
  std::string packet(1, static_cast<char>(message.kind));
  switch (message.kind) {
    case Kind::kInput:
    case Kind::kOutput:
    case Kind::kErrorOutput:
      packet.append(message.data.substr(0, kAttachData));
      break;
    case Kind::kSize:
      append(packet, message.rows);
      append(packet, message.columns);
      break;
    case Kind::kRefused:
      packet += static_cast<char>(message.number);
      packet.append(message.data.substr(0, kAttachData));
      break;
    case Kind::kSignal:
    case Kind::kExit:
      packet += static_cast<char>(message.number);
      break;
    case Kind::kEnd:
    case Kind::kTaken:
      break;
  }
  return packet;
}

std::optional<AttachMessage> parse_attach_packet(std::string_view packet) {
  if (packet.empty()) return std::nullopt;
  AttachMessage message{.kind = static_cast<Kind>(packet.front())};
  std::string_view rest = packet.substr(1);
  switch (message.kind) {
    case Kind::kInput:
    case Kind::kOutput:
    case Kind::kErrorOutput:
      if (rest.empty() || rest.size() > kAttachData) return std::nullopt;
      message.data = rest;
      return message;
    case Kind::kSize:
      if (rest.size() != 4) return std::nullopt;
      message.rows = number_at(rest, 0);
      message.columns = number_at(rest, 2);
      return message;
    case Kind::kRefused:
      if (rest.empty() || rest.size() > kAttachData + 1) return std::nullopt;
      message.number = static_cast<std::uint8_t>(rest.front());
      message.data = rest.substr(1);
      return message;
    case Kind::kSignal:
    case Kind::kExit:
      if (rest.size() != 1) return std::nullopt;
      message.number = static_cast<std::uint8_t>(rest.front());
      return message;
    case Kind::kEnd:
    case Kind::kTaken:
      if (!rest.empty()) return std::nullopt;
      return message;
  }
  return std::nullopt;
}

}  // namespace runtime
