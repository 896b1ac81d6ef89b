#include "bootstrap/account_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <format>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "bootstrap/files.h"
#include "bootstrap/ssh_keys.h"

namespace bootstrap {
namespace {

constexpr auto kLockDeadline = std::chrono::seconds(15);  // lckpwdf(3)'s
constexpr int kMaxSkeletonDepth = 8;

struct AccountFile {
  std::string name;
  std::string AccountFiles::* text;
  FileAttributes fallback;  // for a file that is not there yet
};

// In the order of writing.
const std::array<AccountFile, 4>& account_files() {
  static const std::array<AccountFile, 4> kFiles{{{"group", &AccountFiles::group, {0644, 0, 0}},
                                                  {"gshadow", &AccountFiles::gshadow, {0600, 0, 0}},
                                                  {"shadow", &AccountFiles::shadow, {0600, 0, 0}},
                                                  {"passwd", &AccountFiles::passwd, {0644, 0, 0}}}};
  return kFiles;
}

// The lock of lckpwdf(3), which all tools that edit these files take. Freed with the descriptor.
base::Fd lock_accounts(const base::Fd& etc) {
  base::Fd fd = base::open_at(etc, ".pwd.lock", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  const auto deadline = base::system_clock().now() + kLockDeadline;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  while (fcntl(fd.get(), F_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES) base::throw_errno("lock", "/etc/.pwd.lock");
    if (base::system_clock().now() > deadline) throw base::Error("lock", "/etc/.pwd.lock", "held by another program");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fd;
}

AccountFiles read_accounts_at(const base::Fd& etc) {
  AccountFiles files;
  for (const auto& file : account_files())
    if (auto state = read_state_at(etc, file.name)) files.*file.text = std::move(state->content);
  return files;
}

base::Fd open_etc(const base::Fd& root) {
  return open_parent(root, "/etc/passwd", true).directory;
}

void copy_tree(const base::Fd& from, const base::Fd& to, const base::User& user, int depth) {
  if (depth > kMaxSkeletonDepth) throw base::Error("copy", "/etc/skel", "nested too deeply");
  for (const auto& name : base::list_directory_at(from, ".", 1000)) {
    struct stat info{};
    base::check(fstatat(from.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW), "stat", name);
    if (S_ISDIR(info.st_mode)) {
      base::check(mkdirat(to.get(), name.c_str(), 0700), "make directory", name);
      const base::Fd inner = base::open_at(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      copy_tree(base::open_at(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), inner, user, depth + 1);
      base::check(fchown(inner.get(), user.uid, user.gid), "change owner of", name);
      base::check(fchmod(inner.get(), info.st_mode & 0777), "change mode of", name);
    } else if (const auto state = read_state_at(from, name)) {
      put_file_at(to, name, state->content, {info.st_mode & 0777, user.uid, user.gid});
    }
  }
}

// A directory of the user's, made when it is missing. Somebody else's, or a link, is an error.
base::Fd open_user_directory(const base::Fd& parent, const std::string& name, const base::User& user) {
  const bool made = mkdirat(parent.get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) base::throw_errno("make directory", name);
  base::Fd directory = base::open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  struct stat info{};
  base::check(fstat(directory.get(), &info), "stat", name);
  if (made) base::check(fchown(directory.get(), user.uid, user.gid), "change owner of", name);
  if (!made && info.st_uid != user.uid && info.st_uid != 0)
    throw base::Error("open", name, std::format("it belongs to user number {}, not to {}", info.st_uid, user.name));
  return directory;
}

}  // namespace

AccountFiles read_accounts(const base::Fd& root) {
  return read_accounts_at(open_etc(root));
}

bool edit_accounts(const base::Fd& root, const std::function<void(AccountFiles&)>& edit) {
  const base::Fd etc = open_etc(root);
  const base::Fd lock = lock_accounts(etc);
  const AccountFiles before = read_accounts_at(etc);
  AccountFiles after = before;
  edit(after);
  for (const auto& file : account_files()) {
    if (after.*file.text == before.*file.text) continue;
    const auto state = read_state_at(etc, file.name);
    put_file_at(etc, file.name, after.*file.text, state ? state->attributes : file.fallback);
  }
  return after != before;
}

bool make_home(const base::Fd& root, const base::User& user) {
  const Parent parent = open_parent(root, user.home, true);
  if (mkdirat(parent.directory.get(), parent.name.c_str(), 0700) != 0) {
    if (errno == EEXIST) return false;
    base::throw_errno("make directory", user.home);
  }
  const base::Fd home = base::open_at(parent.directory, parent.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const Parent skeleton = open_parent(root, "/etc/skel/.", false);
  if (skeleton.directory.valid()) copy_tree(skeleton.directory, home, user, 0);
  base::check(fchown(home.get(), user.uid, user.gid), "change owner of", user.home);
  return true;
}

bool put_authorized_keys(const base::Fd& root, const base::User& user, const std::vector<std::string>& keys,
                         bool keep_old) {
  const Parent parent = open_parent(root, user.home + "/.ssh", false);
  if (!parent.directory.valid()) throw base::Error("install keys of", user.name, "there is no home " + user.home);
  const base::Fd ssh = open_user_directory(parent.directory, ".ssh", user);
  const auto before = read_state_at(ssh, "authorized_keys");
  const std::string text = merge_authorized_keys(before ? before->content : "", keys, keep_old);
  if (!before && text.empty()) return false;
  return put_file_at(ssh, "authorized_keys", text, {0600, user.uid, user.gid});
}

}  // namespace bootstrap
