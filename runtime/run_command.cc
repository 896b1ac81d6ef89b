#include "runtime/run_command.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "runtime/attach_command.h"
#include "runtime/boot.h"
#include "runtime/event_log.h"
#include "runtime/images_command.h"
#include "runtime/own_program.h"
#include "runtime/pod_member.h"
#include "runtime/process_keeper.h"
#include "runtime/run_flags.h"
#include "runtime/service.h"
#include "runtime/stop.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr int kRuntimeError = 125;
constexpr std::chrono::seconds kLockWait{5};  // a keeper says its last words within 2 s

// A terminal and an open input want somebody who holds their other end, which systemd does not.
Keeper keeper_in_background(const RunRequest& request) {
  bool possible = can_be_service();
  const std::string& log_driver = request.log_driver;
  if (!request.boot && (request.terminal || request.keep_standard_input)) {
    if (log_driver != "journald") return Keeper::kProcess;
    throw base::UsageError("--log-driver journald and --tty or --interactive exclude each other: both need a reader");
  }
  if (log_driver == "journald" && !possible) {
    throw base::Error("log to", "journald", "systemd is not this machine's init, or cgroup v2 is not mounted");
  }
  return possible && log_driver != "local" ? Keeper::kSystemd : Keeper::kProcess;
}

// Finds the image, fetched when it is not here, and makes the container. `lock` is the container's.
std::string create_from(const base::Invocation& invocation, const Machine& machine, const RunRequest& request,
                        Status made, base::Fd& lock) {
  settle(machine);
  // Before an image is fetched in vain.
  if (!request.pod.empty() && !request.pod.starts_with(kNewPod)) PodStore(StateStore(machine.state)).find(request.pod);
  const std::string& reference = invocation.arguments.front();
  if (request.boot && names_a_tree(reference)) {
    return create_container(machine, request, image_of_tree(reference), base::Fd(), made, lock);
  }
  ImageStore images(machine.root);
  base::Fd image_lock = images.lock_shared();
  std::optional<Image> image = images.find(reference);
  if (!image) {
    image_lock.reset();
    fetch_for(invocation, reference);
    image_lock = images.lock_shared();
    image = images.find(reference);
    if (!image) throw base::Error("run", reference, "the image was removed while it was fetched");
  }
  return create_container(machine, request, *image, std::move(image_lock), made, lock);
}

void start_kept(const Machine& machine, const std::string& id, Keeper keeper, base::Fd lock) {
  begin_start(machine, id, keeper);
  if (keeper == Keeper::kSystemd) {
    start_service(machine, id);
  } else {
    start_in_background(machine, id, std::move(lock));
  }
}

RunRequest checked_request(const base::Invocation& invocation) {
  RunRequest request = request_of(invocation);
  if (!invocation.flag("detach")) {
    if (request.log_driver == "journald") throw base::UsageError("--log-driver journald needs --detach");
    if (request.restart.kind != RestartPolicy::Kind::kNo) throw base::UsageError("--restart needs --detach");
    if (request.health.action == HealthAction::kRestart) {
      throw base::UsageError("--health-on-failure restart needs --detach");
    }
  }
  return request;
}

// With the pod that was made for it.
void remove_unstarted(const Machine& machine, const std::string& id, const RunRequest& request) {
  std::optional<ContainerState> state = StateStore(machine.state).load(id);
  remove_with_volumes(machine, id);
  if (state && request.pod.starts_with(kNewPod)) remove_empty_pod(machine, state->pod);
}

// A terminal that is ours by being typed at: the container is to outlive the detach keys, so that another process keeps
// it.
bool may_be_left(const RunRequest& request) {
  return request.terminal && !request.boot && isatty(STDIN_FILENO) == 1;
}

int start_and_stay(const Machine& machine, const std::string& id, base::Fd lock, AttachRequest request,
                   const std::string& program, bool& runs) {
  hold_signals();
  request.connection = start_attached_in_background(machine, id, std::move(lock));
  runs = true;
  request.terminal = true;
  request.pass_signals = true;
  StateStore store(machine.state);
  std::optional<ContainerState> state = store.load(id);
  if (!state) state.emplace().name = state->id = id;  // it has ended and is removed
  return stay_with(machine, *state, std::move(request), program);
}

int run(const base::Invocation& invocation) {
  return reported(invocation, [&] {
    Machine machine = machine_of(invocation);
    RunRequest request = checked_request(invocation);
    if (request.host_users) protect_binary();
    bool detach = invocation.flag("detach");
    DetachKeys keys(invocation.get("detach-keys"));
    Keeper keeper = detach ? keeper_in_background(request) : Keeper::kProcess;
    base::Fd lock;
    std::string id = create_from(invocation, machine, request, Status::kCreating, lock);
    bool runs = false;
    try {
      if (detach) {
        start_kept(machine, id, keeper, std::move(lock));
        std::printf("%s\n", id.c_str());
        return 0;
      }
      begin_start(machine, id, keeper);
      if (may_be_left(request)) {
        return start_and_stay(machine, id, std::move(lock), {.input = request.keep_standard_input, .keys = keys},
                              invocation.program, runs);
      }
      return run_to_the_end(machine, id, {.output = true, .input = request.keep_standard_input, .restart = false},
                            [&] { runs = true; });
    } catch (...) {
      // Not started: nothing of it stays, so that the same command can be given again.
      if (!runs) remove_unstarted(machine, id, request);
      throw;
    }
  });
}

int create(const base::Invocation& invocation) {
  return reported(invocation, [&] {
    Machine machine = machine_of(invocation);
    RunRequest request = request_of(invocation);
    keeper_in_background(request);
    base::Fd lock;
    std::printf("%s\n", create_from(invocation, machine, request, Status::kCreated, lock).c_str());
    return 0;
  });
}

// Others hold the lock of a container that does not run for a moment, to look at it (settle, is_attended) or to finish
// its end.
base::Fd lock_to_start(const StateStore& store, const ContainerState& state) {
  auto deadline = std::chrono::steady_clock::now() + kLockWait;
  for (;;) {
    std::optional<base::Fd> lock = store.try_lock(state.id);
    std::optional<ContainerState> now = store.load(state.id);
    if (!now || is_active(*now)) {
      throw base::Error("start", state.name, "it is " + std::string(now ? status_name(now->status) : "gone"));
    }
    if (lock) return std::move(*lock);
    if (std::chrono::steady_clock::now() > deadline) throw base::Error("start", state.name, "another command holds it");
    poll(nullptr, 0, 2);
  }
}

int start_attached(const Machine& machine, const ContainerState& state, bool input, const DetachKeys& keys,
                   const std::string& program) {
  base::Fd lock = lock_to_start(StateStore(machine.state), state);
  begin_start(machine, state.id, Keeper::kProcess);
  bool runs = false;
  try {
    if (may_be_left(load_request(StateStore(machine.state), state.id).request)) {
      return start_and_stay(machine, state.id, std::move(lock), {.input = input, .keys = keys}, program, runs);
    }
    return run_to_the_end(machine, state.id, {.output = true, .input = input, .restart = false}, [&] { runs = true; });
  } catch (const StartError& error) {
    if (!runs) record_start_failure(machine, state.id, error.exit_code(), error.what());
    throw;
  } catch (const base::Error& error) {
    if (!runs) record_start_failure(machine, state.id, kRuntimeError, error.what());
    throw;
  }
}

int start(const base::Invocation& invocation) {
  return reported(invocation, [&] {
    Machine machine = machine_of(invocation);
    settle(machine);
    StateStore store(machine.state);
    bool attach = invocation.flag("attach") || invocation.flag("interactive");
    DetachKeys keys(invocation.get("detach-keys"));
    if (attach && invocation.arguments.size() != 1) throw base::UsageError("--attach takes one container");
    if (attach) {
      protect_from(store, invocation.arguments);
      return start_attached(machine, store.find(invocation.arguments.front()), invocation.flag("interactive"), keys,
                            invocation.program);
    }
    protect_from(store, invocation.arguments);
    for (const std::string& name : invocation.arguments) {
      ContainerState state = store.find(name);
      if (state.status != Status::kRunning) start_container(machine, state);
      std::printf("%s\n", name.c_str());
    }
    return 0;
  });
}

int restart(const base::Invocation& invocation) {
  return reported(invocation, [&] {
    Machine machine = machine_of(invocation);
    settle(machine);
    StateStore store(machine.state);
    protect_from(store, invocation.arguments);
    for (const std::string& name : invocation.arguments) {
      ContainerState state = store.find(name);
      if (state.remove_at_exit) throw base::Error("restart", name, "it is removed when it ends (--rm)");
      stop_container(machine, state, stop_seconds(invocation, state));
      start_container(machine, store.find(state.id));
      record_event(store, state, "restart");
      std::printf("%s\n", name.c_str());
    }
    return 0;
  });
}

std::vector<base::Option> with_request_options(std::vector<base::Option> options) {
  for (const base::Option& option : request_options()) options.push_back(option);
  for (const base::Option& option : registry_options()) options.push_back(option);
  return options;
}

}  // namespace

int reported(const base::Invocation& invocation, const std::function<int()>& action) {
  try {
    remember_own_program();
    protect_binary_from_ranges();
    return action();
  } catch (const StartError& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return error.exit_code();
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return kRuntimeError;
  }
}

void protect_from(const StateStore& store, const std::vector<std::string>& names) {
  bool as_root = std::ranges::any_of(names, [&](const std::string& name) { return !store.find(name).namespaces.user; });
  if (as_root) protect_binary();
}

void start_container(const Machine& machine, const ContainerState& state) {
  StateStore store(machine.state);
  base::Fd lock = lock_to_start(store, state);
  RunRequest request = load_request(store, state.id).request;
  Keeper keeper = keeper_in_background(request);
  try {
    start_kept(machine, state.id, keeper, std::move(lock));
  } catch (const StartError& error) {
    record_start_failure(machine, state.id, error.exit_code(), error.what());
    throw;
  } catch (const base::Error& error) {
    record_start_failure(machine, state.id, kRuntimeError, error.what());
    throw;
  }
}

std::vector<base::Command> run_commands() {
  return {
      {.name = "run",
       .arguments = "IMAGE [COMMAND [ARGUMENT...]]",
       .summary = "run an application from an image, fetched when it is not here",
       .options = with_request_options(
           {{.name = "detach", .letter = 'd', .help = "print its id and return once it runs"}, detach_keys_option()}),
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = run,
       .description = "Without --detach the application's output is this command's, signals sent to this command are "
                      "passed on, and its exit code is the application's (128 + N when signal N ended it). 125: it "
                      "could not be set up; 126: the program cannot be executed; 127: there is no such program.",
       .pass_through = true},
      {.name = "create",
       .arguments = "IMAGE [COMMAND [ARGUMENT...]]",
       .summary = "make a container without starting it, and print its id",
       .options = with_request_options({}),
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = create,
       .pass_through = true},
      {.name = "start",
       .arguments = "CONTAINER...",
       .summary = "start containers that were made or have ended, with what they wrote",
       .options = {{.name = "attach", .letter = 'a', .help = "stay, as `run` does without --detach"},
                   {.name = "interactive", .letter = 'i', .help = "the same, with standard input"},
                   detach_keys_option()},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = start},
      {.name = "restart",
       .arguments = "CONTAINER...",
       .summary = "stop containers that run, and start them",
       .options = {stop_time_option()},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = restart},
  };
}

}  // namespace runtime
