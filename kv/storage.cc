#include "kv/storage.h"

#include <algorithm>

namespace kv {

namespace {

constexpr std::size_t kMostAtOnce = 64 * 1024;

class StepwiseZeros : public ZeroedFile {
 public:
  StepwiseZeros(std::unique_ptr<StorageFile> file, std::uint64_t size, std::uint64_t step)
      : file_(std::move(file)), size_(size), step_(step), zeros_(std::min<std::uint64_t>(size, kMostAtOnce), '\0') {}

  bool advance() override {
    fill_to(filled_ + std::min(step_, size_ - filled_));
    return filled_ == size_;
  }

  std::unique_ptr<StorageFile> take() override {
    fill_to(size_);
    return std::move(file_);
  }

 private:
  void fill_to(std::uint64_t end) {
    while (filled_ < end) {
      const std::uint64_t bytes = std::min<std::uint64_t>(zeros_.size(), end - filled_);
      file_->write(filled_, std::string_view(zeros_).substr(0, bytes));
      filled_ += bytes;
    }
    file_->sync();
  }

  std::unique_ptr<StorageFile> file_;
  std::uint64_t size_;
  std::uint64_t step_;
  std::uint64_t filled_ = 0;
  std::string zeros_;
};

}  // namespace

std::unique_ptr<ZeroedFile> Storage::create_zeroed(const std::string& name, std::uint64_t size, std::uint64_t step) {
  return std::make_unique<StepwiseZeros>(create(name), size, step);
}

}  // namespace kv
