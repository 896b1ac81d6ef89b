#pragma once
// Manifests, indexes and configurations of images: OCI image-spec v1 and Docker schema 2, as strict values. Pure.
// A document must be what its media type says (a manifest with the members of an index is refused: CVE-2021-41190).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/image_store.h"

namespace runtime {

inline constexpr std::size_t kMaxManifestBytes = 4 * 1024 * 1024;  // manifests, indexes and configurations
inline constexpr std::size_t kMaxLayers = 128;                     // Docker's bound
inline constexpr std::size_t kMaxIndexEntries = 1000;
inline constexpr std::uint64_t kMaxBlobBytes = std::uint64_t{1} << 38;  // 256 GiB; of one layer, as fetched

// For the Accept header.
inline constexpr std::string_view kManifestMediaTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

struct Descriptor {
  std::string media_type;
  std::string digest;      // checked form
  std::uint64_t size = 0;  // bytes
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};

// True for an index (manifest list), false for a manifest. `content_type` is the registry's ("" when unknown); it, the
// document's own mediaType and its members must agree. Throws Error("manifest", where, …).
bool is_index(std::string_view text, std::string_view content_type, std::string_view where);

// The entry for linux/amd64. Throws Error that lists the platforms that there are.
Descriptor choose_platform(std::string_view index_text, std::string_view where);

Manifest parse_manifest(std::string_view text, std::string_view where);

// Throws when it is for another platform, or its diff ids are not one for each of `layers`.
ImageConfig parse_image_config(std::string_view text, std::size_t layers, std::string_view where);

}  // namespace runtime
