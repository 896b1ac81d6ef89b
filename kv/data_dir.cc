#include "kv/data_dir.h"

#include <sys/file.h>
#include <unistd.h>

#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace kv {

DataDir::DataDir(const std::string& path) : path_(path) {
  base::make_directories_durably(path, 0700);
  base::Fd directory = base::open_directory(path);
  lock_ = base::open_at(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) base::throw_errno("lock", file("lock"));
    std::string holder(base::trim(base::read_all(lock_, 64)));
    throw base::Error("lock", path, std::format("process {} uses it already", holder.empty() ? "?" : holder));
  }
  base::check(::ftruncate(lock_.get(), 0), "truncate", file("lock"));
  base::write_all(lock_, std::format("{}\n", ::getpid()));
  // What an earlier process made may be there without being durable: it may have been killed before its sync.
  base::check(::fsync(directory.get()), "fsync", path);
}

}  // namespace kv
