#pragma once
// sd_notify(3) from inside a container: a socket of ours there, whose messages go on to our own manager
// ($NOTIFY_SOCKET), with what only makes sense inside left out or translated.

#include <string>
#include <string_view>

#include "base/fd.h"
#include "runtime/spec.h"
#include "runtime/state.h"

namespace runtime {

inline constexpr const char* kNotifyDirectory = "notify";        // in the container's state directory
inline constexpr const char* kNotifyMountPoint = "/run/notify";  // where that is bound inside
inline constexpr const char* kNotifySocketInside = "/run/notify/notify";

// What of a message is for the manager: READY, STATUS, RELOADING, STOPPING, WATCHDOG, ERRNO; "" for nothing. With READY
// goes MAINPID, `main_pid` as the host sees it: a pid that is said inside means nothing outside.
std::string relayed_notification(std::string_view message, int main_pid);

class NotifyProxy {
 public:
  // Binds the socket in `directory`. Throws base::Error.
  NotifyProxy(const std::string& directory, int main_pid);

  const base::Fd& socket() const { return socket_; }
  // Passes one message on. True when it said that the application is ready.
  bool relay();

 private:
  base::Fd socket_;
  int main_pid_;
};

// Passes on what comes until the application is ready or its process has ended.
void wait_until_ready(NotifyProxy& proxy, const ContainerState& state);

// True when our caller wants to be told ($NOTIFY_SOCKET).
bool has_manager();

// Adds the bind of `directory` (made here) and the variable NOTIFY_SOCKET to a container.
void provide_notify_socket(const std::string& directory, ContainerSpec& spec);

}  // namespace runtime
