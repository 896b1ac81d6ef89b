#pragma once
// The caller's side of a container whose keeper holds its terminal or its input: our standard files are its own until
// it has ended or the detach keys are typed.

#include <optional>
#include <string>

#include "base/fd.h"
#include "runtime/detach_keys.h"

namespace runtime {

struct AttachRequest {
  base::Fd connection = {};   // to its keeper (attach_server.h)
  bool input = true;          // ours goes to it
  bool terminal = false;      // it has one: ours passes everything on, and its size is ours
  bool redraw = false;        // its size changes once, so that what is shown is shown again
  bool pass_signals = false;  // else they are about us
  DetachKeys keys = DetachKeys(kDetachKeys);
};

struct AttachEnd {
  enum class Kind {
    kExited,    // `code`
    kRefused,   // not attached, or not started: `code` for our caller, and why
    kDetached,  // by the keys
    kLost,      // the keeper has gone or has cut us off
    kSignal,    // `code` is one for us
  };
  Kind kind = Kind::kLost;
  int code = 0;
  std::string text = {};
};

// REQUIRES: hold_signals().
AttachEnd stay_attached(AttachRequest request);

}  // namespace runtime
