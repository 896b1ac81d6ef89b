#include "base/temp_dir.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

namespace base {

TempDir::TempDir(const std::string& prefix) {
  const char* parent = ::getenv("TMPDIR");
  path_ = std::string(parent != nullptr && *parent != 0 ? parent : "/tmp") + "/" + prefix + "-XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) throw_errno("make temporary directory", path_);
  fd_ = open_directory(path_);
}

TempDir::~TempDir() {
  try {
    const auto slash = path_.rfind('/');
    remove_tree_at(open_directory(path_.substr(0, slash)), path_.substr(slash + 1));
  } catch (const Error& error) {
    log_warning("{}", error.what());
  }
}

}  // namespace base
