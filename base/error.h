#pragma once
// The one error type of ClusterOS: what failed, on what, why. Thrown where the failure is found, caught only at an
// edge (a request handler, a task's loop, main). Outcomes that a caller expects (not found, compare failed) are values.

#include <stdexcept>
#include <string>
#include <string_view>

namespace base {

class Error : public std::runtime_error {
 public:
  // The message reads "<operation> <object>: <reason>"; an empty part is left out.
  Error(std::string_view operation, std::string_view object, std::string_view reason);

  // For a failed system call: the reason is errno's text.
  Error(std::string_view operation, std::string_view object, int error_number);

  // errno of the failed call, or 0 when the failure was not a system call's.
  int error_number() const { return error_number_; }

 private:
  int error_number_ = 0;
};

// The command line was wrong: reported as "<program>: <message>", exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error with the current errno.
[[noreturn]] void throw_errno(std::string_view operation, std::string_view object = {});

// Returns `result`, or throws with errno when it is -1: `int fd = check(open(...), "open", path)`.
template <typename T>
T check(T result, std::string_view operation, std::string_view object = {}) {
  if (result == static_cast<T>(-1)) throw_errno(operation, object);
  return result;
}

}  // namespace base
