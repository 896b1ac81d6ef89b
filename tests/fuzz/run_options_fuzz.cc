// The words of `container run`: a letter for the option, then its text; one a line.

#include <format>

#include "base/error.h"
#include "fuzz.h"
#include "runtime/network.h"
#include "runtime/run_options.h"

namespace {

void port(std::string_view text) {
  const runtime::PublishedPort port = runtime::parse_port(text);
  fuzz::must(port.host_port != 0 && port.container_port != 0, "a port is not 0");
  const bool udp = port.protocol == runtime::Protocol::kUdp;
  fuzz::must(text.ends_with("/udp") == udp, "the protocol is what the text says");
}

void volume(std::string_view text) {
  const runtime::Volume volume = runtime::parse_volume(text);
  fuzz::must(volume.destination.starts_with('/'), "paths are absolute");
  if (volume.anonymous) return fuzz::must(text == volume.destination, "the whole text is a place inside");
  fuzz::must(volume.source.starts_with('/') != runtime::is_valid_id(volume.name), "it is a path or a name");
  fuzz::must(volume.destination.find_first_not_of('/') != std::string::npos, "the root is no volume");
  fuzz::must(text.starts_with(volume.source + volume.name + ":" + volume.destination), "paths are what the text says");
}

void environment(std::string_view text) {
  const std::optional<std::string> entry = runtime::parse_environment(text);
  if (!entry) return;
  fuzz::must(entry->find('=') != std::string::npos && !entry->starts_with('='), "an entry has a name");
  const std::vector<std::string> merged = runtime::merge_environment({*entry, "A=1", "A=2"}, {*entry});
  fuzz::must(merged.size() <= 2, "one entry a name");
}

void subnet(std::string_view text) {
  const runtime::Subnet subnet = runtime::parse_subnet(text);
  fuzz::must(subnet.prefix >= 16 && subnet.prefix <= 30, "a network has a prefix of 16 to 30");
  const runtime::Subnet again = runtime::parse_subnet(subnet.text());
  fuzz::must(again.network == subnet.network && again.prefix == subnet.prefix, "a network survives its text");
  const std::optional<std::uint32_t> first = runtime::free_address(subnet, {});
  fuzz::must(first == subnet.network + 2, "the first address is free");
}

void word(char option, std::string_view text) {
  switch (option) {
    case 'p':
      return port(text);
    case 'v':
      return volume(text);
    case 'e':
      return environment(text);
    case 'n':
      return subnet(text);
    case 'm':
      fuzz::must(runtime::parse_memory(text) >= 512 * 1024, "memory is at least 512 KiB");
      return;
    case 'c': {
      const std::uint64_t quota = runtime::parse_cpu_quota(text);
      fuzz::must(quota >= 1000 && quota <= 1024 * 100000, "the quota is within its bounds");
      return;
    }
    default:
      fuzz::must(!runtime::is_valid_id(text) || (text.find('/') == text.npos && !text.starts_with('.')),
                 "a name is no path");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(fuzz::text_of(data, size));
  while (!input.empty()) {
    const std::string_view line = input.line();
    if (line.empty()) continue;
    try {
      word(line.front(), line.substr(1));
    } catch (const base::UsageError&) {
    } catch (const base::Error&) {
    }
  }
  return 0;
}
