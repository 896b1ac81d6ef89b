#include "runtime/layer_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <format>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

namespace runtime {

// libarchive's "raw" format is the identity: what comes out is the stream below the filters.
struct LayerStream::State {
  State(const base::Fd& blob_in, RatioLimit limit_in, std::function<void(std::uint64_t)> progress_in)
      : blob(blob_in), limit(limit_in), progress(std::move(progress_in)), reader(archive_read_new()) {}
  ~State() { archive_read_free(reader); }

  // Runs inside libarchive, which is C: must not throw.
  static la_ssize_t read_blob(archive* reader, void* context, const void** piece) {
    auto* self = static_cast<State*>(context);
    ssize_t got = 0;
    do {
      got = read(self->blob.get(), self->buffer.data(), self->buffer.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
      archive_set_error(reader, errno, "cannot read the blob");
      return -1;
    }
    self->bytes_in += static_cast<std::uint64_t>(got);
    *piece = self->buffer.data();
    return got;
  }

  base::Error damaged() const {
    const char* text = archive_error_string(reader);
    return {"unpack", "layer", std::format("the compressed data is damaged ({})", text ? text : "unknown")};
  }

  const base::Fd& blob;
  RatioLimit limit;
  std::function<void(std::uint64_t)> progress;
  archive* reader;
  base::Sha256 hash;
  std::array<char, std::size_t{256} * 1024> buffer{};
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  bool at_end = false;
};

LayerStream::LayerStream(const base::Fd& blob, RatioLimit limit, std::function<void(std::uint64_t)> progress)
    : state_(std::make_unique<State>(blob, limit, std::move(progress))) {
  archive* reader = state_->reader;
  if (!reader) throw base::Error("unpack", "layer", "out of memory");
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_zstd(reader);
  archive_read_support_format_raw(reader);
  archive_read_support_format_empty(reader);
  if (archive_read_open(reader, state_.get(), nullptr, State::read_blob, nullptr) != ARCHIVE_OK) {
    throw state_->damaged();
  }
  archive_entry* entry = nullptr;
  const int result = archive_read_next_header(reader, &entry);
  if (result == ARCHIVE_EOF) {
    state_->at_end = true;
  } else if (result != ARCHIVE_OK) {
    throw state_->damaged();
  }
}

LayerStream::~LayerStream() = default;

std::string_view LayerStream::next() {
  while (!state_->at_end) {
    const void* data = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int result = archive_read_data_block(state_->reader, &data, &size, &offset);
    if (result == ARCHIVE_EOF) {
      state_->at_end = true;
      break;
    }
    if (result != ARCHIVE_OK) throw state_->damaged();
    if (size == 0) continue;
    const std::string_view piece(static_cast<const char*>(data), size);
    state_->hash.update(piece);
    state_->bytes_out += size;
    if (state_->bytes_out > state_->limit.floor && state_->bytes_out / state_->limit.ratio > state_->bytes_in) {
      throw base::Error(
          "unpack", "layer",
          std::format("{} of compressed data became more than {} (over {} times as much): taken for a "
                      "decompression bomb",
                      base::format_size(state_->bytes_in), base::format_size(state_->bytes_out), state_->limit.ratio));
    }
    if (state_->progress) state_->progress(state_->bytes_in);
    return piece;
  }
  return {};
}

std::string LayerStream::finish() {
  while (!next().empty()) {
  }
  return "sha256:" + state_->hash.hex_digest();
}

}  // namespace runtime
