// The words of `container run` about the process itself: limits, capabilities, variables from files, labels.

#include <sys/mount.h>

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "runtime/rlimits.h"
#include "runtime/run_options.h"
#include "runtime/sysctl.h"

namespace runtime {
namespace {

constexpr std::size_t kMostLabels = 1000;

std::string in_quotes(std::string_view text) {
  return "'" + std::string(text) + "'";
}

rlim_t limit_value(std::string_view text, std::string_view whole) {
  if (text == "-1" || text == "unlimited") return RLIM_INFINITY;
  std::optional<std::uint64_t> value = base::parse_unsigned(text);
  if (!value) throw base::UsageError("--ulimit " + in_quotes(whole) + ": expected NAME=SOFT[:HARD], numbers or -1");
  return *value;
}

bool is_address(const std::string& text) {
  std::array<unsigned char, 16> binary = {};
  return inet_pton(AF_INET, text.c_str(), binary.data()) == 1 || inet_pton(AF_INET6, text.c_str(), binary.data()) == 1;
}

Capabilities capabilities_of_word(const char* option, const std::string& name) {
  if (base::lower(name) == "all") return ~Capabilities{0};
  std::optional<Capabilities> one = capability_by_name(name);
  if (!one)
    throw base::UsageError(std::string(option) + " " + in_quotes(name) +
                           ": expected a capability, as NET_ADMIN, or ALL");
  return *one;
}

}  // namespace

std::vector<std::string> parse_environment_file(std::string_view text, const std::string& where) {
  std::vector<std::string> entries;
  std::size_t number = 0;
  for (const std::string& raw : base::split(text, '\n')) {
    number++;
    std::string_view line = raw;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (base::trim(line).empty() || line.front() == '#') continue;
    if (line.front() == '=' || line.substr(0, line.find('=')).find_first_of(" \t") != std::string_view::npos) {
      throw base::UsageError("--env-file " + where + ":" + std::to_string(number) + ": expected NAME=value or NAME");
    }
    if (auto entry = parse_environment(line)) entries.push_back(*entry);
  }
  return entries;
}

TemporaryMount parse_tmpfs(std::string_view text) {
  TemporaryMount mount{.destination = std::string(text.substr(0, text.find(':'))),
                       .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (!mount.destination.starts_with('/') || mount.destination.find_first_not_of('/') == std::string::npos) {
    throw base::UsageError("--tmpfs " + in_quotes(text) + ": expected /CONTAINER/PATH[:OPTION,...], not the root");
  }
  if (mount.destination.size() == text.size()) return mount;
  for (const std::string& word : base::split(text.substr(mount.destination.size() + 1), ',')) {
    std::string name = word.substr(0, word.find('='));
    if (word == "ro") {
      mount.attributes |= MOUNT_ATTR_RDONLY;
    } else if (word == "noexec") {
      mount.attributes |= MOUNT_ATTR_NOEXEC;
    } else if (word == "exec") {
      mount.attributes &= ~std::uint64_t{MOUNT_ATTR_NOEXEC};
    } else if ((name == "size" || name == "mode" || name == "nr_inodes") && word.size() > name.size() + 1) {
      mount.parameters.push_back({name, word.substr(name.size() + 1)});
    } else if (word != "rw" && word != "nosuid" && word != "nodev") {
      throw base::UsageError("--tmpfs " + in_quotes(text) + ": " + in_quotes(word) +
                             " is none of size=, mode=, nr_inodes=, ro, rw, exec, noexec, nosuid, nodev");
    }
  }
  return mount;
}

SysctlWord parse_sysctl(std::string_view text) {
  std::size_t equals = text.find('=');
  SysctlWord word{.name = std::string(text.substr(0, equals)), .value = {}};
  if (equals != std::string_view::npos) word.value = text.substr(equals + 1);
  if (sysctl_path(word.name).empty() || word.value.empty() || text.contains('\n')) {
    throw base::UsageError("--sysctl " + in_quotes(text) + ": expected NAME=VALUE, as net.core.somaxconn=1024");
  }
  return word;
}

HostEntry parse_host_entry(std::string_view text) {
  std::size_t colon = text.find(':');
  HostEntry entry;
  if (colon != std::string_view::npos) {
    entry = {.name = std::string(text.substr(0, colon)), .address = std::string(text.substr(colon + 1))};
  }
  if (entry.name.empty() || entry.name.find_first_of(" \t\n#") != std::string::npos || !is_address(entry.address)) {
    throw base::UsageError("--add-host " + in_quotes(text) + ": expected NAME:ADDRESS");
  }
  return entry;
}

ResourceLimit parse_ulimit(std::string_view text) {
  std::string_view name = text.substr(0, text.find('='));
  std::optional<int> resource = resource_limit_by_name(name);
  if (!resource || name.size() == text.size()) {
    throw base::UsageError("--ulimit " + in_quotes(text) + ": expected NAME=SOFT[:HARD] with one of " +
                           base::join(resource_limit_words(), " "));
  }
  std::string_view values = text.substr(name.size() + 1);
  std::string_view soft = values.substr(0, values.find(':'));
  std::string_view hard = soft.size() == values.size() ? soft : values.substr(soft.size() + 1);
  ResourceLimit limit{.resource = *resource, .limit = {limit_value(soft, text), limit_value(hard, text)}};
  if (limit.limit.rlim_cur > limit.limit.rlim_max) {
    throw base::UsageError("--ulimit " + in_quotes(text) + ": the soft limit is above the hard one");
  }
  return limit;
}

void add_label(std::string_view text, std::map<std::string, std::string>& labels) {
  std::string key(text.substr(0, text.find('=')));
  if (key.empty() || key.size() > 256 || text.size() > 64 * 1024) {
    throw base::UsageError("--label " + in_quotes(text.substr(0, 80)) +
                           ": expected KEY=VALUE, a key of 1 to 256 bytes");
  }
  if (labels.size() >= kMostLabels) throw base::UsageError("--label: more than 1000");
  labels[key] = key.size() == text.size() ? "" : std::string(text.substr(key.size() + 1));
}

std::uint64_t parse_bytes(std::string_view option, std::string_view text) {
  std::optional<std::uint64_t> bytes = base::parse_size(text);
  if (!bytes || *bytes == 0) {
    throw base::UsageError(std::string(option) + " " + in_quotes(text) + ": expected bytes, as 64m or 1g");
  }
  return *bytes;
}

Capabilities adjust_capabilities(Capabilities start, const std::vector<std::string>& added,
                                 const std::vector<std::string>& dropped) {
  Capabilities all = 0;
  for (const std::string& name : capability_names(~Capabilities{0})) all |= capability_by_name(name).value_or(0);
  Capabilities result = start;
  bool all_dropped = false;
  for (const std::string& name : dropped) all_dropped = all_dropped || base::lower(name) == "all";
  if (all_dropped) result = 0;
  for (const std::string& name : added) result |= capabilities_of_word("--cap-add", name) & all;
  for (const std::string& name : dropped) {
    if (base::lower(name) != "all") result &= ~capabilities_of_word("--cap-drop", name);
  }
  return result;
}

}  // namespace runtime
