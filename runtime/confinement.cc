#include "runtime/confinement.h"

#include <sys/stat.h>

#include <array>
#include <exception>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/landlock.h"
#include "runtime/copy_path.h"

namespace runtime {
namespace {

using base::LandlockRight;
using base::LandlockRule;

bool is_directory(const base::Fd& file) {
  struct stat status = {};
  base::check(fstat(file.get(), &status), "stat");
  return S_ISDIR(status.st_mode);
}

}  // namespace

UnpackedLayer unpack_confined(const base::Fd& blob, const base::Fd& directory, const LayerLimits& limits,
                              const std::function<void(std::uint64_t)>& progress) {
  UnpackedLayer unpacked;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      base::restrict_files(std::array{LandlockRule{.place = directory, .right = LandlockRight::kChange}});
      unpacked = unpack_layer(blob, directory, limits, progress);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return unpacked;
}

void confine_packing(const base::Fd& root) {
  base::restrict_files(std::array{LandlockRule{.place = root, .right = LandlockRight::kRead}});
}

void confine_unpacking(const base::Fd& root, const std::string& path, Links links) {
  if (links == Links::kFollow) {
    base::restrict_files(std::array{LandlockRule{.place = root, .right = LandlockRight::kChange}});
    return;
  }
  // What is not there is an error when the destination is looked at.
  std::vector<LandlockRule> rules;
  const base::Fd there = find_below(root, path, O_PATH, Links::kFollow);
  if (there) rules.push_back({.place = there, .right = LandlockRight::kChange});
  base::Fd parent;
  if (!there || !is_directory(there)) {
    parent = find_below(root, split_destination(path).parent, O_PATH | O_DIRECTORY, Links::kFollow);
    if (parent) rules.push_back({.place = parent, .right = LandlockRight::kChange});
  }
  base::restrict_files(rules);
}

}  // namespace runtime
