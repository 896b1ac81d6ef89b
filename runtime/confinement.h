#pragma once
// Landlock (base/landlock.h) for those parts of the runtime that read what outsiders have made: a name that deceives
// the reader leads to nothing outside of one directory. On a kernel without it they work as they do with it.

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.h"
#include "runtime/layer.h"
#include "runtime/mount_api.h"

namespace runtime {

// unpack_layer() in a thread of its own that reaches nothing but `directory`. `progress` is called there.
UnpackedLayer unpack_confined(const base::Fd& blob, const base::Fd& directory, const LayerLimits& limits,
                              const std::function<void(std::uint64_t)>& progress);

// For the two processes of `cp`. The one that packs reads below `root`, and writes nowhere.
void confine_packing(const base::Fd& root);
// The one that unpacks to `path` changes that alone: the directory that is there, or else its parent. Where links below
// the destination are followed, they may lead anywhere in `root`, so it is that.
void confine_unpacking(const base::Fd& root, const std::string& path, Links links);

}  // namespace runtime
