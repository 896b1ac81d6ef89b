// The write-ahead log is frames, each one page; a frame that ends a transaction says how many pages the database has
// then. The chain of checksums ends where a write was torn, or where frames of an earlier round begin, which have other
// salts. SQLite drops what comes behind that without a word. But a transaction is begun only when the one before it is
// on the disk: where frames of the next one follow, what broke the chain is damage.

#include "kv/sqlite_image.h"

#include <cstdint>
#include <format>
#include <optional>
#include <string_view>

#include "base/file.h"

namespace kv {

namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 30;
constexpr std::size_t kHeaderSize = 32;
constexpr std::size_t kFrameHeaderSize = 24;
constexpr std::uint32_t kMagic = 0x377f0682;  // its last bit: the checksums are over big-endian words
constexpr std::uint32_t kVersion = 3007000;
constexpr std::size_t kModeOffset = 18;  // of two bytes: how to write and how to read, 1 rollback, 2 write-ahead log

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

struct Checksum {
  bool big = false;
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  // REQUIRES: a multiple of 8 bytes.
  void add(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 8) {
      first += word(bytes, at) + second;
      second += word(bytes, at + 4) + first;
    }
  }
  bool operator==(const Checksum&) const = default;

 private:
  std::uint32_t word(std::string_view bytes, std::size_t at) const {
    const std::uint32_t value = big_endian(bytes, at);
    return big ? value : __builtin_bswap32(value);
  }
};

class LogReader {
 public:
  LogReader(std::string_view log, SqliteImage& image, std::string name)
      : log_(log), image_(image), name_(std::move(name)) {}

  void take_in() {
    if (log_.size() <= kHeaderSize) return;
    if (!read_header()) return image_.problems.push_back(name_ + ": its header is damaged");
    std::vector<std::size_t> pages;  // frames of the transaction
    std::size_t at = kHeaderSize;
    for (; whole_frame(at); at += frame_size_) {
      pages.push_back(at);
      const std::uint32_t size = commit_size(at);
      if (size == 0) continue;
      image_.bytes.resize(std::size_t{size} * page_size_);
      for (const std::size_t page : pages) apply(page);
      pages.clear();
    }
    if (is_damage(at)) image_.problems.push_back(std::format("{} at {}: a damaged frame", name_, at));
  }

 private:
  bool read_header() {
    const std::uint32_t magic = big_endian(log_, 0);
    page_size_ = big_endian(log_, 8);
    frame_size_ = kFrameHeaderSize + page_size_;
    const bool power_of_two = page_size_ >= 512 && page_size_ <= 65536 && (page_size_ & (page_size_ - 1)) == 0;
    if ((magic & ~1U) != kMagic || big_endian(log_, 4) != kVersion || !power_of_two) return false;
    chain_.big = (magic & 1) != 0;
    chain_.add(log_.substr(0, 24));
    return chain_ == Checksum{chain_.big, big_endian(log_, 24), big_endian(log_, 28)};
  }

  bool is_there(std::size_t at) const { return at + frame_size_ <= log_.size(); }
  bool of_this_round(std::size_t at) const { return log_.substr(at + 8, 8) == log_.substr(16, 8); }
  std::uint32_t commit_size(std::size_t at) const { return big_endian(log_, at + 4); }

  // Moves the chain when it is.
  bool whole_frame(std::size_t at) {
    if (!is_there(at) || !of_this_round(at) || big_endian(log_, at) == 0) return false;
    Checksum next = chain_;
    next.add(log_.substr(at, 8));
    next.add(log_.substr(at + kFrameHeaderSize, page_size_));
    if (next != Checksum{chain_.big, big_endian(log_, at + 16), big_endian(log_, at + 20)}) return false;
    chain_ = next;
    return true;
  }

  void apply(std::size_t at) {
    const std::size_t to = (std::size_t{big_endian(log_, at)} - 1) * page_size_;
    // A page that a later transaction of the log cut off.
    if (to + page_size_ > image_.bytes.size()) return;
    image_.bytes.replace(to, page_size_, log_.substr(at + kFrameHeaderSize, page_size_));
  }

  // The chain ends at `at`: was the transaction there finished, and another one begun?
  bool is_damage(std::size_t at) const {
    bool finished = false;
    for (; is_there(at); at += frame_size_) {
      if (!of_this_round(at)) continue;
      if (finished) return true;
      finished = commit_size(at) != 0;
    }
    return false;
  }

  std::string_view log_;
  SqliteImage& image_;
  std::string name_;
  std::size_t page_size_ = 0;
  std::size_t frame_size_ = 0;
  Checksum chain_;
};

}  // namespace

SqliteImage read_sqlite_image(const std::string& path) {
  SqliteImage image{base::read_file(path, kMaxBytes)};
  const std::optional<std::string> log = base::read_file_if_exists(path + "-wal", kMaxBytes);
  if (log) LogReader(*log, image, path.substr(path.rfind('/') + 1) + "-wal").take_in();
  if (image.bytes.size() > kModeOffset + 1) image.bytes.replace(kModeOffset, 2, "\1\1");
  return image;
}

}  // namespace kv
