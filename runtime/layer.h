#pragma once
// Unpacks one layer (image-spec layer.md): a tar, perhaps compressed, into a directory in overlayfs' form.
//
// What a layer may hold: directories, files (also sparse), symbolic and hard links, devices, fifos; owners, modes with
// set-user-id, times, user.* attributes and security.capability. Devices are made as the image says: they do nothing
// while the layer lies on a file system mounted nodev, and in a container the device cgroup decides.
// What is refused: see layer_tree.h, and the limits below.

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"
#include "runtime/layer_stream.h"

namespace runtime {

struct LayerLimits {
  std::uint64_t max_bytes = std::uint64_t{64} << 30;  // of the content of all files, holes included
  std::uint64_t max_entries = 2'000'000;
  RatioLimit ratio = {};
};

struct UnpackedLayer {
  std::string diff_id;      // "sha256:<hex>" of the uncompressed tar: compare it before using the directory
  std::uint64_t bytes = 0;  // of file content
  std::uint64_t entries = 0;
};

// `blob` is read to its end; `directory` must be empty and reachable by nobody else. Throws Error at the first entry
// that is not allowed, leaving what was unpacked so far. Nothing is synced.
UnpackedLayer unpack_layer(const base::Fd& blob, const base::Fd& directory, const LayerLimits& limits,
                           const std::function<void(std::uint64_t)>& progress);

}  // namespace runtime
