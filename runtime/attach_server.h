#pragma once
// The keeper's side of `container attach`: holds who is attached to a running container, gives them its output and
// gives it their input. A part of the keeper's loop: nothing in here waits.

#include <poll.h>

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "base/fd.h"
#include "runtime/attach_wire.h"

namespace runtime {

inline constexpr std::size_t kAttachClients = 16;           // at once; a further one is refused
inline constexpr std::size_t kAttachBacklog = 256 * 1024;   // bytes that one may be behind before the output waits
inline constexpr std::chrono::seconds kAttachPatience{10};  // who takes nothing for as long while it waits is cut off
inline constexpr std::chrono::seconds kAttachFlush{2};      // for the last output, when the container has ended

class AttachServer {
 public:
  using Clock = std::chrono::steady_clock;

  // Listens on the socket `path`, made anew; "": for those only that are brought by add().
  explicit AttachServer(const std::string& path);
  AttachServer(const AttachServer&) = delete;
  AttachServer& operator=(const AttachServer&) = delete;
  ~AttachServer();

  void add(base::Fd connection);

  // Where input goes: a terminal's other end, or a pipe, whose end is the end of the input. Without: nowhere.
  void set_terminal(const base::Fd& terminal);
  void set_pipe(base::Fd pipe);

  // Appends what is to be waited for. `output_waits()`: somebody is too far behind, so that no output is to be read
  // until `patience_ends()`, when relieve() cuts him off.
  void watch(std::vector<pollfd>& waits) const;
  bool output_waits() const;
  Clock::time_point patience_ends() const;
  void relieve(Clock::time_point now);

  // Does what can be done now; `pid_fd`: who gets signals.
  void serve(const base::Fd& pid_fd);

  // Output for everybody. `kind`: kOutput or kErrorOutput.
  void give(AttachMessage::Kind kind, std::string_view data);

  // Tells everybody the exit code, after what is still to be written, and lets them go.
  void end(int exit_code);

 private:
  struct Client {
    base::Fd connection;
    std::deque<std::string> packets = {};  // not taken yet
    std::size_t behind = 0;                // bytes in them
    Clock::time_point moved = {};          // when one was taken, or since when the output waits for it
    bool untold = false;                   // its input has not been taken yet
  };

  void accept_clients();
  void send(Client& client, std::string packet);
  void flush(Client& client);
  void flush_and_leave(const AttachMessage& last);
  void hear(Client& client, const base::Fd& pid_fd);
  void take(Client& client, const AttachMessage& message, const base::Fd& pid_fd);
  void give_input();
  void drop_lost();

  std::string path_;
  base::Fd listener_;
  std::vector<Client> clients_;  // one without a connection has gone
  base::Fd input_to_;
  bool terminal_ = false;
  bool end_pipe_ = false;  // when all of `input_` has been written
  std::string input_;      // at most one message of each client
};

}  // namespace runtime
