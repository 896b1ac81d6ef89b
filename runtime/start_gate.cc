#include "runtime/start_gate.h"

#include <sys/socket.h>

#include "base/error.h"
#include "base/file.h"
#include "runtime/channel.h"
#include "runtime/launch.h"
#include "runtime/unix_socket.h"

namespace runtime {
namespace {

constexpr const char* kStartSocket = "/start";

}  // namespace

base::Fd listen_for_start(const std::string& directory) {
  base::remove_file(directory + kStartSocket);
  base::Fd listener = bind_unix(directory + kStartSocket, SOCK_SEQPACKET);
  base::check(listen(listener.get(), 1), "listen", directory + kStartSocket);
  return listener;
}

void let_it_execute(const std::string& directory) {
  Channel channel(connect_unix(directory + kStartSocket, SOCK_SEQPACKET));
  if (std::optional<Message> failure = channel.receive()) throw StartError(failure->code, failure->text);
}

}  // namespace runtime
