// The image may hold anything at /dev/pts and /dev/console: so the multiplexer is opened below the root without
// following a link, must lie on a devpts, and the process' end comes from it by TIOCGPTPEER, never by a path
// (CVE-2025-52565). That descriptor is what is bound on /dev/console.

#include "runtime/terminal.h"

#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "runtime/mount_api.h"

namespace runtime {
namespace {

constexpr const char* kMultiplexer = "/dev/pts/ptmx";
constexpr unsigned kFirstPtyMajor = 136;  // 136 to 143: UNIX98_PTY_SLAVE_MAJOR in the kernel's devices.txt
constexpr unsigned kPtyMajors = 8;

base::Fd open_multiplexer(const base::Fd& root) {
  base::Fd multiplexer = find_below(root, kMultiplexer, O_RDWR | O_NOCTTY, Links::kRefuse);
  if (!multiplexer) throw base::Error("make a terminal", kMultiplexer, "the container has no devpts mounted there");
  struct statfs status = {};
  base::check(fstatfs(multiplexer.get(), &status), "stat", kMultiplexer);
  if (status.f_type != DEVPTS_SUPER_MAGIC) throw base::Error("make a terminal", kMultiplexer, "not on a devpts");
  return multiplexer;
}

base::Fd open_peer(const base::Fd& terminal) {
  int unlocked = 0;
  base::check(ioctl(terminal.get(), TIOCSPTLCK, &unlocked), "unlock a terminal");
  base::Fd peer(base::check(ioctl(terminal.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), "open a terminal"));
  struct stat status = {};
  base::check(fstat(peer.get(), &status), "stat a terminal");
  if (!S_ISCHR(status.st_mode) || major(status.st_rdev) - kFirstPtyMajor >= kPtyMajors) {
    throw base::Error("make a terminal", kMultiplexer, "its other end is no pty");
  }
  return peer;
}

}  // namespace

void take_terminal(const Process& process, const base::Fd& root, bool console, Channel& channel) {
  base::Fd terminal = open_multiplexer(root);
  base::Fd peer = open_peer(terminal);
  if (process.terminal_rows > 0 || process.terminal_columns > 0) {
    set_terminal_size(terminal, {process.terminal_rows, process.terminal_columns});
  }
  if (console) {
    base::Fd target = make_below(root, "/dev/console", false, Links::kRefuse);
    attach(clone_tree_at(peer, false), target, "/dev/console");
  }
  for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    base::check(dup2(peer.get(), number), "set a standard file");
  }
  base::check(ioctl(STDIN_FILENO, TIOCSCTTY, 0), "make the session's terminal");
  channel.send(kTerminal, 0, "", &terminal);
}

std::string terminal_name(const base::Fd& terminal) {
  unsigned number = 0;
  base::check(ioctl(terminal.get(), TIOCGPTN, &number), "ask for a terminal's number");
  return "/dev/pts/" + std::to_string(number);
}

TerminalSize terminal_size(int fd) {
  winsize size = {};
  if (ioctl(fd, TIOCGWINSZ, &size) < 0) return {};
  return {.rows = size.ws_row, .columns = size.ws_col};
}

void set_terminal_size(const base::Fd& terminal, TerminalSize size) {
  winsize wanted = {};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  base::check(ioctl(terminal.get(), TIOCSWINSZ, &wanted), "set a terminal's size");
}

void take_size_of_ours(Process& process) {
  if (!process.terminal || process.terminal_rows > 0) return;
  TerminalSize size = terminal_size(STDIN_FILENO);
  process.terminal_rows = size.rows;
  process.terminal_columns = size.columns;
}

RawTerminal::RawTerminal(int fd) {
  if (tcgetattr(fd, &saved_) < 0) return;
  termios raw = saved_;
  cfmakeraw(&raw);
  base::check(tcsetattr(fd, TCSANOW, &raw), "set the terminal to raw mode");
  fd_ = fd;
}

RawTerminal::~RawTerminal() {
  if (fd_ >= 0) tcsetattr(fd_, TCSADRAIN, &saved_);
}

}  // namespace runtime
