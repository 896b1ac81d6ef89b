#include "runtime/notify_proxy.h"

#include <poll.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/notify.h"
#include "base/text.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr const char* kVariable = "NOTIFY_SOCKET";
constexpr std::size_t kMaxMessage = 4096;  // bytes; systemd takes PIPE_BUF
constexpr std::array<std::string_view, 6> kRelayed = {"READY", "STATUS", "RELOADING", "STOPPING", "WATCHDOG", "ERRNO"};

bool is_ready(std::string_view message) {
  return std::ranges::contains(base::split(message, '\n'), "READY=1");
}

}  // namespace

std::string relayed_notification(std::string_view message, int main_pid) {
  std::string result;
  for (const std::string& line : base::split(message, '\n')) {
    std::size_t end = line.find('=');
    if (end == std::string::npos || !std::ranges::contains(kRelayed, std::string_view(line).substr(0, end))) continue;
    result += line + "\n";
    if (line == "READY=1") result += "MAINPID=" + std::to_string(main_pid) + "\n";
  }
  return result;
}

NotifyProxy::NotifyProxy(const std::string& directory, int main_pid) : main_pid_(main_pid) {
  std::string path = directory + "/notify";
  base::remove_file(path);
  // Any user of the container may speak for the application; systemd's NotifyAccess= is about our caller.
  mode_t mask = umask(0);
  socket_ = bind_unix(path, SOCK_DGRAM);
  umask(mask);
}

bool NotifyProxy::relay() {
  std::array<char, kMaxMessage> buffer;
  ssize_t length = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (length < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  base::check(length, "hear from the application");
  std::string_view message(buffer.data(), static_cast<std::size_t>(length));
  std::string text = relayed_notification(message, main_pid_);
  if (!text.empty()) base::notify_manager(text);
  if (!is_ready(message)) return false;
  base::notify_barrier();
  return true;
}

void wait_until_ready(NotifyProxy& proxy, const ContainerState& state) {
  base::Fd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!pid_fd || !process_is_alive(state)) return;
  std::array<pollfd, 2> waits = {{{.fd = proxy.socket().get(), .events = POLLIN, .revents = 0},
                                  {.fd = pid_fd.get(), .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) base::throw_errno("wait for the application");
    if (waits[0].revents != 0 && proxy.relay()) return;
    if (waits[0].revents == 0 && waits[1].revents != 0) return;
  }
}

bool has_manager() {
  const char* value = std::getenv(kVariable);
  return value != nullptr && *value != '\0';
}

void provide_notify_socket(const std::string& directory, ContainerSpec& spec) {
  base::make_directories(directory, 0755);
  spec.mounts.push_back({.destination = kNotifyMountPoint,
                         .type = "bind",
                         .source = directory,
                         .attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC});
  std::string prefix = std::string(kVariable) + "=";
  std::erase_if(spec.process.environment, [&](const std::string& entry) { return entry.starts_with(prefix); });
  spec.process.environment.push_back(prefix + kNotifySocketInside);
}

}  // namespace runtime
