#include "kv/store_error.h"

namespace kv {

std::string_view error_message(ErrorCode code) {
  switch (code) {
    case ErrorCode::kKeyNotFound:
      return "Key not found";
    case ErrorCode::kTestFailed:
      return "Compare failed";
    case ErrorCode::kNotFile:
      return "Not a file";
    case ErrorCode::kNotDirectory:
      return "Not a directory";
    case ErrorCode::kNodeExists:
      return "Key already exists";
    case ErrorCode::kRootReadOnly:
      return "Root is read only";
    case ErrorCode::kDirectoryNotEmpty:
      return "Directory not empty";
    case ErrorCode::kUnauthorized:
      return "The request requires user authentication";
    case ErrorCode::kPreviousValueRequired:
      return "PrevValue is Required in POST form";
    case ErrorCode::kTtlNotANumber:
      return "The given TTL in POST form is not a number";
    case ErrorCode::kIndexNotANumber:
      return "The given index in POST form is not a number";
    case ErrorCode::kInvalidField:
      return "Invalid field";
    case ErrorCode::kInvalidForm:
      return "Invalid POST form";
    case ErrorCode::kRefreshValue:
      return "Value provided on refresh";
    case ErrorCode::kRefreshTtlRequired:
      return "A TTL must be provided on refresh";
    case ErrorCode::kRaftInternal:
      return "Raft Internal Error";
    case ErrorCode::kLeaderElection:
      return "During Leader Election";
    case ErrorCode::kWatcherCleared:
      return "watcher is cleared due to etcd recovery";
    case ErrorCode::kEventIndexCleared:
      return "The event in requested index is outdated and cleared";
    case ErrorCode::kMemberExists:
      return "membership: ID exists";
    case ErrorCode::kPeerUrlExists:
      return "membership: peerURL exists";
    case ErrorCode::kMemberUnknown:
      return "membership: ID not found";
    case ErrorCode::kMemberRemoved:
      return "membership: ID removed";
    case ErrorCode::kTooFewStarted:
      return "etcdserver: re-configuration failed due to not enough started members";
  }
  return "";
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnauthorized:
      return 401;
    case ErrorCode::kKeyNotFound:
    case ErrorCode::kMemberUnknown:
      return 404;
    case ErrorCode::kMemberExists:
    case ErrorCode::kPeerUrlExists:
      return 409;
    case ErrorCode::kMemberRemoved:
      return 410;
    case ErrorCode::kNotFile:
    case ErrorCode::kDirectoryNotEmpty:
      return 403;
    case ErrorCode::kTestFailed:
    case ErrorCode::kNodeExists:
      return 412;
    case ErrorCode::kRaftInternal:
    case ErrorCode::kLeaderElection:
    case ErrorCode::kTooFewStarted:
      return 500;
    default:
      return 400;
  }
}

}  // namespace kv
