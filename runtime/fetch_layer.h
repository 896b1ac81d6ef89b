#pragma once
// One layer on its way from the registry to its directory.

#include <atomic>
#include <cstdint>
#include <string>

#include "runtime/fetch.h"

namespace runtime {

struct LayerJob {
  std::size_t layer = 0;  // its number, for the progress
  Descriptor blob;
  std::string diff_id;
};

// Leaves the layer published, also when another process did the work meanwhile. Returns the bytes that came over the
// network. Throws Error; `stopping` ends the waits between attempts.
std::uint64_t fetch_layer(ImageStore& store, Registry& registry, const LayerJob& job, const FetchSettings& settings,
                          FetchProgress& progress, const std::atomic<bool>& stopping);

}  // namespace runtime
