#include "runtime/sysctl.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "runtime/proc_files.h"

namespace runtime {
namespace {

// ipc_kern_table in ipc/ipc_sysctl.c.
constexpr std::array<std::string_view, 8> kIpcNames = {"kernel/msgmax", "kernel/msgmnb",         "kernel/msgmni",
                                                       "kernel/sem",    "kernel/shmall",         "kernel/shmmax",
                                                       "kernel/shmmni", "kernel/shm_rmid_forced"};

enum class Owner { kMachine, kNetwork, kIpc, kUts };

Owner owner_of(const std::string& path) {
  if (path.starts_with("net/")) return Owner::kNetwork;
  if (path.starts_with("fs/mqueue/")) return Owner::kIpc;
  if (std::ranges::find(kIpcNames, path) != kIpcNames.end()) return Owner::kIpc;
  if (path == "kernel/domainname" || path == "kernel/hostname") return Owner::kUts;
  return Owner::kMachine;
}

[[noreturn]] void refuse_sysctl(const std::string& name, const std::string& reason) {
  throw base::Error("set", "linux.sysctl." + name, reason);
}

// "" for none.
struct NamespaceOfOwner {
  bool own;
  const std::string& path;
  const char* name;
  const char* file;
};

NamespaceOfOwner namespace_of(Owner owner, const Namespaces& namespaces) {
  if (owner == Owner::kNetwork) return {namespaces.network, namespaces.network_path, "network", "/proc/self/ns/net"};
  if (owner == Owner::kIpc) return {namespaces.ipc, namespaces.ipc_path, "ipc", "/proc/self/ns/ipc"};
  return {namespaces.uts, namespaces.uts_path, "uts", "/proc/self/ns/uts"};
}

void check_uts(const ContainerSpec& spec, const std::string& name, const std::string& path, const std::string& value) {
  const std::string& member = path == "kernel/hostname" ? spec.host_name : spec.domain_name;
  if (!member.empty() && member != value) refuse_sysctl(name, "the configuration's own member says '" + member + "'");
}

}  // namespace

std::string sysctl_path(std::string_view name) {
  std::size_t first = name.find_first_of("./");
  std::string path(name);
  if (first != std::string_view::npos && name[first] == '.') {
    for (char& c : path) c = c == '.' ? '/' : (c == '/' ? '.' : c);
  }
  for (const std::string& part : base::split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return "";
  }
  return path;
}

void check_sysctls(const ContainerSpec& spec) {
  for (const auto& [name, value] : spec.sysctls) {
    std::string path = sysctl_path(name);
    if (path.empty()) refuse_sysctl(name, "not a name");
    Owner owner = owner_of(path);
    if (owner == Owner::kMachine) refuse_sysctl(name, "it belongs to the machine, not to a namespace");
    NamespaceOfOwner needed = namespace_of(owner, spec.namespaces);
    if (!needed.own && needed.path.empty()) {
      refuse_sysctl(name, std::string("needs a ") + needed.name + " namespace of its own");
    }
    if (owner == Owner::kUts) check_uts(spec, name, path, value);
  }
}

void check_joined_for_sysctls(const ContainerSpec& spec) {
  for (const auto& [name, value] : spec.sysctls) {
    NamespaceOfOwner needed = namespace_of(owner_of(sysctl_path(name)), spec.namespaces);
    if (needed.own) continue;
    struct stat joined = {};
    struct stat ours = {};
    base::check(stat(needed.path.c_str(), &joined), "stat", needed.path);
    base::check(stat(needed.file, &ours), "stat", needed.file);
    if (joined.st_ino == ours.st_ino && joined.st_dev == ours.st_dev) {
      refuse_sysctl(name, needed.path + " is the machine's own " + needed.name + " namespace");
    }
  }
}

void apply_sysctls(const ContainerSpec& spec, const base::Fd& proc) {
  for (const auto& [name, value] : spec.sysctls) {
    std::string path = sysctl_path(name);
    // Their files belong to the machine's root in every user namespace; the calls do not.
    if (path == "kernel/hostname") {
      base::check(sethostname(value.data(), value.size()), "set " + name, value);
    } else if (path == "kernel/domainname") {
      base::check(setdomainname(value.data(), value.size()), "set " + name, value);
    } else {
      write_proc(proc, "sys/" + path, value, "set " + name);
    }
  }
}

}  // namespace runtime
