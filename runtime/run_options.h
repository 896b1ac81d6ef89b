#pragma once
// The words of `container run`, checked and turned into values. Pure.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/nft_rules.h"
#include "runtime/spec.h"

namespace runtime {

// A directory or file of the host, or a directory that the runtime keeps.
struct Volume {
  std::string source = {};  // absolute, on the host; "" for what is kept
  std::string destination;  // absolute, in the container
  bool read_only = false;
  std::string name = {};  // of a named volume
  bool own = false;       // a directory of the container's own, which goes with it
  bool fill = false;      // of a named one: at its first use with what the image has there
  // The name is ours (anonymous_volumes.h), and not yet given where that is empty.
  bool anonymous = false;
};

// A file system in memory that goes with the container (--tmpfs).
struct TemporaryMount {
  std::string destination;                      // absolute, in the container
  std::vector<MountParameter> parameters = {};  // size, mode, nr_inodes
  std::uint64_t attributes = 0;                 // MOUNT_ATTR_*
};

// A namespaced parameter of the kernel (--sysctl).
struct SysctlWord {
  std::string name;
  std::string value;
};

// A line for /etc/hosts (--add-host).
struct HostEntry {
  std::string name;
  std::string address;
};

// All throw base::UsageError with what is allowed.
PublishedPort parse_port(std::string_view text);       // "8080:80", "53:53/udp"
Volume parse_volume(std::string_view text);            // "/srv/data:/data", "pages:/www:ro", "/data"
std::uint64_t parse_memory(std::string_view text);     // "64m": bytes, at least 512 KiB
std::uint64_t parse_cpu_quota(std::string_view text);  // "1.5": microseconds of each 100 ms
// "NAME=value" as it is; "NAME" with the value of our own environment; nothing when that has none.
std::optional<std::string> parse_environment(std::string_view text);

// The lines of an environment file: as above each; empty ones and those that begin with '#' are skipped.
std::vector<std::string> parse_environment_file(std::string_view text, const std::string& where);

TemporaryMount parse_tmpfs(std::string_view text);  // "/run", "/run:size=64m,mode=1777,noexec"
SysctlWord parse_sysctl(std::string_view text);     // "net.core.somaxconn=1024"
HostEntry parse_host_entry(std::string_view text);  // "name:10.0.0.1", "name:::1"
ResourceLimit parse_ulimit(std::string_view text);  // "nofile=1024:2048", "core=-1"
// "key=value", "key" (an empty value): put into `labels`.
void add_label(std::string_view text, std::map<std::string, std::string>& labels);
std::uint64_t parse_bytes(std::string_view option, std::string_view text);  // "64m"
// The capabilities that "ALL" and names leave; what is both added and dropped is dropped.
Capabilities adjust_capabilities(Capabilities start, const std::vector<std::string>& added,
                                 const std::vector<std::string>& dropped);

// The image's environment with the user's over it: one entry a name, the image's order kept.
std::vector<std::string> merge_environment(const std::vector<std::string>& image, const std::vector<std::string>& user);

// What is executed: the user's words replace the image's cmd, its entrypoint stays in front unless `entrypoint`
// replaces it (then the image's cmd goes as well).
std::vector<std::string> command_line(const std::vector<std::string>& image_entrypoint,
                                      const std::vector<std::string>& image_command,
                                      const std::optional<std::string>& entrypoint,
                                      const std::vector<std::string>& user_words);

}  // namespace runtime
