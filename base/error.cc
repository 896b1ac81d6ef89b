#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace base {
namespace {

std::string compose(std::string_view operation, std::string_view object, std::string_view reason) {
  std::string text(operation);
  if (!object.empty()) {
    if (!text.empty()) text += ' ';
    text += object;
  }
  if (!reason.empty()) {
    if (!text.empty()) text += ": ";
    text += reason;
  }
  return text;
}

}  // namespace

Error::Error(std::string_view operation, std::string_view object, std::string_view reason)
    : std::runtime_error(compose(operation, object, reason)) {}

Error::Error(std::string_view operation, std::string_view object, int error_number)
    : std::runtime_error(compose(operation, object, std::generic_category().message(error_number))),
      error_number_(error_number) {}

void throw_errno(std::string_view operation, std::string_view object) {
  throw Error(operation, object, errno);
}

}  // namespace base
