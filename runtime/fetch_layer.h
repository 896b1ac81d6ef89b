#pragma once
// One layer on its way from the registry to its directory.

#include <atomic>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "runtime/fetch.h"

namespace runtime {

struct LayerJob {
  std::size_t layer = 0;  // its number, for the progress
  Descriptor blob;
  std::string diff_id;
};

// Why the fetch of an image ends early: what the first thread that failed tells the others.
enum class Stop {
  kNone,
  kFailed,
  kDiskFull,  // what is half fetched is in the way
};

// A full disk, or the end of a quota.
bool is_disk_full(const base::Error& error);

// Leaves the layer published, also when another process did the work meanwhile. Returns the bytes that came over the
// network. Throws Error; `stop` ends the waits between attempts.
std::uint64_t fetch_layer(ImageStore& store, Registry& registry, const LayerJob& job, const FetchSettings& settings,
                          FetchProgress& progress, const std::atomic<Stop>& stop);

}  // namespace runtime
