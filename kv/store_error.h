#pragma once
// etcd v2's errors (v2error/error.go): an expected outcome of a request, so a value.

#include <cstdint>
#include <string>
#include <string_view>

namespace kv {

enum class ErrorCode : int {
  kKeyNotFound = 100,
  kTestFailed = 101,
  kNotFile = 102,
  kNotDirectory = 104,
  kNodeExists = 105,
  kRootReadOnly = 107,
  kDirectoryNotEmpty = 108,
  kUnauthorized = 110,
  kPreviousValueRequired = 201,
  kTtlNotANumber = 202,
  kIndexNotANumber = 203,
  kInvalidField = 209,
  kInvalidForm = 210,
  kRefreshValue = 211,
  kRefreshTtlRequired = 212,
  kRaftInternal = 300,
  kLeaderElection = 301,
  kWatcherCleared = 400,
  kEventIndexCleared = 401,

  // Of member changes (membership/errors.go). /v2/members has answers of its own, so these numbers are never sent.
  kMemberExists = 1001,
  kPeerUrlExists = 1002,
  kMemberUnknown = 1003,
  kMemberRemoved = 1004,
  kTooFewStarted = 1005,
};

struct StoreError {
  ErrorCode code = ErrorCode::kRaftInternal;
  std::string cause = {};
  std::uint64_t index = 0;  // of the store; 0 when the request never reached it
};

std::string_view error_message(ErrorCode code);  // "Key not found"
int http_status(ErrorCode code);

}  // namespace kv
