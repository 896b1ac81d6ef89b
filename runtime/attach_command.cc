// Two ways, as there are two kinds of containers. One with a terminal or with standard input has a keeper, which serves
// the socket `attach`. All others have nobody who could: their output is followed where it is kept, their signals come
// from us, and their end is what is written down about it.

#include "runtime/attach_command.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "runtime/cgroup.h"
#include "runtime/event_log.h"
#include "runtime/logs_command.h"
#include "runtime/process_keeper.h"
#include "runtime/supervisor.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr int kRuntimeError = 125;
constexpr int kSettleMilliseconds = 15000;  // until the end of what has ended is written down
constexpr std::chrono::milliseconds kDeathTime{500};

// Of one that is not there any more (--rm).
std::optional<int> recorded_exit_code(const StateStore& store, const std::string& id) {
  std::optional<int> code;
  EventReader(store.directory()).read([&](const Event& event) {
    if (event.id == id && event.event == "die")
      code = static_cast<int>(base::json_integer(event.attributes, "exitCode"));
    return true;
  });
  return code;
}

// Waits until its end is written down, except for one that its policy starts again.
std::optional<ContainerState> settled_state(const Machine& machine, const StateStore& store, const std::string& id) {
  std::optional<ContainerState> state = store.load(id);
  if (state && state->status == Status::kRestarting) return state;
  wait_until_settled(store, id, kSettleMilliseconds);
  settle(machine);
  return store.load(id);
}

// A keeper that has gone takes its container along (PR_SET_PDEATHSIG), a moment later.
bool goes_on(const StateStore& store, const ContainerState& state) {
  auto deadline = std::chrono::steady_clock::now() + kDeathTime;
  do {
    std::optional<ContainerState> now = store.load(state.id);
    if (!now || now->start_time != state.start_time || !process_is_alive(*now)) return false;
    poll(nullptr, 0, 10);
  } while (std::chrono::steady_clock::now() < deadline);
  return store.is_attended(state.id);
}

int after_lost(const Machine& machine, const StateStore& store, const ContainerState& state) {
  if (goes_on(store, state)) {
    throw base::Error("attach", state.name, "it was cut off, since it did not take the output; the container goes on");
  }
  std::optional<ContainerState> now = settled_state(machine, store, state.id);
  std::string why = now && !now->error.empty() ? now->error : "its keeper has gone";
  throw StartError(now ? now->exit_code : recorded_exit_code(store, state.id).value_or(kRuntimeError),
                   "attach " + state.name + ": " + why);
}

// To an init an interrupt means something else: what ends a program powers a machine off, as with `run` in front.
int passed_as(const ContainerState& state, int number) {
  bool ends = number == SIGTERM || number == SIGINT || number == SIGQUIT;
  return state.machine && ends ? signal_by_name(state.stop_signal) : number;
}

// Signals that come to us while this lives go to the container.
class PassedSignals {
 public:
  explicit PassedSignals(const ContainerState& state)
      : signals_(open_signals()), done_(base::check(eventfd(0, EFD_CLOEXEC), "make an event")), thread_([this, state] {
          std::array<pollfd, 2> waits = {{{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                                          {.fd = done_.get(), .events = POLLIN, .revents = 0}}};
          while (waits[1].revents == 0) {
            if (poll(waits.data(), waits.size(), -1) < 0) continue;
            while (std::optional<int> number = next_signal(signals_)) {
              if (*number != SIGWINCH) signal_process(state.pid, state.start_time, passed_as(state, *number));
            }
          }
        }) {}
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;
  ~PassedSignals() {
    eventfd_write(done_.get(), 1);
    thread_.join();
  }

 private:
  base::Fd signals_, done_;
  std::thread thread_;
};

int follow(const Machine& machine, const ContainerState& state, bool pass_signals) {
  StateStore store(machine.state);
  std::optional<PassedSignals> signals;
  if (pass_signals) {
    hold_signals();
    signals.emplace(state);
  }
  show_log(store, state, {.tail = 0, .follow = true}, false, [&] {
    std::optional<ContainerState> now = store.load(state.id);
    if (!now || now->status != Status::kRunning || now->start_time != state.start_time) return true;
    // A keeper still has to write what its pipes hold when the process has ended.
    return now->keeper == Keeper::kProcess ? !store.is_attended(state.id) : !process_is_alive(*now);
  });
  std::optional<ContainerState> now = store.load(state.id);
  // Its policy may have started it again already; what is written down is the end that we have seen.
  bool again = now && (now->status == Status::kRestarting || now->restarts > state.restarts);
  if (!again) now = settled_state(machine, store, state.id);
  if (now) return now->exit_code;
  if (std::optional<int> code = recorded_exit_code(store, state.id)) return *code;
  throw base::Error("attach", state.name, "it was removed when it ended");
}

ContainerState attachable(const Machine& machine, const std::string& name) {
  settle(machine);
  ContainerState state = StateStore(machine.state).find(name);
  if (state.status != Status::kRunning) {
    throw base::Error("attach", state.name, "it is not running (" + std::string(status_name(state.status)) + ")");
  }
  if (!state.cgroup.empty() && Cgroup(state.cgroup).is_frozen()) {
    throw base::Error("attach", state.name, "it is paused (unpause it first)");
  }
  return state;
}

int attach(const base::Invocation& invocation) {
  try {
    DetachKeys keys(invocation.get("detach-keys"));
    Machine machine = machine_of(invocation);
    ContainerState state = attachable(machine, invocation.arguments.front());
    bool input = state.open_stdin && !invocation.flag("no-stdin");
    bool pass_signals = invocation.given("sig-proxy") ? invocation.flag("sig-proxy") : !state.tty;
    if (!is_served(state)) return follow(machine, state, pass_signals);
    std::string path = StateStore(machine.state).path_of(state.id, kAttachSocket);
    if (!base::exists(path)) {
      if (!state.tty) return follow(machine, state, pass_signals);
      throw base::Error("attach", state.name, "its terminal is that of the command that has started it");
    }
    hold_signals();
    return stay_with(machine, state,
                     {.connection = connect_unix(path, SOCK_SEQPACKET),
                      .input = input,
                      .terminal = state.tty,
                      .redraw = true,
                      .pass_signals = pass_signals,
                      .keys = std::move(keys)},
                     invocation.program);
  } catch (const StartError& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return error.exit_code();
  } catch (const base::UsageError&) {
    throw;
  } catch (const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
    return kRuntimeError;
  }
}

}  // namespace

base::Option detach_keys_option() {
  return {.name = "detach-keys",
          .value = "KEYS",
          .help = "typed in a row, they leave its terminal and it goes on; \"\": none",
          .fallback = kDetachKeys};
}

int stay_with(const Machine& machine, const ContainerState& state, AttachRequest request, const std::string& program) {
  StateStore store(machine.state);
  AttachEnd end = stay_attached(std::move(request));
  switch (end.kind) {
    case AttachEnd::Kind::kExited:
      settled_state(machine, store, state.id);
      return end.code;
    case AttachEnd::Kind::kRefused:
      throw StartError(end.code, "attach " + state.name + ": " + end.text);
    case AttachEnd::Kind::kDetached:
      std::fprintf(stderr, "\n%s: detached; %s goes on\n", program.c_str(), state.name.c_str());
      return 0;
    case AttachEnd::Kind::kSignal:
      return 128 + end.code;
    case AttachEnd::Kind::kLost:
      break;
  }
  return after_lost(machine, store, state);
}

base::Command attach_command() {
  return {
      .name = "attach",
      .arguments = "CONTAINER",
      .summary = "use the terminal, or the input and output, of a container that runs",
      .options = {{.name = "no-stdin", .help = "only its output"},
                  {.name = "sig-proxy",
                   .help = "pass signals on to it; the default for one without a terminal (--no-sig-proxy: they end "
                           "this command)"},
                  detach_keys_option()},
      .min_arguments = 1,
      .max_arguments = 1,
      .run = attach,
      .description =
          "Shows what the container writes from now on, and ends with its exit code. Several may be attached at once. "
          "What is typed, or comes on standard input, goes to a container that was made with --interactive; the end "
          "of input that is not typed is the end of its input. One without --interactive has no input, so nothing "
          "is sent. The end of this command leaves the container as it is."};
}

}  // namespace runtime
