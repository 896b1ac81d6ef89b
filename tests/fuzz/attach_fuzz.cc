// What the keeper of a container's terminal reads from those who are attached. Input: a packet.

#include "fuzz.h"
#include "runtime/attach_wire.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view packet = fuzz::text_of(data, size);
  const std::optional<runtime::AttachMessage> message = runtime::parse_attach_packet(packet);
  if (!message) return 0;
  fuzz::must(message->data.size() <= runtime::kAttachData, "data is within its bound");
  fuzz::must(runtime::attach_packet(*message) == packet, "a message has one packet only");
  return 0;
}
