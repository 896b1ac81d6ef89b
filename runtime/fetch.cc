#include "runtime/fetch.h"

#include <atomic>
#include <exception>
#include <format>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "runtime/fetch_layer.h"

namespace runtime {
namespace {

// The pull of one image's layers by a few threads. The first failure ends the others.
class LayerPool {
 public:
  LayerPool(const std::string& root, const Reference& reference, const FetchSettings& settings, FetchProgress& progress,
            std::vector<LayerJob> jobs)
      : root_(root), reference_(reference), settings_(settings), progress_(progress), jobs_(std::move(jobs)) {}

  // Bytes that came over the network. Throws the first failure.
  std::uint64_t run() {
    const std::size_t count = std::min(settings_.parallel, jobs_.size());
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    return fetched_;
  }

 private:
  void work() {
    try {
      ImageStore store(root_);  // a database connection belongs to one thread
      store.prepare();
      Registry registry(reference_, settings_.registry);
      const Running running(*this, registry);
      while (const LayerJob* job = take()) {
        fetched_ += fetch_layer(store, registry, *job, settings_, progress_, stop_);
      }
    } catch (const base::Error& error) {
      fail(is_disk_full(error) ? Stop::kDiskFull : Stop::kFailed);
    } catch (...) {
      fail(Stop::kFailed);
    }
  }

  const LayerJob* take() {
    const std::lock_guard lock(mutex_);
    return stop_ != Stop::kNone || next_ == jobs_.size() ? nullptr : &jobs_[next_++];
  }

  // Called while the failure is handled. What comes after the first one is a consequence, or no news.
  void fail(Stop stop) {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = std::current_exception();
    stop_ = stop;
    for (Registry* registry : running_) registry->cancel();
  }

  // Makes a thread's registry known to fail() while it lives.
  class Running {
   public:
    Running(LayerPool& pool, Registry& registry) : pool_(pool), registry_(registry) {
      const std::lock_guard lock(pool_.mutex_);
      pool_.running_.push_back(&registry_);
    }
    ~Running() {
      const std::lock_guard lock(pool_.mutex_);
      std::erase(pool_.running_, &registry_);
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    LayerPool& pool_;
    Registry& registry_;
  };

  const std::string root_;
  const Reference& reference_;
  const FetchSettings& settings_;
  FetchProgress& progress_;
  const std::vector<LayerJob> jobs_;
  std::atomic<std::uint64_t> fetched_ = 0;
  std::atomic<Stop> stop_ = Stop::kNone;
  std::mutex mutex_;  // guards what follows
  std::size_t next_ = 0;
  std::vector<Registry*> running_;
  std::exception_ptr failure_;
};

bool has_all_layers(ImageStore& store, const Image& image) {
  for (const std::string& diff_id : image.config.diff_ids) {
    if (!store.has_layer(diff_id)) return false;
  }
  return true;
}

std::optional<Image> present_image(ImageStore& store, const std::string& name) {
  try {
    auto image = store.find(name);
    if (image && has_all_layers(store, *image)) return image;
  } catch (const base::Error&) {
    // A damaged image is mended by fetching it again.
  }
  return std::nullopt;
}

struct Documents {
  ServedManifest manifest;
  std::string source_digest;  // of the index when there was one
};

Documents fetch_manifest(Registry& registry, const Reference& reference) {
  ServedManifest served = registry.manifest(reference.selector());
  const std::string source = served.digest;
  if (is_index(served.body, served.content_type, reference.text())) {
    const Descriptor chosen = choose_platform(served.body, reference.text());
    served = registry.manifest(chosen.digest);
    if (served.body.size() != chosen.size) {
      throw base::Error("manifest", reference.text(), "its size is not the one in the index");
    }
    if (is_index(served.body, served.content_type, chosen.digest)) {
      throw base::Error("manifest", reference.text(), "an index inside an index is not allowed");
    }
  }
  return {.manifest = std::move(served), .source_digest = source};
}

}  // namespace

FetchResult fetch_image(ImageStore& store, const Reference& reference, const FetchSettings& settings,
                        FetchProgress& progress) {
  store.prepare();
  const base::Fd lock = store.lock_shared();
  std::optional<Image> present = present_image(store, reference.text());
  // What a digest names never changes.
  if (present && !reference.digest.empty()) return {.image = std::move(*present), .was_present = true};

  Registry registry(reference, settings.registry);
  const Documents documents = fetch_manifest(registry, reference);
  const std::string& digest = documents.manifest.digest;
  if (present && present->digest == digest && present->source_digest == documents.source_digest) {
    return {.image = std::move(*present), .was_present = true};
  }
  const Manifest manifest = parse_manifest(documents.manifest.body, reference.text());
  std::optional<std::string> config_text = store.read_blob(manifest.config.digest);
  if (!config_text) config_text = registry.blob(manifest.config);

  FetchResult result;
  result.image.reference = reference.text();
  result.image.digest = digest;
  result.image.source_digest = documents.source_digest;
  result.image.config = parse_image_config(*config_text, manifest.layers.size(), reference.text());
  const std::vector<std::string>& diff_ids = result.image.config.diff_ids;

  progress.begin(manifest.layers);
  std::vector<LayerJob> jobs;
  std::map<std::string, std::string> blob_of;  // diff id to blob: the same layer may come twice
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const Descriptor& blob = manifest.layers[i];
    if (!blob_of.emplace(diff_ids[i], blob.digest).second || store.has_layer(diff_ids[i])) {
      progress.update(i, FetchProgress::Step::kPresent, blob.size);
    } else {
      jobs.push_back({.layer = i, .blob = blob, .diff_id = diff_ids[i]});
    }
  }
  result.was_present = jobs.empty();
  result.fetched_bytes = LayerPool(store.root(), reference, settings, progress, std::move(jobs)).run();

  store.write_blob(manifest.config.digest, *config_text);
  store.write_blob(digest, documents.manifest.body);
  for (const std::string& diff_id : diff_ids) {
    result.image.layer_directories.push_back(store.layer_directory(diff_id));
    result.image.size += store.layer_size(diff_id);
  }
  result.image.fetched_at = std::chrono::system_clock::now();
  store.save(result.image);
  return result;
}

}  // namespace runtime
