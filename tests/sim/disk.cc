#include "disk.h"

#include <algorithm>

#include "base/error.h"

namespace sim {

class SimFile : public kv::StorageFile {
 public:
  SimFile(SimDisk& disk, std::shared_ptr<SimDisk::Content> content) : disk_(disk), content_(std::move(content)) {}

  std::uint64_t size() const override { return seen().size(); }
  std::string read(std::uint64_t offset, std::size_t size) override {
    std::string bytes = seen();
    return offset >= bytes.size() ? std::string() : bytes.substr(offset, size);
  }
  void write(std::uint64_t offset, std::string_view data) override { disk_.write(*content_, offset, data, false); }
  void write_durably(std::uint64_t offset, std::string_view data) override {
    disk_.write(*content_, offset, data, true);
  }
  void sync() override {
    content_->durable = seen();
    content_->pending.clear();
  }

 private:
  std::string seen() const {
    std::string bytes = content_->durable;
    for (const auto& [offset, data] : content_->pending) SimDisk::put(bytes, offset, data);
    return bytes;
  }

  SimDisk& disk_;
  std::shared_ptr<SimDisk::Content> content_;
};

void SimDisk::put(std::string& bytes, std::uint64_t offset, std::string_view data) {
  if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
  bytes.replace(offset, data.size(), data);
}

void SimDisk::put_some_sectors(std::string& bytes, std::uint64_t offset, std::string_view data) {
  for (std::size_t at = 0; at < data.size();) {
    std::size_t end = std::min<std::size_t>(data.size(), (offset + at) / kSector * kSector + kSector - offset);
    if (world_.chance(50)) put(bytes, offset + at, data.substr(at, end - at));
    at = end;
  }
}

void SimDisk::write(Content& content, std::uint64_t offset, std::string_view data, bool durably) {
  if (full && offset + data.size() > content.durable.size()) throw kv::StorageFull("the disk is full");
  if (fail_next_write) {
    fail_next_write = false;
    throw base::Error("fsync", "the log", "Input/output error");
  }
  if (durably && tear_next_write) {
    tear_next_write = false;
    put_some_sectors(content.durable, offset, data);
    throw PowerCut();
  }
  if (durably) {
    put(content.durable, offset, data);
    // What waits below it has the newer bytes there too.
    for (auto& [at, waiting] : content.pending) {
      const std::uint64_t from = std::max(at, offset);
      const std::uint64_t to = std::min(at + waiting.size(), offset + data.size());
      if (from < to) waiting.replace(from - at, to - from, data.substr(from - offset, to - from));
    }
  } else {
    content.pending[offset] = std::string(data);
  }
}

void SimDisk::power_cut() {
  for (auto& [name, content] : files_) {
    for (const auto& [offset, data] : content->pending) put_some_sectors(content->durable, offset, data);
    content->pending.clear();
  }
}

void SimDisk::wipe() {
  files_.clear();
}

std::vector<std::string> SimDisk::list() {
  std::vector<std::string> names;
  for (const auto& [name, content] : files_) names.push_back(name);
  return names;
}

std::unique_ptr<kv::StorageFile> SimDisk::open(const std::string& name) {
  return std::make_unique<SimFile>(*this, files_.at(name));
}

std::unique_ptr<kv::StorageFile> SimDisk::create(const std::string& name) {
  if (full) throw kv::StorageFull("the disk is full");
  files_[name] = std::make_shared<Content>();
  return open(name);
}

void SimDisk::rename(const std::string& from, const std::string& to) {
  files_[to] = files_.at(from);
  files_.erase(from);
}

void SimDisk::remove(const std::string& name) {
  files_.erase(name);
}

}  // namespace sim
