#include "kv/command.h"

#include "kv/bytes.h"

namespace kv {

namespace {
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kDirectory = 1;
constexpr std::uint8_t kRecursive = 2;
constexpr std::uint8_t kRefresh = 4;
constexpr std::uint8_t kStrict = 8;
}  // namespace

std::string encode(const Command& command) {
  constexpr std::size_t kNumbers = 40;  // bytes, at most
  ByteWriter out(kNumbers + command.key.size() + command.value.size() + command.previous_value.size());
  out.byte(kVersion);
  out.byte(static_cast<std::uint8_t>(command.operation));
  out.byte(static_cast<std::uint8_t>((command.directory ? kDirectory : 0) | (command.recursive ? kRecursive : 0) |
                                     (command.refresh ? kRefresh : 0) | (command.strict ? kStrict : 0)));
  out.number(command.previous_index);
  out.number(static_cast<std::uint64_t>(command.expires_at));
  out.number(static_cast<std::uint64_t>(command.time));
  out.text(command.key);
  out.text(command.value);
  out.text(command.previous_value);
  return out.take();
}

Command decode_command(std::string_view bytes) {
  ByteReader in(bytes, "command");
  if (in.byte() != kVersion) in.fail("unknown version");
  Command command;
  std::uint8_t operation = in.byte();
  if (operation < static_cast<std::uint8_t>(Operation::kSet) ||
      operation > static_cast<std::uint8_t>(Operation::kRevokeLease)) {
    in.fail("unknown operation");
  }
  command.operation = static_cast<Operation>(operation);
  std::uint8_t flags = in.byte();
  if ((flags & ~(kDirectory | kRecursive | kRefresh | kStrict)) != 0) in.fail("unknown flag");
  command.directory = (flags & kDirectory) != 0;
  command.recursive = (flags & kRecursive) != 0;
  command.refresh = (flags & kRefresh) != 0;
  command.strict = (flags & kStrict) != 0;
  command.previous_index = in.number();
  command.expires_at = static_cast<std::int64_t>(in.number());
  command.time = static_cast<std::int64_t>(in.number());
  command.key = in.text();
  command.value = in.text();
  command.previous_value = in.text();
  in.end();
  return command;
}

}  // namespace kv
