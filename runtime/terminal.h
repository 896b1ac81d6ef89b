#pragma once
// A terminal for a process in a container (runtime-spec config.md "Process"): a pty of the container's own devpts,
// whose other end goes to who asked for it.

#include <termios.h>

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "runtime/channel.h"
#include "runtime/spec.h"

namespace runtime {

// --- inside; REQUIRES: the process leads a session

// Makes the pty below `root` (the container's, mounted but perhaps not entered), makes it our standard files and our
// session's terminal, and sends its other end over the channel (kTerminal). `console`: binds it on /dev/console, too.
// Throws base::Error, also when /dev/pts is no devpts of the container's or something else answers in its place.
void take_terminal(const Process& process, const base::Fd& root, bool console, Channel& channel);

// --- outside

// "/dev/pts/3" of a pty's other end, as it is named inside.
std::string terminal_name(const base::Fd& terminal);

struct TerminalSize {
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
};
// Of a terminal of ours; zeros when it is none.
TerminalSize terminal_size(int fd);
void set_terminal_size(const base::Fd& terminal, TerminalSize size);

// A process that is to use our own terminal begins with its size, unless it has one already.
void take_size_of_ours(Process& process);

// Our own terminal passes everything on while this lives (termios(3) "Raw mode"); as it was afterwards. Nothing happens
// when `fd` is no terminal.
class RawTerminal {
 public:
  explicit RawTerminal(int fd);
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  int fd_ = -1;  // -1: nothing to undo
  termios saved_ = {};
};

}  // namespace runtime
