#include "kv/file_storage.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "base/temp_dir.h"

namespace {

using kv::FileStorage;
using kv::ZeroedFile;

// A storage of one thread, as the simulator's.
class StepwiseStorage : public FileStorage {
 public:
  using FileStorage::FileStorage;
  std::unique_ptr<ZeroedFile> create_zeroed(const std::string& name, std::uint64_t size, std::uint64_t step) override {
    return Storage::create_zeroed(name, size, step);
  }
};

bool all_zeros(kv::StorageFile& file, std::size_t size) {
  const std::string bytes = file.read(0, size + 1);
  return bytes.size() == size && std::ranges::all_of(bytes, [](char byte) { return byte == '\0'; });
}

TEST_CASE("storage: a file of zeros is whole when it is taken, however far it was") {
  constexpr std::size_t kSize = 300'000;
  const base::TempDir folder("storage_test");
  FileStorage beside(folder.path() + "/beside");
  StepwiseStorage stepwise(folder.path() + "/stepwise");
  for (FileStorage* storage : {&beside, static_cast<FileStorage*>(&stepwise)}) {
    auto file = storage->create_zeroed("at-once", kSize, 1000)->take();
    CHECK(all_zeros(*file, kSize));
    auto making = storage->create_zeroed("step-by-step", kSize, 65'537);
    while (!making->advance()) {
    }
    CHECK(making->advance());
    CHECK(all_zeros(*making->take(), kSize));
  }
}

TEST_CASE("storage: stepwise, each step makes what it says") {
  const base::TempDir folder("storage_test");
  StepwiseStorage storage(folder.path());
  auto making = storage.create_zeroed("zeros", 2500, 1000);
  CHECK(!making->advance());
  CHECK(storage.open("zeros")->size() == 1000);
  CHECK(!making->advance());
  CHECK(making->advance());
  CHECK(storage.open("zeros")->size() == 2500);
}

TEST_CASE("storage: a file of zeros that nobody wants any more is not made to its end") {
  const base::TempDir folder("storage_test");
  FileStorage storage(folder.path());
  constexpr std::uint64_t kMore = std::uint64_t{1} << 50;  // than any disk has
  storage.create_zeroed("zeros", kMore, 4096).reset();
  CHECK(storage.open("zeros")->size() < kMore);
  auto again = storage.create_zeroed("zeros", 4096, 4096);
  CHECK(all_zeros(*again->take(), 4096));
}

}  // namespace
