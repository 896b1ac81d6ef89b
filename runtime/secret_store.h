#pragma once
// Secrets: passwords, keys, which an application finds as files below /run/secrets. They are kept in
// <root>/secrets/NAME (mode 0600, the directory is root's alone), and are written from there into a file system in
// memory when a container starts. Nothing else of ours has them: no command line, variable, log, state or
// specification.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"

namespace runtime {

inline constexpr std::size_t kMaxSecret = 512 * 1024;  // bytes

// What `container run --secret` says.
struct SecretWord {
  std::string name;
  std::string target;  // the file's name below /run/secrets
  std::uint32_t mode = 0444;
  std::uint32_t uid = 0;  // in the container
  std::uint32_t gid = 0;
};

// "db-password", "db-password,target=password,mode=0400,uid=1000,gid=1000". Pure; throws base::UsageError.
SecretWord parse_secret(std::string_view text);

struct SecretInfo {
  std::string name;
  std::size_t size = 0;  // bytes
  std::string created;   // RFC 3339
};

class SecretStore {
 public:
  // `root`: the runtime's.
  explicit SecretStore(const std::string& root) : directory_(root + "/secrets") {}

  // For what makes, removes, or begins to use secrets. Takes away what a crash has left.
  base::Fd lock() const;
  // The caller holds lock(). Throws base::Error when there is one, and for one that is empty or too large.
  void create(const std::string& name, std::string_view content) const;
  void remove(const std::string& name) const;  // the same; throws when there is none

  bool has(const std::string& name) const;
  std::vector<SecretInfo> list() const;
  std::string path_of(const std::string& name) const;

 private:
  std::string directory_;
};

}  // namespace runtime
