// A blob is fetched into a file whose name is its digest, so a fetch that died is resumed by hashing what is there and
// asking for the rest. Nothing is unpacked before the whole blob has the right digest: the decompressor and the tar
// reader only ever see bytes that the manifest vouches for.
#include "runtime/fetch_layer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <format>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/confinement.h"

namespace runtime {
namespace {

using Step = FetchProgress::Step;

constexpr std::chrono::milliseconds kFirstPause{500};  // before another attempt; doubles
constexpr std::chrono::milliseconds kLongestPause{8000};
constexpr std::chrono::milliseconds kPauseStep{50};  // how soon a pause notices that all is off

void truncate_file(const base::Fd& file, std::uint64_t size, const std::string& name) {
  base::check(ftruncate(file.get(), static_cast<off_t>(size)), "truncate", name);
  base::check(lseek(file.get(), static_cast<off_t>(size), SEEK_SET), "seek", name);
}

class BlobFile {
 public:
  BlobFile(ImageStore& store, const Descriptor& blob)
      : blob_(blob), name_(std::format("blob-{}.part", digest_hex(blob.digest))), directory_(store.tmp()) {
    file_ = base::open_at(directory_, name_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    struct stat status{};
    base::check(fstat(file_.get(), &status), "stat", name_);
    if (static_cast<std::uint64_t>(status.st_size) > blob_.size) {
      restart();
      return;
    }
    std::array<char, std::size_t{256} * 1024> buffer{};
    while (true) {
      const ssize_t got = base::check(read(file_.get(), buffer.data(), buffer.size()), "read", name_);
      if (got == 0) break;
      hash_.update({buffer.data(), static_cast<std::size_t>(got)});
      size_ += static_cast<std::uint64_t>(got);
    }
  }

  std::uint64_t size() const { return size_; }
  bool complete() const { return size_ == blob_.size; }
  bool matches() { return "sha256:" + hash_.hex_digest() == blob_.digest; }
  const base::Fd& file() const { return file_; }
  void rewind() { base::check(lseek(file_.get(), 0, SEEK_SET), "seek", name_); }
  void drop() { base::remove_file_at(directory_, name_); }

  void restart() {
    truncate_file(file_, 0, name_);
    hash_ = base::Sha256();
    size_ = 0;
  }

  void append(std::string_view data) {
    if (data.size() > blob_.size - size_) {
      throw base::Error("fetch", blob_.digest, "the registry sends more bytes than the manifest says");
    }
    base::write_all(file_, data);
    hash_.update(data);
    size_ += data.size();
  }

 private:
  const Descriptor& blob_;
  const std::string name_;
  const base::Fd& directory_;
  base::Fd file_;
  base::Sha256 hash_;
  std::uint64_t size_ = 0;
};

void pause(std::chrono::milliseconds length, const std::atomic<Stop>& stop) {
  for (std::chrono::milliseconds slept{0}; slept < length && stop == Stop::kNone; slept += kPauseStep) {
    std::this_thread::sleep_for(kPauseStep);
  }
  if (stop != Stop::kNone) throw base::Error("fetch", "layer", "cancelled");
}

// Until the file is complete. Returns the bytes that came.
std::uint64_t download(BlobFile& file, Registry& registry, const LayerJob& job, const FetchSettings& settings,
                       FetchProgress& progress, const std::atomic<Stop>& stop) {
  std::uint64_t received = 0;
  int failures = 0;
  while (!file.complete()) {
    const std::uint64_t before = received;
    std::string broken = registry.stream_blob(
        job.blob, file.size(),
        [&](std::uint64_t start) {
          if (start == 0 && file.size() > 0) file.restart();  // the registry knows no ranges
        },
        [&](std::string_view data) {
          file.append(data);
          received += data.size();
          progress.update(job.layer, Step::kFetching, file.size());
        });
    if (file.complete()) break;
    if (broken.empty()) broken = "the registry sent less than the manifest says";
    failures = received > before ? 1 : failures + 1;
    if (failures >= settings.attempts) {
      throw base::Error("fetch", job.blob.digest, std::format("{} ({} attempts)", broken, failures));
    }
    progress.note(std::format("layer {}: {}; trying again from byte {}", job.layer + 1, broken, file.size()));
    pause(std::min(kFirstPause * (1 << std::min(failures - 1, 10)), kLongestPause), stop);
  }
  return received;
}

// Until the file is complete and right. Returns the bytes that came.
std::uint64_t fetch_blob(BlobFile& file, Registry& registry, const LayerJob& job, const FetchSettings& settings,
                         FetchProgress& progress, const std::atomic<Stop>& stop) {
  bool resumed = file.size() > 0;
  std::uint64_t received = 0;
  while (true) {
    progress.update(job.layer, Step::kFetching, file.size());
    received += download(file, registry, job, settings, progress, stop);
    if (file.matches()) return received;
    if (!resumed) {
      throw base::Error("fetch", job.blob.digest,
                        "the registry sent content that does not match this digest: it is damaged or forged");
    }
    // What an earlier run left may be what is damaged: once more, all of it.
    file.restart();
    resumed = false;
  }
}

void unpack(ImageStore& store, BlobFile& file, const LayerJob& job, const FetchSettings& settings,
            FetchProgress& progress, const std::atomic<Stop>& stop) {
  const std::string name = "unpack-" + digest_hex(job.diff_id);
  base::remove_tree_at(store.tmp(), name);
  try {
    base::make_directory_at(store.tmp(), name, 0755);
    const base::Fd directory = base::open_directory_at(store.tmp(), name);
    base::check(fchmod(directory.get(), 0755), "chmod", name);
    file.rewind();
    const UnpackedLayer unpacked = unpack_confined(file.file(), directory, settings.limits, [&](std::uint64_t bytes) {
      if (stop != Stop::kNone) throw base::Error("unpack", "layer", "cancelled");
      progress.update(job.layer, Step::kUnpacking, bytes);
    });
    if (unpacked.diff_id != job.diff_id) {
      throw base::Error(
          "unpack", job.blob.digest,
          std::format("its content is {}, the image's configuration says {}", unpacked.diff_id, job.diff_id));
    }
    store.publish_layer(job.diff_id, name, unpacked.bytes);
  } catch (...) {
    base::remove_tree_at(store.tmp(), name);
    throw;
  }
}

}  // namespace

bool is_disk_full(const base::Error& error) {
  return error.error_number() == ENOSPC || error.error_number() == EDQUOT;
}

std::uint64_t fetch_layer(ImageStore& store, Registry& registry, const LayerJob& job, const FetchSettings& settings,
                          FetchProgress& progress, const std::atomic<Stop>& stop) {
  const base::Fd layer_lock = store.lock_content("layer", job.diff_id);
  if (store.has_layer(job.diff_id)) {
    progress.update(job.layer, Step::kPresent, job.blob.size);
    return 0;
  }
  const base::Fd blob_lock = store.lock_content("blob", job.blob.digest);
  BlobFile file(store, job.blob);
  try {
    const std::uint64_t received = fetch_blob(file, registry, job, settings, progress, stop);
    unpack(store, file, job, settings, progress, stop);
    file.drop();
    progress.update(job.layer, Step::kDone, job.blob.size);
    return received;
  } catch (const base::Error& error) {
    // A complete blob that did not do would not do next time either; on a full disk its room is needed. A part that
    // the network cut off is what the next fetch goes on from.
    const bool failed_itself = stop == Stop::kNone;
    if ((failed_itself && file.complete()) || is_disk_full(error) || stop == Stop::kDiskFull) file.drop();
    throw;
  }
}

}  // namespace runtime
