#include "runtime/run_options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/error.h"
#include "base/text.h"

namespace runtime {
namespace {

constexpr std::uint64_t kLeastMemory = 512 * 1024;
constexpr std::uint64_t kPeriod = 100000;  // microseconds, the kernel's default
constexpr double kMostCpus = 1024;

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::uint16_t port_number(std::string_view text, std::string_view whole) {
  std::optional<std::uint64_t> number = base::parse_unsigned(text);
  if (!number || *number < 1 || *number > 65535) {
    throw base::UsageError("--publish " + quoted(whole) + ": expected HOST:CONTAINER[/udp] with ports from 1 to 65535");
  }
  return static_cast<std::uint16_t>(*number);
}

std::string_view name_of(std::string_view entry) {
  return entry.substr(0, entry.find('='));
}

}  // namespace

PublishedPort parse_port(std::string_view text) {
  PublishedPort port;
  std::string_view ports = text;
  if (std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    std::string_view protocol = text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      throw base::UsageError("--publish " + quoted(text) + ": the protocol is tcp or udp");
    }
    if (protocol == "udp") port.protocol = Protocol::kUdp;
    ports = text.substr(0, slash);
  }
  std::size_t colon = ports.find(':');
  if (colon == std::string_view::npos) {
    throw base::UsageError("--publish " + quoted(text) + ": expected HOST:CONTAINER[/udp], as 8080:80");
  }
  port.host_port = port_number(ports.substr(0, colon), text);
  port.container_port = port_number(ports.substr(colon + 1), text);
  return port;
}

Volume parse_volume(std::string_view text) {
  std::vector<std::string> parts = base::split(text, ':');
  const bool anonymous = parts.size() == 1;
  if (anonymous) parts.insert(parts.begin(), "");
  bool named = is_valid_id(parts[0]);
  bool good = (parts.size() == 2 || parts.size() == 3) && (anonymous || named || parts[0].starts_with('/')) &&
              parts[1].starts_with('/');
  if (good && parts.size() == 3) good = parts[2] == "ro" || parts[2] == "rw";
  if (!good) {
    throw base::UsageError("--volume " + quoted(text) +
                           ": expected /HOST/PATH:/CONTAINER/PATH[:ro], NAME:/CONTAINER/PATH[:ro] or /CONTAINER/PATH");
  }
  if (std::ranges::all_of(parts[1], [](char c) { return c == '/'; })) {
    throw base::UsageError("--volume " + quoted(text) + ": the container's root cannot be a volume");
  }
  Volume volume{.destination = parts[1],
                .read_only = parts.size() == 3 && parts[2] == "ro",
                .fill = named || anonymous,
                .anonymous = anonymous};
  (named ? volume.name : volume.source) = parts[0];
  return volume;
}

std::uint64_t parse_memory(std::string_view text) {
  std::optional<std::uint64_t> bytes = base::parse_size(text);
  if (!bytes || *bytes < kLeastMemory) {
    throw base::UsageError("--memory " + quoted(text) + ": expected bytes, at least 512k, as 64m or 1g");
  }
  return *bytes;
}

std::uint64_t parse_cpu_quota(std::string_view text) {
  std::string_view whole = text.substr(0, text.find('.'));
  std::string_view fraction = whole.size() < text.size() ? text.substr(whole.size() + 1) : "0";
  std::optional<std::uint64_t> units = base::parse_unsigned(whole.empty() ? "0" : whole);
  std::optional<std::uint64_t> parts = base::parse_unsigned(fraction);
  double cpus = 0;
  if (units && parts && fraction.size() <= 6) {
    cpus = static_cast<double>(*units) +
           static_cast<double>(*parts) / std::pow(10.0, static_cast<double>(fraction.size()));
  }
  // The kernel's least quota is 1 ms.
  if (cpus < 0.01 || cpus > kMostCpus) {
    throw base::UsageError("--cpus " + quoted(text) + ": expected a number from 0.01 to 1024, as 1.5");
  }
  return static_cast<std::uint64_t>(std::llround(cpus * static_cast<double>(kPeriod)));
}

std::optional<std::string> parse_environment(std::string_view text) {
  if (name_of(text).empty()) throw base::UsageError("--env " + quoted(text) + ": expected NAME=value or NAME");
  if (text.find('=') != std::string_view::npos) return std::string(text);
  const char* value = std::getenv(std::string(text).c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(text) + "=" + value;
}

std::vector<std::string> merge_environment(const std::vector<std::string>& image,
                                           const std::vector<std::string>& user) {
  std::vector<std::string> result;
  auto put = [&](const std::string& entry) {
    if (name_of(entry).empty() || entry.find('=') == std::string::npos || entry.find('\0') != std::string::npos) return;
    auto same = std::ranges::find_if(result, [&](const std::string& old) { return name_of(old) == name_of(entry); });
    if (same != result.end()) {
      *same = entry;
    } else {
      result.push_back(entry);
    }
  };
  for (const std::string& entry : image) put(entry);
  for (const std::string& entry : user) put(entry);
  return result;
}

std::vector<std::string> command_line(const std::vector<std::string>& image_entrypoint,
                                      const std::vector<std::string>& image_command,
                                      const std::optional<std::string>& entrypoint,
                                      const std::vector<std::string>& user_words) {
  std::vector<std::string> result;
  if (entrypoint) {
    if (!entrypoint->empty()) result.push_back(*entrypoint);
    result.insert(result.end(), user_words.begin(), user_words.end());
    return result;
  }
  result = image_entrypoint;
  const std::vector<std::string>& rest = user_words.empty() ? image_command : user_words;
  result.insert(result.end(), rest.begin(), rest.end());
  return result;
}

}  // namespace runtime
