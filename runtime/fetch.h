#pragma once
// Fetches an image: manifest, configuration, then every layer that is not here yet; several at a time, each into
// tmp/blob-<hex>.part (resumed by the next fetch when this one dies), checked, unpacked, checked again, published. The
// reference is saved last, so an image is there whole or not at all.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/image_store.h"
#include "runtime/layer.h"
#include "runtime/manifest.h"
#include "runtime/reference.h"
#include "runtime/registry.h"

namespace runtime {

struct FetchSettings {
  RegistrySettings registry;
  LayerLimits limits;
  std::size_t parallel = 2;  // layers at a time
  int attempts = 5;          // of a blob without a byte of progress in between, then the fetch fails
};

// Who is told how far it is. Calls may come from several threads at once.
class FetchProgress {
 public:
  enum class Step { kFetching, kUnpacking, kDone, kPresent };
  virtual ~FetchProgress() = default;
  // The layers of the image, lowest first.
  virtual void begin(const std::vector<Descriptor>& layers) = 0;
  // `bytes` of the layer's blob are fetched, or unpacked.
  virtual void update(std::size_t layer, Step step, std::uint64_t bytes) = 0;
  virtual void note(const std::string& text) = 0;  // a retry
};

struct FetchResult {
  Image image;
  bool was_present = false;  // nothing had to be fetched but the manifest
  std::uint64_t fetched_bytes = 0;
};

// Throws Error; what was fetched so far stays for the next try (but not after a digest error or on a full disk).
FetchResult fetch_image(ImageStore& store, const Reference& reference, const FetchSettings& settings,
                        FetchProgress& progress);

}  // namespace runtime
