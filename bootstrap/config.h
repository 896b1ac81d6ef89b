#pragma once
// A cloud-config as data: what the machine shall be, every part with the place where it was said.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bootstrap/yaml.h"

namespace bootstrap {

struct UserConfig {
  Mark mark;
  std::string name;
  std::string passwd;  // a crypt(5) hash; empty: not given. Never logged
  std::vector<std::string> ssh_authorized_keys;
  std::string gecos;
  std::string homedir;  // empty: /home/NAME
  bool no_create_home = false;
  std::string primary_group;  // name or number; empty: a group of its own
  std::vector<std::string> groups;
  bool no_user_group = false;
  bool system = false;
  std::string shell;  // empty: the default one
};

struct FileConfig {
  Mark mark;
  std::string path;     // absolute, normal: no "." or "..", no doubled slashes
  std::string content;  // decoded
  std::string owner;    // "USER", "USER:GROUP", numbers too; empty: root
  std::uint32_t permissions = 0644;
};

struct DropInConfig {
  Mark mark;
  std::string name;  // "10-x.conf"
  std::string content;
};

struct UnitConfig {
  Mark mark;
  std::string name;
  std::string content;  // empty: the unit's file is not ours
  std::string command;  // start, stop, …; empty: none
  bool enable = false;
  std::optional<bool> mask;  // false removes an earlier mask
  bool runtime = false;      // below /run instead of /etc
  std::vector<DropInConfig> drop_ins;

  bool is_network() const;  // .network, .netdev, .link: systemd-networkd's, not systemd's
};

// Where this machine finds the cluster's store, and where its own member listens.
struct StoreConfig {
  Mark mark;
  std::vector<std::string> endpoints;
  std::vector<std::string> listen_client_urls;
  std::vector<std::string> advertise_client_urls;
  bool empty() const { return endpoints.empty() && listen_client_urls.empty() && advertise_client_urls.empty(); }
};

struct CloudConfig {
  std::string hostname;  // empty: not given
  Mark hostname_mark;
  std::vector<std::string> ssh_authorized_keys;  // of the user core
  Mark ssh_authorized_keys_mark;
  std::vector<UserConfig> users;
  std::vector<FileConfig> files;
  std::vector<UnitConfig> units;
  StoreConfig store;
};

enum class Severity { kError, kWarning };

// One remark on the text.
struct Finding {
  Severity severity = Severity::kError;
  Mark mark;
  std::string message;
};
using Findings = std::vector<Finding>;

bool has_errors(const Findings& findings);
// "error" or "warning".
std::string_view severity_name(Severity severity);

}  // namespace bootstrap
