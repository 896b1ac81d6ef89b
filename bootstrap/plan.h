#pragma once
// What has to be done for a cloud-config, in coreos-cloudinit's order: hostname, users, core's keys, files, the store's
// address, units, systemd's reload, networkd, commands. Pure: a config in, steps out; whether a step changes anything
// is found out by who executes it (apply.h).

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bootstrap/config.h"
#include "bootstrap/metadata.h"

namespace bootstrap {

struct SetHostname {
  std::string name;
};
// Of a user who is there already only the password is set.
struct EnsureUser {
  UserConfig user;
};
struct InstallKeys {
  std::string user;
  std::vector<std::string> keys;
  bool keep_old = false;  // keys of an earlier cloud-config stay
};
struct WriteFile {
  std::string path;
  std::string content;
  std::string owner;
  std::uint32_t permissions = 0644;
};
// KEY=VALUE lines in a file that may have others.
struct SetEnvironment {
  std::string path;
  std::vector<std::pair<std::string, std::string>> values;
};
struct MaskUnit {
  std::string unit;
  bool mask = true;  // false: remove the mask
  bool runtime = false;
};
struct EnableUnit {
  std::string unit;
  bool runtime = false;
};
struct ReloadSystemd {};   // when a unit's file changed
struct RestartNetwork {};  // when a file of networkd changed
struct RestartDaemons {};  // ours that run, when the store's address changed
struct UnitCommand {
  std::string unit;
  std::string verb;
};

using Action = std::variant<SetHostname, EnsureUser, InstallKeys, WriteFile, SetEnvironment, MaskUnit, EnableUnit,
                            ReloadSystemd, RestartNetwork, RestartDaemons, UnitCommand>;

struct Step {
  std::string key;  // of the cloud-config: "write_files[0]"; "meta-data" for what came from there
  std::uint32_t line = 0;
  std::string object;  // what it is about: a path, a user, a unit
  Action action;
};
using Plan = std::vector<Step>;

inline constexpr const char* kCoreUser = "core";
inline constexpr const char* kClusterEnvironment = "/etc/clusteros/cluster.env";

// The whole plan. The hostname of the config wins over the metadata's; the metadata's keys come after the config's.
Plan make_plan(const CloudConfig& config, const Metadata& metadata);

// What is still done when the config has errors, so that the machine can be reached: keys that are whole and stand in
// the part that could be read, and the metadata's. No user is made for that but core; no key is taken away.
Plan make_rescue_plan(const CloudConfig& broken, const Metadata& metadata);

// "/etc/systemd/system/x.service" and its like.
std::string unit_path(const UnitConfig& unit);

}  // namespace bootstrap
