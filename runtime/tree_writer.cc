// A file is written under a name of ours and then renamed, so that a copy that is cut off leaves what was there. Two
// kinds of file are written in place, since a rename would not reach them: what is mounted on its own (/etc/hosts of a
// container), and what a link leads to.

#include "runtime/tree_writer.h"

#include <archive_entry.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ranges>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "runtime/copy_path.h"
#include "runtime/proc_path.h"

namespace runtime {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;  // bytes; also the least hole
constexpr std::size_t kMostDirectories = 2000000;

std::string temporary_name() {
  return ".container-cp-" + base::system_random().hex_string(8);
}

// Invalid when the name is none of something mounted there.
base::Fd mounted_file(const base::Fd& parent, const std::string& name) {
  struct statx status = {};
  if (statx(parent.get(), name.c_str(), AT_SYMLINK_NOFOLLOW, STATX_TYPE, &status) < 0) return {};
  if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return {};
  return base::open_at(parent, name, O_PATH | O_NOFOLLOW);
}

// Removes a name of ours, unless it has got its place.
class Temporary {
 public:
  explicit Temporary(const base::Fd& parent) : parent_(parent), name_(temporary_name()) {}
  ~Temporary() { unlinkat(parent_.get(), name_.c_str(), 0); }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  const std::string& name() const { return name_; }

 private:
  const base::Fd& parent_;
  std::string name_;
};

}  // namespace

std::string TreeWriter::full(const Path& path, std::size_t length) const {
  std::string text = prefix_;
  for (std::size_t i = 0; i < length; i++) text += (text.empty() ? "" : "/") + path[i];
  return text;
}

const base::Fd& TreeWriter::parent_of(const Path& path) {
  std::string name = full(path, path.size() - 1);
  if (!parent_ || name != parent_path_) {
    parent_ = make_below(root_, name, true, links_);
    parent_path_ = name;
  }
  return parent_;
}

// Blocks of zeros become holes.
void TreeWriter::write(const base::Fd& file, std::string_view data, off_t& end, const std::string& what) {
  if (data.size() > left_) throw_too_large(what, max_bytes_);
  left_ -= data.size();
  if (data.find_first_not_of('\0') == std::string_view::npos) {
    end += static_cast<off_t>(data.size());
    return;
  }
  while (!data.empty()) {
    ssize_t written = pwrite(file.get(), data.data(), data.size(), end);
    if (written < 0 && errno == EINTR) continue;
    base::check(written, "write", what);
    data.remove_prefix(static_cast<std::size_t>(written));
    end += written;
  }
}

void TreeWriter::write_data(archive* reader, const base::Fd& file, const std::string& what) {
  std::vector<char> buffer(kBuffer);
  off_t end = 0;
  for (;;) {
    la_ssize_t length = archive_read_data(reader, buffer.data(), buffer.size());
    if (length < 0) {
      const char* text = archive_error_string(reader);
      throw base::Error("read the tar", what, text == nullptr ? "it is damaged" : text);
    }
    if (length == 0) break;
    write(file, {buffer.data(), static_cast<std::size_t>(length)}, end, what);
  }
  base::check(ftruncate(file.get(), end), "write", what);  // it may end in a hole
}

void TreeWriter::write_in_place(const base::Fd& node, archive* reader, const std::string& what) {
  struct stat status = {};
  base::check(fstat(node.get(), &status), "stat", what);
  if (!S_ISREG(status.st_mode)) throw base::Error("copy to", what, "it is no regular file");
  write_data(reader, base::open_file(proc_path(node), O_WRONLY | O_TRUNC), what);
}

void TreeWriter::set_extended(const base::Fd& node, const ExtendedAttributes& attributes, const std::string& what) {
  for (const std::string& name : write_attributes(node, attributes, keep_owners_, what)) {
    std::fprintf(stderr, "cp: %s: the extended attribute %s is left out\n", what.c_str(), name.c_str());
    complete_ = false;
  }
}

void TreeWriter::set_attributes(const base::Fd& node, const FileAttributes& attributes, const std::string& what) const {
  if (keep_owners_) {
    if (attributes.uid < 0 || attributes.uid >= UINT32_MAX || attributes.gid < 0 || attributes.gid >= UINT32_MAX) {
      throw base::Error("give to its owner", what, "the owner's number is not in 0 to 4294967294");
    }
    base::check(fchownat(node.get(), "", static_cast<uid_t>(attributes.uid), static_cast<gid_t>(attributes.gid),
                         AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW),
                "give to its owner", what);
  }
  struct stat status = {};
  base::check(fstat(node.get(), &status), "stat", what);
  timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, attributes.modified};
  if (S_ISLNK(status.st_mode)) {
    base::check(utimensat(node.get(), "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW), "set the time of", what);
    return;
  }
  std::uint32_t mode = attributes.mode & (keep_owners_ ? 07777u : 01777u);
  base::check(chmod(proc_path(node).c_str(), mode), "set the mode of", what);
  base::check(utimensat(AT_FDCWD, proc_path(node).c_str(), times, 0), "set the time of", what);
}

void TreeWriter::put(const base::Fd& parent, const std::string& temporary, const Path& path) {
  base::check(renameat(parent.get(), temporary.c_str(), parent.get(), path.back().c_str()), "copy to",
              full(path, path.size()));
}

void TreeWriter::make_file(const Path& path, const FileAttributes& attributes, const base::Fd& in_place,
                           archive* reader) {
  const base::Fd& parent = parent_of(path);
  std::string what = full(path, path.size());
  if (in_place) return write_in_place(in_place, reader, what);
  if (base::Fd mounted = mounted_file(parent, path.back())) return write_in_place(mounted, reader, what);
  Temporary temporary(parent);
  base::Fd file = base::open_at(parent, temporary.name(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  write_data(reader, file, what);
  set_attributes(file, attributes, what);
  set_extended(file, attributes.extended, what);  // after the owner, whose change takes capabilities away
  put(parent, temporary.name(), path);
}

void TreeWriter::make_directory(const Path& path, const FileAttributes& attributes) {
  const base::Fd& parent = parent_of(path);
  std::string what = full(path, path.size());
  if (mkdirat(parent.get(), path.back().c_str(), 0700) == 0) {
    if (directories_.size() >= kMostDirectories) throw base::Error("copy", what, "more than 2000000 directories");
    // Now, and not with the others in the end, so that they need not be kept.
    if (!attributes.extended.empty()) {
      set_extended(base::open_at(parent, path.back(), O_PATH | O_DIRECTORY | O_NOFOLLOW), attributes.extended, what);
    }
    directories_.push_back({path, attributes});
    directories_.back().attributes.extended.clear();
    return;
  }
  if (errno != EEXIST) base::throw_errno("make directory", what);
  if (!find_below(root_, what, O_PATH | O_DIRECTORY, links_)) throw base::Error("copy to", what, "it is no directory");
}

void TreeWriter::make_symlink(const Path& path, const std::string& target, const FileAttributes& attributes) {
  const base::Fd& parent = parent_of(path);
  std::string what = full(path, path.size());
  Temporary temporary(parent);
  base::check(symlinkat(target.c_str(), parent.get(), temporary.name().c_str()), "make link", what);
  set_attributes(base::open_at(parent, temporary.name(), O_PATH | O_NOFOLLOW), attributes, what);
  put(parent, temporary.name(), path);
}

void TreeWriter::make_hard_link(const Path& path, const Path& target) {
  std::string what = full(path, path.size());
  if (target.empty()) throw base::Error("make link", what, "to a directory");
  base::Fd from = find_below(root_, full(target, target.size() - 1), O_PATH | O_DIRECTORY, links_);
  if (!from) throw base::Error("make link", what, "what it links to is not there");
  const base::Fd& parent = parent_of(path);
  Temporary temporary(parent);
  if (linkat(from.get(), target.back().c_str(), parent.get(), temporary.name().c_str(), 0) < 0) {
    if (errno != EXDEV && errno != EPERM && errno != EMLINK && errno != EOPNOTSUPP)
      base::throw_errno("make link", what);
    copy_file(from, target, temporary.name(), what);
  }
  put(parent, temporary.name(), path);
}

// What was just written at `target`; somebody may have put something else there meanwhile.
void TreeWriter::copy_file(const base::Fd& directory, const Path& target, const std::string& temporary,
                           const std::string& what) {
  base::Fd source = base::open_at(directory, target.back(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status = {};
  base::check(fstat(source.get(), &status), "stat", what);
  if (!S_ISREG(status.st_mode)) throw base::Error("copy to", what, "what it links to is no regular file");
  base::Fd file = base::open_at(parent_, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  std::vector<char> buffer(kBuffer);
  off_t end = 0;
  for (;;) {
    ssize_t length = read(source.get(), buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (base::check(length, "read", what) == 0) break;
    write(file, {buffer.data(), static_cast<std::size_t>(length)}, end, what);
  }
  base::check(ftruncate(file.get(), end), "write", what);
  set_attributes(
      file, {.mode = status.st_mode & 07777, .uid = status.st_uid, .gid = status.st_gid, .modified = status.st_mtim},
      what);
  set_extended(file, read_attributes(source, what), what);
}

void TreeWriter::make_fifo(const Path& path, const FileAttributes& attributes) {
  const base::Fd& parent = parent_of(path);
  std::string what = full(path, path.size());
  Temporary temporary(parent);
  base::check(mkfifoat(parent.get(), temporary.name().c_str(), 0600), "make fifo", what);
  set_attributes(base::open_at(parent, temporary.name(), O_PATH | O_NOFOLLOW), attributes, what);
  put(parent, temporary.name(), path);
}

bool TreeWriter::finish() {
  parent_.reset();
  // The innermost first: making what is in a directory changes its time.
  for (const Made& made : directories_ | std::views::reverse) {
    std::string what = full(made.path, made.path.size());
    if (base::Fd directory = find_below(root_, what, O_PATH | O_DIRECTORY | O_NOFOLLOW, links_)) {
      set_attributes(directory, made.attributes, what);
    }
  }
  directories_.clear();
  return complete_;
}

}  // namespace runtime
