#pragma once
// One kvd: the real daemon in a process of its own, forked from here, on files that a power cut can take back.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "ledger.h"
#include "power_cut.h"

namespace power {

struct MemberPlace {
  std::string name;
  std::string folder;               // of this test; the data directory is below it
  std::string address;              // of 127.0.0.0/8, this member's alone
  std::vector<std::string> others;  // all members' "name=http://address:2380"; empty: it is alone
};

class Member {
 public:
  explicit Member(MemberPlace place);
  ~Member();  // kills it

  void start(const CutPlan& plan, const Lies& lies);
  bool running() const { return pid_ != 0; }
  // The log of this life says that clients are served.
  bool serves() const;
  // True when this life has ended, by SIGKILL. Throws Violation when it has ended in another way: its log says why.
  bool has_ended();
  // Waits for that, but not longer. It stays to be seen by has_ended().
  bool ends_within(std::chrono::milliseconds time) const;
  void kill();  // and waits
  // SIGTERM. False: the plan of its end came first. Throws Violation when it does not end well within ten seconds.
  bool stop();
  // After the end of a life: the power was gone with it. Where it is not called, the next life finds all that this one
  // has written, and a later cut may still take it back.
  Taken cut_power(base::Random& random);

  const std::string& address() const { return place_.address; }
  const std::string& name() const { return place_.name; }
  UndoLog& undo_log() { return undo_log_; }
  bool log_has(const std::string& text) const;  // of this life
  std::string log() const;

  // Asks it for all that it has, the writes behind index `settled` too. Nothing, and why, when it is gone
  // meanwhile or has no leader.
  std::optional<SeenState> look(std::uint64_t settled, std::string& why) const;

 private:
  [[noreturn]] void run_daemon() const;

  MemberPlace place_;
  std::string root_;
  std::string kept_;
  std::string log_file_;
  UndoLog undo_log_;
  bool power_was_cut_ = true;
  pid_t pid_ = 0;
  base::Fd process_;
};

}  // namespace power
