#pragma once
// The images of this machine: what was fetched, where its unpacked layers are, what its configuration says.
//
// Layout below the root (docs/formats/runtime-images.md): images.db (which reference is which digest), blobs/sha256/
// (manifests and configurations), layers/<hex of the diff id>/ (one unpacked layer each, in overlayfs' own form:
// whiteouts are character devices 0:0, opaque directories carry trusted.overlay.opaque=y, owners are not shifted),
// tmp/ and locks/. The root is 0700: layers hold set-user-id programs, so only root may walk to them.
//
// Errors: base::Error on damage or I/O failure; "no such image" is a value. One object a thread; any number of
// processes may read while one fetches or removes.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/applet.h"
#include "base/fd.h"
#include "runtime/health.h"

namespace runtime {

inline constexpr std::string_view kDefaultRoot = "/var/lib/clusteros/runtime";

// What the image asks for (image-spec config.md). Everything is as the image says: unchecked text from outside.
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;            // "NAME=value"
  std::string working_dir;                 // "" when not given
  std::string user;                        // "", "name", "uid", "user:group", …
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::vector<std::string> volumes;        // paths in the container
  std::map<std::string, std::string> labels;
  std::string stop_signal;  // "SIGTERM", "15", ""
  HealthSetting health;
  std::vector<std::string> diff_ids;  // "sha256:<hex>", lowest layer first
};

struct Image {
  std::string reference;      // normalised: "docker.io/library/nginx:latest"
  std::string digest;         // of the manifest for this platform: "sha256:<hex>"
  std::string source_digest;  // of what the registry served: the index when there is one, else `digest`
  std::uint64_t size = 0;     // bytes of the unpacked files of all layers
  std::vector<std::string> layer_directories;  // absolute paths, lowest first
  ImageConfig config;
  std::chrono::system_clock::time_point fetched_at;
};

// A container that needs an image's layers.
struct ImageUse {
  std::string container;  // id
  std::string digest;     // Image::digest
};

// All containers of this machine, running or not, that use an image. Implemented beside the containers' state; `rmi`
// and the clean-up after `fetch` ask it.
std::vector<ImageUse> image_uses(const base::Invocation& invocation);

class ImageStore {
 public:
  // Nothing is created or opened before it is needed.
  explicit ImageStore(const std::string& root);
  ~ImageStore();
  ImageStore(const ImageStore&) = delete;
  ImageStore& operator=(const ImageStore&) = delete;

  // By reference (normalised here: "nginx" finds docker.io/library/nginx:latest), by digest "sha256:<hex>", or by the
  // first 6 or more hexadecimal digits of the digest (Error when these fit several images).
  std::optional<Image> find(const std::string& reference_or_digest);

  // Sorted by reference.
  std::vector<Image> list();

  // Keeps layers from being removed while it lives (a shared flock). Hold it from find() until the container's state,
  // which image_uses() reads, is written. Takes microseconds unless a removal is under way.
  base::Fd lock_shared();

  // Adds or replaces the reference. The layers of `image` must have been published.
  void save(const Image& image);

  // Forgets the reference (exactly as in Image::reference). False when it was not there. Files stay until
  // collect_garbage().
  bool remove(const std::string& reference);

  // Removes the blobs, layers and leftovers that no reference and no container needs. `uses` is asked while no start is
  // under way. False when a fetch or a start is under way elsewhere: then nothing was removed, and the next call will.
  bool collect_garbage(const std::function<std::vector<ImageUse>()>& uses);

  // --- for the fetcher

  // Makes the directories and removes the half-unpacked layers that a crash left. Idempotent.
  void prepare();

  // Waits until nobody else works on this content. `kind` is "blob" or "layer".
  base::Fd lock_content(const std::string& kind, const std::string& digest);

  std::optional<std::string> read_blob(const std::string& digest);       // checked against its digest again
  void write_blob(const std::string& digest, std::string_view content);  // atomically, on the disk when it returns

  bool has_layer(const std::string& diff_id);
  std::uint64_t layer_size(const std::string& diff_id);
  // Moves the unpacked directory tmp/`name` to its place; on the disk when it returns. `size`: bytes of its files.
  // The caller holds lock_content("layer", diff_id).
  void publish_layer(const std::string& diff_id, const std::string& name, std::uint64_t size);
  std::string layer_directory(const std::string& diff_id) const;

  const base::Fd& tmp();  // the directory tmp/, after prepare()
  const std::string& root() const { return root_; }

 private:
  struct State;
  std::string root_;
  std::unique_ptr<State> state_;
};

}  // namespace runtime
