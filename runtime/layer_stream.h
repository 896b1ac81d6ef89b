#pragma once
// The bytes of a layer's tar out of the blob that the registry served: gzip, zstd or nothing around it (told by the
// first bytes, as Docker does), hashed on the way (the diff id is the digest of the uncompressed tar).

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace runtime {

// A blob that unpacks to more than `ratio` times its size is taken for a bomb, once more than `floor` bytes came out.
struct RatioLimit {
  std::uint64_t ratio = 200;
  std::uint64_t floor = std::uint64_t{1} << 30;
};

class LayerStream {
 public:
  // Reads `blob` from its present position to its end. `progress` gets the compressed bytes read so far.
  LayerStream(const base::Fd& blob, RatioLimit limit, std::function<void(std::uint64_t)> progress);
  ~LayerStream();
  LayerStream(const LayerStream&) = delete;
  LayerStream& operator=(const LayerStream&) = delete;

  // The next piece, valid until the next call; empty at the end. Throws Error on a damaged stream or a broken bound.
  std::string_view next();

  // Reads what is left and returns "sha256:<hex>" of everything. Once.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace runtime
