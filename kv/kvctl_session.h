#pragma once
// What kvctl's commands share: the connection, errors with etcdctl's words and exit codes, and the output formats.

#include <functional>
#include <string>

#include "base/applet.h"
#include "base/json.h"
#include "kv/client/endpoints.h"

namespace kv {

// etcdctl's exit codes.
inline constexpr int kExitBadArguments = 1;
inline constexpr int kExitServerError = 4;
inline constexpr int kExitClusterNotHealthy = 5;

// Ends a command: "Error:  <text>" on standard error and this exit code.
struct CommandFailed {
  int exit_code = kExitServerError;
  std::string text;
};

class KvctlSession {
 public:
  explicit KvctlSession(const base::Invocation& invocation);

  // Throws CommandFailed for an error answer ("100: Key not found (/x) [3]") and when no endpoint answers.
  base::Json call(const std::string& method, const std::string& key, const std::string& query,
                  const std::string& form = "");
  base::Json get_path(const std::string& path);
  // A request that changes something beside the keys; `body` is JSON. Null where the answer has none.
  base::Json change(const std::string& method, const std::string& path, const std::string& body);

  // Events at `key` (and below) from `index` on (0: from now), until `each` returns false.
  void watch(const std::string& key, bool recursive, std::uint64_t index,
             const std::function<bool(const base::Json&)>& each);

  const ClientTls& tls() const { return tls_; }
  bool simple() const { return output_ == "simple"; }

  // The answer as -o asks for it: the value, a block of headers, or JSON.
  void print(const base::Json& answer) const;

 private:
  base::HttpResponse send(const base::HttpRequest& request);

  ClientTls tls_;
  Endpoints endpoints_;
  std::string output_;
  std::uint64_t index_ = 0;  // X-Etcd-Index of the last answer
};

// For command tables: runs F and turns CommandFailed into its exit code.
int run_command(const base::Invocation& invocation, int (*command)(const base::Invocation&, KvctlSession&));

}  // namespace kv
