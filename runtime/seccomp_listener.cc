// The descriptor is born in the process that the filter holds, and that process cannot send it: sendmsg may be a call
// that waits for the listener. So a thread is made before, which the filter does not hold: it sends for both, closes
// the descriptor, and has ended when the program is executed. (A child process that shares the descriptors would do,
// too, but would be left to the program as a zombie.) The thread has no thread-local storage of its own, as after
// vfork(2): while it works, the other only looks at a word in memory.

#include "runtime/seccomp_listener.h"

#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>

#include "base/error.h"
#include "runtime/oci_config.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr int kNotYet = -1;
constexpr int kNone = -2;

struct Handover {
  Channel* channel = nullptr;
  std::atomic<int> listener = kNotYet;  // the filter's descriptor; kNone when there will be none
  std::atomic<bool> done = false;
};

// True when the runtime has given the descriptor on. It knows why not, and is told so that its caller hears of it.
bool give_to_runtime(Channel& channel, const base::Fd& listener) {
  try {
    channel.send(kListener, 0, "", &listener);
    std::optional<Message> answer = channel.receive();
    if (answer && answer->kind == kGo) return true;
    if (answer) channel.send(kError, answer->code, answer->text);
  } catch (const base::Error&) {
    // The runtime has died.
  }
  return false;
}

int helper_main(void* argument) {
  auto& handover = *static_cast<Handover*>(argument);
  int number = kNotYet;
  while ((number = handover.listener.load()) == kNotYet) syscall(SYS_sched_yield);
  if (number != kNone) {
    base::Fd listener(number);
    if (!give_to_runtime(*handover.channel, listener)) syscall(SYS_exit_group, 125);
  }
  handover.done.store(true);
  syscall(SYS_exit, 0);  // not exit(3), which ends the process
  return 0;
}

// Never freed, since freeing it is a system call.
void start_helper(Handover& handover) {
  constexpr std::size_t kStack = 128UL * 1024;
  alignas(64) static std::array<char, kStack> stack;
  constexpr int kFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  base::check(clone(helper_main, stack.data() + stack.size(), kFlags, &handover),
              "start the seccomp listener's helper");
}

}  // namespace

void load_seccomp(const SeccompFilter& filter, Channel& channel) {
  if (filter.program.empty() || filter.listener.path.empty()) {
    install_seccomp(filter);
    return;
  }
  Handover handover;
  handover.channel = &channel;
  start_helper(handover);
  int listener = kNone;
  try {
    listener = install_seccomp(filter).release();
  } catch (...) {
    handover.listener.store(kNone);
    while (!handover.done.load()) sched_yield();
    throw;
  }
  handover.listener.store(listener);
  while (!handover.done.load()) {
  }
}

base::Json container_process_state(int pid, const std::string& metadata, const std::string& state) {
  base::Json json = {{"ociVersion", kOciVersion}, {"fds", {"seccompFd"}}, {"pid", pid}};
  if (!metadata.empty()) json["metadata"] = metadata;
  json["state"] = base::parse_json(state, "the container's state");
  return json;
}

void answer_listener_request(Channel& channel, const Message& request, const SeccompListener& listener, int pid,
                             const std::string& state) {
  try {
    if (!request.fd) throw base::Error("seccomp listener", listener.path, "the filter's descriptor did not come");
    base::Fd connection = connect_unix(listener.path, SOCK_STREAM);
    limit_sending(connection, kConnectTime);
    send_descriptor(connection, request.fd, base::to_text(container_process_state(pid, listener.metadata, state)));
  } catch (const base::Error& error) {
    channel.send(kError, 125, std::string("seccomp listener: ") + error.what());
    return;
  }
  channel.send(kGo);
}

base::Json seccomp_use_to_json(const SeccompFilter& filter) {
  return {
      {"flags", filter.flags}, {"listenerPath", filter.listener.path}, {"listenerMetadata", filter.listener.metadata}};
}

void read_seccomp_use(const base::Json& json, SeccompFilter& filter) {
  auto found = json.find("seccomp");
  if (found == json.end() || !found->is_object()) return;
  filter.flags = static_cast<std::uint64_t>(base::json_integer(*found, "flags"));
  filter.listener = {.path = base::json_string(*found, "listenerPath"),
                     .metadata = base::json_string(*found, "listenerMetadata")};
}

}  // namespace runtime
