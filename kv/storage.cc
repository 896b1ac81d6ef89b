#include "kv/storage.h"

#include <algorithm>

namespace kv {

namespace {

class StepwiseZeros : public ZeroedFile {
 public:
  StepwiseZeros(std::unique_ptr<StorageFile> file, std::uint64_t size, std::uint64_t step)
      : file_(std::move(file)), size_(size), zeros_(std::min(size, step), '\0') {}

  bool advance() override {
    write_step();
    file_->sync();
    return filled_ == size_;
  }

  std::unique_ptr<StorageFile> take() override {
    while (filled_ < size_) write_step();
    file_->sync();
    return std::move(file_);
  }

 private:
  void write_step() {
    const std::uint64_t bytes = std::min<std::uint64_t>(zeros_.size(), size_ - filled_);
    file_->write(filled_, std::string_view(zeros_).substr(0, bytes));
    filled_ += bytes;
  }

  std::unique_ptr<StorageFile> file_;
  std::uint64_t size_;
  std::uint64_t filled_ = 0;
  std::string zeros_;
};

}  // namespace

std::unique_ptr<ZeroedFile> Storage::create_zeroed(const std::string& name, std::uint64_t size, std::uint64_t step) {
  return std::make_unique<StepwiseZeros>(create(name), size, step);
}

}  // namespace kv
