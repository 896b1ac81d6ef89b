#include "runtime/container_data.h"

#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "runtime/container_uses.h"
#include "runtime/id_range.h"
#include "runtime/lifecycle.h"

namespace runtime {
namespace {

constexpr const char* kOwnerFile = "owner";
constexpr const char* kRemovedPrefix = ".removed-";  // no id begins so

std::string containers_path(const Machine& machine) {
  return machine.root + "/containers";
}

void write_owned(const std::string& path, std::string_view text, std::uint32_t owner) {
  base::Fd file = base::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  base::check(fchown(file.get(), owner, owner), "give to the container", path);
  base::write_all(file, text);
}

void make_owned_directory(const std::string& path, std::uint32_t owner, mode_t mode) {
  base::make_directories(path, mode);
  base::check(chown(path.c_str(), owner, owner), "give to the container", path);
}

std::string resolver_text(const RunRequest& request) {
  if (request.network == "none") return "";
  std::string host = base::read_file_if_exists("/etc/resolv.conf").value_or("");
  std::string resolved = base::read_file_if_exists("/run/systemd/resolve/resolv.conf").value_or("");
  std::string text = request.network == "host" ? host : resolver_configuration(host, resolved, request.dns_servers);
  // The last search line counts (resolv.conf(5)).
  if (!request.dns_search.empty()) text += "search " + base::join(request.dns_search, " ") + "\n";
  return text;
}

std::string hosts_text(const RunRequest& request, const std::string& host_name, const std::string& address) {
  std::string text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  text += (address.empty() ? "127.0.1.1" : address) + "\t" + host_name + "\n";
  for (const HostEntry& entry : request.hosts) text += entry.address + "\t" + entry.name + "\n";
  return text;
}

}  // namespace

std::string data_path(const Machine& machine, const std::string& id) {
  return containers_path(machine) + "/" + id;
}

std::vector<std::string> all_data(const Machine& machine) {
  if (!base::exists(containers_path(machine))) return {};
  return base::list_directory(containers_path(machine));
}

void make_layer(const Machine& machine, const std::string& id, std::uint32_t first_id) {
  std::string data = data_path(machine, id);
  base::make_directories(data, 0711);
  base::write_file_atomic(data + "/" + kOwnerFile, machine.state, 0600);
  make_owned_directory(data + "/upper", first_id, 0755);
  make_owned_directory(data + "/work", first_id, 0700);
}

std::vector<Mount> write_etc_files(const Machine& machine, const std::string& id, std::uint32_t first_id,
                                   const RunRequest& request, const std::string& address) {
  std::string data = data_path(machine, id);
  std::string host_name = host_name_of(request, id);
  std::vector<Mount> mounts;
  for (const auto& [name, text] : {std::pair<std::string, std::string>{"resolv.conf", resolver_text(request)},
                                   {"hosts", hosts_text(request, host_name, address)},
                                   {"hostname", host_name + "\n"}}) {
    // The rest of /etc is a machine's own, which it also writes to.
    if (request.boot && (name != "resolv.conf" || request.network != "bridge")) continue;
    write_owned(data + "/" + name, text, first_id);
    mounts.push_back({.destination = "/etc/" + name,
                      .type = "bind",
                      .source = data + "/" + name,
                      .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  }
  return mounts;
}

namespace {

// The second half: nobody finds the container any more, so that its volumes are not in use by it.
void finish_removal(const Machine& machine, const std::string& removed) {
  remove_volumes_of(machine, containers_path(machine) + "/" + removed);
  base::remove_tree_at(base::open_directory(containers_path(machine)), removed);
}

}  // namespace

// A crash at any point leaves only what remove_orphans() finds: the ids go first, since nobody would ask about a range
// without files; and a directory that is half gone, perhaps without its owner's name, has been renamed before.
void remove_data(const Machine& machine, const std::string& id) {
  release_ids(machine.root, id);
  if (!base::exists(data_path(machine, id))) return;
  base::Fd containers = base::open_directory(containers_path(machine));
  std::string removed = kRemovedPrefix + id;
  if (renameat(containers.get(), id.c_str(), containers.get(), removed.c_str()) < 0 && errno != ENOENT) {
    base::throw_errno("remove", data_path(machine, id));
  }
  finish_removal(machine, removed);
}

void remove_orphans(const Machine& machine) {
  StateStore store(machine.state);
  base::Fd held = store.lock_all();
  store.remove_unfinished();
  for (const std::string& id : all_data(machine)) {
    try {
      if (id.starts_with(kRemovedPrefix)) finish_removal(machine, id);
      if (!is_valid_id(id) || base::exists(store.path_of(id))) continue;
      std::optional<std::string> owner = base::read_file_if_exists(data_path(machine, id) + "/" + kOwnerFile);
      if (owner == machine.state) remove_data(machine, id);
    } catch (const base::Error& error) {
      // What cannot be removed (something of the machine's is mounted in it) keeps no command from its work.
      base::log_warning("what is left of container {}: {}", id, error.what());
    }
  }
}

}  // namespace runtime
