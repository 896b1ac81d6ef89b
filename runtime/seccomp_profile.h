#pragma once
// The default system call filter as a table that people can read: what an application may call. Docker's default
// profile is the model (moby/profiles, seccomp/default.json), so that images which run there run here.

#include <span>
#include <string_view>

namespace runtime {

// Allowed for everyone, each string a list of names separated by blanks.
std::span<const std::string_view> allowed_calls();

// Allowed in addition to whoever has the capability ("CAP_…").
struct CapabilityCalls {
  std::string_view capability;
  std::string_view calls;
};
std::span<const CapabilityCalls> calls_by_capability();

// Names that old libraries probe before they fall back: they must see "no such call" (ENOSYS), not "not permitted".
std::string_view absent_calls();

}  // namespace runtime
