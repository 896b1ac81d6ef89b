#pragma once
// The wire between the runtime and a container's first process while it is set up: messages with at most one file
// descriptor each over a socket pair (unix(7), SOCK_SEQPACKET). It closes by itself when the application is executed.

#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"

namespace runtime {

struct Message {
  char kind = 0;
  int code = 0;      // kError: exit code for the user (125, 126, 127)
  std::string text;  // at most 4000 bytes are sent
  base::Fd fd;
};

inline constexpr char kTree = 'T';      // to the container: a mount tree, in the order of the set-up
inline constexpr char kGo = 'G';        // to the container: cgroup and network are there
inline constexpr char kReady = 'R';     // from the container: set up, waiting to be started
inline constexpr char kTerminal = 'P';  // from the container: the other end of its pty
inline constexpr char kHooks = 'H';     // from the container: mounted, waiting (for kGo) until hooks have run outside
inline constexpr char kListener = 'L';  // from the container: what its filter's listener gets; kGo when it has it
inline constexpr char kError = 'E';     // from the container: it failed, and why

class Channel {
 public:
  explicit Channel(base::Fd socket) : socket_(std::move(socket)) {}

  void send(char kind, int code = 0, const std::string& text = "", const base::Fd* fd = nullptr);
  // Nothing when the other side has closed (the application runs, or it died).
  std::optional<Message> receive();
  // Throws when another kind comes, or nothing.
  Message expect(char kind);

  const base::Fd& socket() const { return socket_; }

 private:
  base::Fd socket_;
};

// The code of a kError that tells of a startContainer hook; no program's exit code is made of it.
inline constexpr int kHookFailed = 124;

// Two ends of one wire.
std::pair<Channel, Channel> make_channel();

}  // namespace runtime
