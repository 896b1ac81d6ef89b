#include "runtime/joined_container.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

constexpr std::string_view kPrefix = "container:";

std::array<std::string*, 4> modes_of(RunRequest& request) {
  return {&request.network, &request.pid_mode, &request.ipc_mode, &request.uts_mode};
}

bool joins(const std::string& mode) {
  return mode.starts_with(kPrefix);
}

}  // namespace

std::string parse_namespace_mode(std::string_view option, const std::string& text) {
  if (text == "private") return "";
  if (text == "host" || (joins(text) && is_valid_id(std::string_view(text).substr(kPrefix.size())))) return text;
  throw base::UsageError(std::string(option) + " '" + text + "': expected private, host or container:NAME");
}

std::string joined_container(const RunRequest& request) {
  std::string name;
  RunRequest copy = request;
  for (const std::string* mode : modes_of(copy)) {
    if (!joins(*mode)) continue;
    std::string other = mode->substr(kPrefix.size());
    if (!name.empty() && other != name) {
      throw base::UsageError("namespaces of " + name + " and of " + other + ": only those of one container are shared");
    }
    name = other;
  }
  return name;
}

std::optional<ContainerState> find_joined_container(const StateStore& store, RunRequest& request) {
  std::string name = joined_container(request);
  if (name.empty()) return std::nullopt;
  ContainerState state = store.find(name);
  if (!state.bundle.empty()) throw base::Error("join container", name, "it is of a bundle");
  if (request.host_users && state.namespaces.user) {
    throw base::Error("join container", name, "it has a user namespace, so --userns host cannot be");
  }
  request.host_users = !state.namespaces.user;
  for (std::string* mode : modes_of(request)) {
    if (joins(*mode)) *mode = std::string(kPrefix) + state.id;
  }
  return state;
}

SharedNamespaces SharedNamespaces::open(const ContainerState& state) {
  SharedNamespaces shared;
  auto not_running = [&] { return base::Error("join container", state.name, "it is not running"); };
  if (!process_is_alive(state)) throw not_running();
  std::string directory = "/proc/" + std::to_string(state.pid) + "/ns/";
  auto open_one = [&](const char* name) { return base::open_file(directory + name, O_RDONLY); };
  try {
    if (state.namespaces.user) shared.user_ = open_one("user");
    shared.network_ = open_one("net");
    shared.pid_namespace_ = open_one("pid");
    shared.ipc_ = open_one("ipc");
    shared.uts_ = open_one("uts");
  } catch (const base::Error&) {
    if (!process_is_alive(state)) throw not_running();
    throw;
  }
  // What was opened is its own only if it has been there until now.
  if (!process_is_alive(state)) throw not_running();
  shared.pid_ = state.pid;
  return shared;
}

void SharedNamespaces::share(const Wanted& wanted, ContainerSpec& spec) const {
  Namespaces& namespaces = spec.namespaces;
  auto join = [](bool wants, const base::Fd& file, bool& own, std::string& path) {
    if (!wants || !file) return;
    own = false;
    path = proc_path(file);
  };
  join(true, user_, namespaces.user, namespaces.user_path);
  join(wanted.network, network_, namespaces.network, namespaces.network_path);
  join(wanted.pid, pid_namespace_, namespaces.pid, namespaces.pid_path);
  join(wanted.ipc, ipc_, namespaces.ipc, namespaces.ipc_path);
  join(wanted.uts, uts_, namespaces.uts, namespaces.uts_path);
  if (wanted.uts) spec.host_name.clear();
  if (!wanted.ipc) return;
  for (Mount& mount : spec.mounts) {
    if (mount.destination != "/dev/shm") continue;
    mount = {.destination = "/dev/shm", .type = "bind", .source = "/dev/shm", .of_process = pid_};
  }
}

SharedNamespaces::Wanted wanted_of(const RunRequest& request) {
  return {.network = joins(request.network),
          .pid = joins(request.pid_mode),
          .ipc = joins(request.ipc_mode),
          .uts = joins(request.uts_mode)};
}

}  // namespace runtime
