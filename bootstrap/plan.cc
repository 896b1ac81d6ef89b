#include "bootstrap/plan.h"

#include <algorithm>
#include <format>

#include "base/text.h"
#include "bootstrap/ssh_keys.h"

namespace bootstrap {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

void plan_hostname(Plan& plan, const CloudConfig& config, const Metadata& metadata) {
  if (!config.hostname.empty()) {
    plan.push_back({"hostname", config.hostname_mark.line, config.hostname, SetHostname{config.hostname}});
  } else if (!metadata.local_hostname.empty()) {
    plan.push_back({"meta-data", 0, metadata.local_hostname, SetHostname{metadata.local_hostname}});
  }
}

void plan_users(Plan& plan, const CloudConfig& config) {
  for (std::size_t i = 0; i < config.users.size(); i++) {
    const auto& user = config.users[i];
    const std::string key = std::format("users[{}]", i);
    plan.push_back({key, user.mark.line, user.name, EnsureUser{user}});
    if (!user.ssh_authorized_keys.empty())
      plan.push_back({key + ".ssh_authorized_keys", user.mark.line, user.name,
                      InstallKeys{user.name, user.ssh_authorized_keys, false}});
  }
}

// On CoreOS the user core is always there; on another Linux it is made like any user that may be missing.
void plan_core(Plan& plan, std::vector<std::string> keys, Mark mark, const std::vector<std::string>& more,
               bool keep_old) {
  keys.insert(keys.end(), more.begin(), more.end());
  if (keys.empty()) return;
  const std::string key = mark.line != 0 ? "ssh_authorized_keys" : "meta-data";
  UserConfig core;
  core.name = kCoreUser;
  core.gecos = "administrator";
  plan.push_back({key, mark.line, kCoreUser, EnsureUser{core}});
  plan.push_back({key, mark.line, kCoreUser, InstallKeys{kCoreUser, std::move(keys), keep_old}});
}

void plan_files(Plan& plan, const CloudConfig& config) {
  for (std::size_t i = 0; i < config.files.size(); i++) {
    const auto& file = config.files[i];
    plan.push_back({std::format("write_files[{}]", i), file.mark.line, file.path,
                    WriteFile{file.path, file.content, file.owner, file.permissions}});
  }
}

void plan_store(Plan& plan, const StoreConfig& store) {
  Environment values;
  const auto add = [&](const char* name, const std::vector<std::string>& urls) {
    if (!urls.empty()) values.emplace_back(name, base::join(urls, ","));
  };
  add("CLUSTEROS_ENDPOINTS", store.endpoints);
  add("CLUSTEROS_KV_LISTEN_CLIENT_URLS", store.listen_client_urls);
  add("CLUSTEROS_KV_ADVERTISE_CLIENT_URLS", store.advertise_client_urls);
  if (values.empty()) return;
  plan.push_back(
      {"clusteros.store", store.mark.line, kClusterEnvironment, SetEnvironment{kClusterEnvironment, values}});
  plan.push_back({"clusteros.store", store.mark.line, "daemons of ClusterOS", RestartDaemons{}});
}

// The addresses for units that have EnvironmentFile=/etc/environment, unless the user writes that file.
void plan_environment(Plan& plan, const CloudConfig& config, const Metadata& metadata) {
  if (std::ranges::contains(config.files, "/etc/environment", &FileConfig::path)) return;
  Environment values;
  for (const auto& [name, address] : metadata.addresses) values.emplace_back("COREOS_" + name, address);
  if (!values.empty()) plan.push_back({"meta-data", 0, "/etc/environment", SetEnvironment{"/etc/environment", values}});
}

void plan_units(Plan& plan, const CloudConfig& config) {
  Plan masks, enables, commands;
  bool any_network = false;
  for (std::size_t i = 0; i < config.units.size(); i++) {
    const auto& unit = config.units[i];
    const std::string key = std::format("coreos.units[{}]", i);
    const std::string path = unit_path(unit);
    any_network = any_network || unit.is_network();
    if (!unit.content.empty())
      plan.push_back({key + ".content", unit.mark.line, path, WriteFile{path, unit.content, "", 0644}});
    for (const auto& drop_in : unit.drop_ins) {
      const std::string drop_in_path = path + ".d/" + drop_in.name;
      plan.push_back(
          {key + ".drop_ins", drop_in.mark.line, drop_in_path, WriteFile{drop_in_path, drop_in.content, "", 0644}});
    }
    if (unit.is_network()) continue;  // networkd knows neither masks nor commands
    if (unit.mask)
      masks.push_back({key + ".mask", unit.mark.line, unit.name, MaskUnit{unit.name, *unit.mask, unit.runtime}});
    if (unit.enable)
      enables.push_back({key + ".enable", unit.mark.line, unit.name, EnableUnit{unit.name, unit.runtime}});
    if (!unit.command.empty())
      commands.push_back({key + ".command", unit.mark.line, unit.name, UnitCommand{unit.name, unit.command}});
  }
  if (config.units.empty()) return;
  plan.insert(plan.end(), masks.begin(), masks.end());
  // systemd must have read a unit before it can enable it.
  plan.push_back({"coreos.units", 0, "systemd", ReloadSystemd{}});
  plan.insert(plan.end(), enables.begin(), enables.end());
  if (any_network) plan.push_back({"coreos.units", 0, "systemd-networkd.service", RestartNetwork{}});
  plan.insert(plan.end(), commands.begin(), commands.end());
}

std::vector<std::string> whole_keys(std::vector<std::string> keys) {
  std::erase_if(keys, [](const std::string& key) { return !looks_like_ssh_key(key); });
  return keys;
}

}  // namespace

std::string unit_path(const UnitConfig& unit) {
  const std::string base = unit.runtime ? "/run/systemd/" : "/etc/systemd/";
  return base + (unit.is_network() ? "network/" : "system/") + unit.name;
}

Plan make_plan(const CloudConfig& config, const Metadata& metadata) {
  Plan plan;
  plan_hostname(plan, config, metadata);
  plan_users(plan, config);
  plan_core(plan, config.ssh_authorized_keys, config.ssh_authorized_keys_mark, metadata.public_keys, false);
  plan_files(plan, config);
  plan_store(plan, config.store);
  plan_environment(plan, config, metadata);
  plan_units(plan, config);
  return plan;
}

Plan make_rescue_plan(const CloudConfig& broken, const Metadata& metadata) {
  Plan plan;
  plan_core(plan, whole_keys(broken.ssh_authorized_keys), broken.ssh_authorized_keys_mark,
            whole_keys(metadata.public_keys), true);
  for (std::size_t i = 0; i < broken.users.size(); i++) {
    const auto& user = broken.users[i];
    auto keys = whole_keys(user.ssh_authorized_keys);
    if (user.name.empty() || keys.empty()) continue;
    plan.push_back({std::format("users[{}].ssh_authorized_keys", i), user.mark.line, user.name,
                    InstallKeys{user.name, std::move(keys), true}});
  }
  return plan;
}

}  // namespace bootstrap
