#include "kv/data_dir.h"

#include <sys/file.h>
#include <unistd.h>

#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace kv {

namespace {

void lock(const base::Fd& file, int how, const std::string& path) {
  if (::flock(file.get(), how | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) base::throw_errno("lock", path + "/lock");
  const std::string holder(base::trim(base::read_all(file, 64)));
  throw base::Error("lock", path, std::format("process {} uses it already", holder.empty() ? "?" : holder));
}

}  // namespace

DataDir::DataDir(const std::string& path) : path_(path) {
  base::make_directories_durably(path, 0700);
  base::Fd directory = base::open_directory(path);
  lock_ = base::open_at(directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  lock(lock_, LOCK_EX, path);
  base::check(::ftruncate(lock_.get(), 0), "truncate", file("lock"));
  base::write_all(lock_, std::format("{}\n", ::getpid()));
  // What an earlier process made may be there without being durable: it may have been killed before its sync.
  base::check(::fsync(directory.get()), "fsync", path);
}

base::Fd lock_data_dir_to_look(const std::string& path) {
  const base::Fd directory = base::open_directory(path);
  if (!base::exists_at(directory, "lock")) return {};
  base::Fd file = base::open_at(directory, "lock", O_RDONLY | O_NOFOLLOW);
  lock(file, LOCK_SH, path);
  return file;
}

}  // namespace kv
