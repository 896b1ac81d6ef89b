#pragma once
// A log's files in memory.

#include <map>
#include <memory>
#include <string>

#include "kv/storage.h"

namespace fuzz {

class MemoryStorage : public kv::Storage {
 public:
  std::map<std::string, std::shared_ptr<std::string>> files;

  std::vector<std::string> list() override {
    std::vector<std::string> names;
    for (const auto& [name, file] : files) names.push_back(name);
    return names;
  }
  std::unique_ptr<kv::StorageFile> open(const std::string& name) override {
    return std::make_unique<File>(files.at(name));
  }
  std::unique_ptr<kv::StorageFile> create(const std::string& name) override {
    files[name] = std::make_shared<std::string>();
    return open(name);
  }
  void rename(const std::string& from, const std::string& to) override {
    files[to] = files.at(from);
    files.erase(from);
  }
  void remove(const std::string& name) override { files.erase(name); }
  void sync_directory() override {}

 private:
  class File : public kv::StorageFile {
   public:
    explicit File(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size() const override { return bytes_->size(); }
    std::string read(std::uint64_t offset, std::size_t size) override {
      return offset > bytes_->size() ? std::string() : bytes_->substr(offset, size);
    }
    void write(std::uint64_t offset, std::string_view data) override {
      if (bytes_->size() < offset + data.size()) bytes_->resize(offset + data.size());
      bytes_->replace(offset, data.size(), data);
    }
    void write_durably(std::uint64_t offset, std::string_view data) override { write(offset, data); }
    void sync() override {}

   private:
    std::shared_ptr<std::string> bytes_;
  };
};

}  // namespace fuzz
