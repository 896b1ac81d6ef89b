#pragma once
// The words of `container run`, checked and turned into values. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nft_rules.h"
#include "runtime/spec.h"

namespace runtime {

struct Volume {
  std::string source;       // absolute, on the host
  std::string destination;  // absolute, in the container
  bool read_only = false;
};

// All throw base::UsageError with what is allowed.
PublishedPort parse_port(std::string_view text);       // "8080:80", "53:53/udp"
Volume parse_volume(std::string_view text);            // "/srv/data:/data", "/etc/app:/etc/app:ro"
std::uint64_t parse_memory(std::string_view text);     // "64m": bytes, at least 512 KiB
std::uint64_t parse_cpu_quota(std::string_view text);  // "1.5": microseconds of each 100 ms
// "NAME=value" as it is; "NAME" with the value of our own environment; nothing when that has none.
std::optional<std::string> parse_environment(std::string_view text);

// The image's environment with the user's over it: one entry a name, the image's order kept.
std::vector<std::string> merge_environment(const std::vector<std::string>& image, const std::vector<std::string>& user);

// What is executed: the user's words replace the image's cmd, its entrypoint stays in front unless `entrypoint`
// replaces it (then the image's cmd goes as well).
std::vector<std::string> command_line(const std::vector<std::string>& image_entrypoint,
                                      const std::vector<std::string>& image_command,
                                      const std::optional<std::string>& entrypoint,
                                      const std::vector<std::string>& user_words);

}  // namespace runtime
