// libarchive is used twice: below to undo the compression (LayerStream, which hashes), above to read the tar's headers.
// It never touches the file system: names, links and attributes go through LayerTree.
#include "runtime/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <exception>
#include <format>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "runtime/extended_attributes.h"
#include "runtime/layer_tree.h"

namespace runtime {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaqueWhiteout = ".wh..wh..opq";
constexpr std::string_view kAufsPrivate = ".wh..wh.";  // .wh..wh.plnk, .wh..wh.aufs: aufs' own, nothing of the image
constexpr std::size_t kTarBlock = 512;

class Unpacker {
 public:
  Unpacker(const base::Fd& blob, const base::Fd& directory, const LayerLimits& limits,
           const std::function<void(std::uint64_t)>& progress)
      : limits_(limits), stream_(blob, limits.ratio, progress), tree_(directory), reader_(archive_read_new()) {}
  ~Unpacker() { archive_read_free(reader_); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  UnpackedLayer run() {
    if (!reader_) throw base::Error("unpack", "layer", "out of memory");
    archive_read_support_format_tar(reader_);
    archive_read_support_format_empty(reader_);
    require(archive_read_open(reader_, this, nullptr, read_stream, nullptr));
    archive_entry* entry = nullptr;
    while (true) {
      const int result = archive_read_next_header(reader_, &entry);
      if (result == ARCHIVE_EOF) break;
      require(result);
      if (++result_.entries > limits_.max_entries) {
        throw base::Error("unpack", "layer", std::format("it has more than {} entries", limits_.max_entries));
      }
      unpack(entry);
    }
    tree_.finish();
    result_.diff_id = stream_.finish();
    return result_;
  }

 private:
  // Some builders (umoci insert) end the tar with the last byte of the last file. Go's reader and so all the common
  // tools take that, so the padding that is missing is given here; fill() finds data that is missing.
  //
  // Called by libarchive: an exception waits in failure_ until its C frames are gone.
  static la_ssize_t read_stream(archive* reader, void* context, const void** piece) {
    auto* self = static_cast<Unpacker*>(context);
    try {
      std::string_view data = self->stream_.next();
      self->stream_bytes_ += data.size();
      if (data.empty() && !self->padded_) {
        self->padded_ = true;
        static constexpr std::array<char, kTarBlock> kZeros{};
        data = std::string_view(kZeros.data(), (kTarBlock - self->stream_bytes_ % kTarBlock) % kTarBlock);
      }
      *piece = data.data();
      return static_cast<la_ssize_t>(data.size());
    } catch (...) {
      self->failure_ = std::current_exception();
      archive_set_error(reader, EIO, "cannot read the layer");
      return -1;
    }
  }

  // ARCHIVE_WARN is a name in a character set that the locale lacks: its bytes are kept, which is what we want.
  void require(int result) {
    if (failure_) std::rethrow_exception(failure_);
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    const char* text = archive_error_string(reader_);
    throw base::Error("unpack", "layer", std::format("the tar is damaged ({})", text ? text : "unknown"));
  }

  void unpack(archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (!raw) throw base::Error("unpack", "layer", std::format("entry {} has no name", result_.entries));
    const LayerTree::Path path = layer_path(raw);
    if (path.empty()) {
      if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry)) {
        throw base::Error("layer entry", raw, "the root of a layer can only be a directory");
      }
      tree_.make_directory(path, attributes(entry, raw));
      return;
    }
    for (std::size_t i = 0; i < path.size(); ++i) {
      if (path[i].starts_with(kAufsPrivate) && path[i] != kOpaqueWhiteout) return;
      if (i + 1 < path.size() && path[i].starts_with(kWhiteout)) {
        throw base::Error("layer entry", raw, "a whiteout cannot be a directory");
      }
    }
    if (path.back().starts_with(kWhiteout)) {
      const LayerTree::Path above(path.begin(), path.end() - 1);
      if (path.back() == kOpaqueWhiteout) return tree_.make_opaque(above);
      return tree_.make_whiteout(above, path.back().substr(kWhiteout.size()));
    }
    make(entry, path, raw);
  }

  void make(archive_entry* entry, const LayerTree::Path& path, const char* raw) {
    if (const char* target = archive_entry_hardlink(entry)) return tree_.make_hard_link(path, layer_path(target));
    const Attributes kept = attributes(entry, raw);
    switch (archive_entry_filetype(entry)) {
      case AE_IFDIR:
        return tree_.make_directory(path, kept);
      case AE_IFLNK: {
        const char* target = archive_entry_symlink(entry);
        return tree_.make_symlink(path, target ? target : "", kept);
      }
      case AE_IFCHR:
      case AE_IFBLK:
        return tree_.make_node(path, archive_entry_filetype(entry) == AE_IFCHR ? S_IFCHR : S_IFBLK,
                               archive_entry_rdev(entry), kept);
      case AE_IFIFO:
        return tree_.make_node(path, S_IFIFO, 0, kept);
      case AE_IFREG:
        return tree_.make_file(path, kept, [&](const base::Fd& file) { fill(entry, file, raw); });
      default:
        throw base::Error("layer entry", raw, "its type is not allowed (directory, file, link, device or fifo)");
    }
  }

  Attributes attributes(archive_entry* entry, const char* raw) {
    Attributes result;
    const la_int64_t uid = archive_entry_uid(entry);
    const la_int64_t gid = archive_entry_gid(entry);
    constexpr la_int64_t kMaxId = 0xfffffffe;  // -1 means "leave as it is" to chown
    if (uid < 0 || uid > kMaxId || gid < 0 || gid > kMaxId) {
      throw base::Error("layer entry", raw, std::format("the owner {}:{} is not in 0 to {}", uid, gid, kMaxId));
    }
    result.uid = static_cast<std::uint32_t>(uid);
    result.gid = static_cast<std::uint32_t>(gid);
    result.mode = archive_entry_perm(entry) & 07777;
    result.modified_seconds = archive_entry_mtime(entry);
    result.modified_nanoseconds = archive_entry_mtime_nsec(entry);
    const bool plain = archive_entry_filetype(entry) == AE_IFREG;
    if (!plain && archive_entry_filetype(entry) != AE_IFDIR) return result;

    result.xattrs = attributes_of_entry(entry, "layer entry", raw);
    if (!plain)
      std::erase_if(result.xattrs, [](const auto& attribute) { return attribute.first == "security.capability"; });
    return result;
  }

  void fill(archive_entry* entry, const base::Fd& file, const char* raw) {
    const la_int64_t size = archive_entry_size(entry);
    if (size < 0 || static_cast<std::uint64_t>(size) > limits_.max_bytes - result_.bytes) {
      throw base::Error("layer entry", raw,
                        std::format("the layer would take more than {}", base::format_size(limits_.max_bytes)));
    }
    la_int64_t written_to = 0;
    while (true) {
      const void* data = nullptr;
      std::size_t length = 0;
      la_int64_t offset = 0;
      const int result = archive_read_data_block(reader_, &data, &length, &offset);
      if (result == ARCHIVE_EOF) break;
      require(result);
      if (length == 0) continue;
      if (padded_) throw base::Error("layer entry", raw, "the tar ends within its data");
      if (offset < written_to || static_cast<std::uint64_t>(offset) + length > static_cast<std::uint64_t>(size)) {
        throw base::Error("layer entry", raw, "its data is not within its size");
      }
      write_at(file, {static_cast<const char*>(data), length}, offset, raw);
      written_to = offset + static_cast<la_int64_t>(length);
    }
    if (written_to < size) base::check(ftruncate(file.get(), size), "write", raw);  // ends in a hole
    result_.bytes += static_cast<std::uint64_t>(size);
  }

  static void write_at(const base::Fd& file, std::string_view data, la_int64_t offset, const char* raw) {
    while (!data.empty()) {
      const ssize_t done = pwrite(file.get(), data.data(), data.size(), offset);
      if (done < 0) {
        if (errno == EINTR) continue;
        base::throw_errno("write", raw);
      }
      data.remove_prefix(static_cast<std::size_t>(done));
      offset += done;
    }
  }

  const LayerLimits& limits_;
  LayerStream stream_;
  LayerTree tree_;
  archive* reader_;
  std::exception_ptr failure_;
  std::uint64_t stream_bytes_ = 0;
  bool padded_ = false;
  UnpackedLayer result_;
};

}  // namespace

UnpackedLayer unpack_layer(const base::Fd& blob, const base::Fd& directory, const LayerLimits& limits,
                           const std::function<void(std::uint64_t)>& progress) {
  return Unpacker(blob, directory, limits, progress).run();
}

}  // namespace runtime
