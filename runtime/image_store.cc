#include "runtime/image_store.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <format>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sqlite.h"
#include "runtime/manifest.h"
#include "runtime/reference.h"

namespace runtime {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
constexpr std::string_view kStoreLock = "store";
constexpr std::size_t kShortestPrefix = 6;
constexpr std::size_t kMaxEntries = 1'000'000;  // of one directory of the store

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS images(
  reference TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  source_digest TEXT NOT NULL,
  fetched_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS layers(
  diff_id TEXT PRIMARY KEY,
  size INTEGER NOT NULL) STRICT;
)";

bool is_hex_prefix(std::string_view text) {
  return text.size() >= kShortestPrefix && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What an image's manifest blob says: the configuration and all that has to stay on the disk for it.
struct Content {
  ImageConfig config;
  std::string config_digest;
};

Content read_content(ImageStore& store, const std::string& digest) {
  const auto damaged = [&](std::string_view what) {
    return base::Error("image", digest, std::format("its {} is missing in {}; fetch it again", what, store.root()));
  };
  const auto manifest_text = store.read_blob(digest);
  if (!manifest_text) throw damaged("manifest");
  const Manifest manifest = parse_manifest(*manifest_text, digest);
  const auto config_text = store.read_blob(manifest.config.digest);
  if (!config_text) throw damaged("configuration");
  return {.config = parse_image_config(*config_text, manifest.layers.size(), manifest.config.digest),
          .config_digest = manifest.config.digest};
}

}  // namespace

struct ImageStore::State {
  explicit State(const std::string& root_in) : root(root_in) {}

  void make_directories() {
    if (made) return;
    base::make_directories(root, 0700);
    base::check(chmod(root.c_str(), 0700), "chmod", root);
    const base::Fd directory = base::open_directory(root);
    for (const char* name : {"blobs", "blobs/sha256", "layers", "tmp", "locks"}) {
      if (mkdirat(directory.get(), name, 0700) != 0 && errno != EEXIST) {
        base::throw_errno("mkdir", root + "/" + name);
      }
    }
    made = true;
  }

  static std::int64_t format_of(base::Database& opened) {
    base::Statement version(opened, "PRAGMA user_version");
    version.step();
    return version.integer(0);
  }

  // Null when there is no store yet and `create` is false.
  base::Database* open(bool create) {
    if (database) return database.get();
    const std::string path = root + "/images.db";
    if (!create && !base::exists(path)) return nullptr;
    make_directories();
    // Two that make the database at once would each find the other in the way, and SQLite does not wait then.
    const base::Fd one_at_a_time = base::open_directory(root);
    while (flock(one_at_a_time.get(), LOCK_EX) != 0) {
      if (errno != EINTR) base::throw_errno("lock", root);
    }
    database = std::make_unique<base::Database>(path, true);
    const std::int64_t found = format_of(*database);
    if (found > kSchemaVersion) {
      database.reset();
      throw base::Error("open", path,
                        std::format("it has format {}, this program knows up to {}", found, kSchemaVersion));
    }
    if (found == 0) {
      base::Transaction transaction(*database);
      database->execute(kSchema);
      database->execute(std::format("PRAGMA user_version = {}", kSchemaVersion));
      transaction.commit();
    }
    return database.get();
  }

  // Lock files stay where they are while anybody may hold them: only collect_garbage() removes them.
  base::Fd lock(std::string_view name, int operation) {
    make_directories();
    const std::string path = std::format("{}/locks/{}", root, name);
    base::Fd file = base::open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    while (flock(file.get(), operation) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return {};
      base::throw_errno("lock", path);
    }
    return file;
  }

  const std::string& root;
  bool made = false;
  std::unique_ptr<base::Database> database;
  base::Fd tmp;
};

ImageStore::ImageStore(const std::string& root) : root_(root), state_(std::make_unique<State>(root_)) {
  if (!root.starts_with('/')) throw base::UsageError(std::format("--root must be an absolute path, not '{}'", root));
}

ImageStore::~ImageStore() = default;

namespace {

Image image_of(ImageStore& store, base::Statement& row) {
  Image image;
  image.reference = row.text(0);
  image.digest = row.text(1);
  image.source_digest = row.text(2);
  image.fetched_at = std::chrono::system_clock::time_point(std::chrono::seconds(row.integer(3)));
  image.config = read_content(store, image.digest).config;
  for (const std::string& diff_id : image.config.diff_ids) {
    image.layer_directories.push_back(store.layer_directory(diff_id));
    image.size += store.layer_size(diff_id);
  }
  return image;
}

constexpr std::string_view kSelect = "SELECT reference, digest, source_digest, fetched_at FROM images ";

}  // namespace

std::optional<Image> ImageStore::find(const std::string& reference_or_digest) {
  base::Database* database = state_->open(false);
  if (!database) return std::nullopt;
  const bool by_digest = is_digest(reference_or_digest);
  if (!by_digest) {
    // A name of hexadecimal digits alone may be both; as a name it must not break the look-up by digest.
    const std::string name = parse_reference(reference_or_digest).text();
    base::Statement row(*database, std::string(kSelect) + "WHERE reference = ?1");
    row.bind(1, name);
    if (row.step()) return image_of(*this, row);
    if (!is_hex_prefix(reference_or_digest)) return std::nullopt;
  }
  const std::string prefix = by_digest ? reference_or_digest : "sha256:" + reference_or_digest;
  base::Statement row(*database, std::string(kSelect) +
                                     "WHERE substr(digest, 1, ?2) = ?1 OR substr(source_digest, 1, ?2) = ?1 "
                                     "ORDER BY reference");
  row.bind(1, prefix).bind(2, static_cast<std::int64_t>(prefix.size()));
  std::optional<Image> found;
  while (row.step()) {
    if (!found) {
      found = image_of(*this, row);
    } else if (found->digest != row.text(1)) {
      throw base::Error("image", reference_or_digest,
                        "more than one image begins with these digits; give more of them");
    }
  }
  return found;
}

std::vector<Image> ImageStore::list() {
  std::vector<Image> result;
  base::Database* database = state_->open(false);
  if (!database) return result;
  base::Statement row(*database, std::string(kSelect) + "ORDER BY reference");
  while (row.step()) {
    try {
      result.push_back(image_of(*this, row));
    } catch (const base::Error& error) {
      base::log_warning("{}: {}", row.text(0), error.what());
    }
  }
  return result;
}

base::Fd ImageStore::lock_shared() {
  return state_->lock(kStoreLock, LOCK_SH);
}

base::Fd ImageStore::lock_content(const std::string& kind, const std::string& digest) {
  return state_->lock(kind + "-" + digest_hex(digest), LOCK_EX);
}

void ImageStore::save(const Image& image) {
  base::Statement statement(*state_->open(true), "INSERT OR REPLACE INTO images VALUES(?1, ?2, ?3, ?4)");
  statement.bind(1, image.reference).bind(2, image.digest).bind(3, image.source_digest);
  statement.bind(4, static_cast<std::int64_t>(
                        std::chrono::duration_cast<std::chrono::seconds>(image.fetched_at.time_since_epoch()).count()));
  statement.run();
}

bool ImageStore::remove(const std::string& reference) {
  base::Database* database = state_->open(false);
  if (!database) return false;
  base::Statement statement(*database, "DELETE FROM images WHERE reference = ?1 RETURNING reference");
  statement.bind(1, reference);
  const bool found = statement.step();
  while (found && statement.step()) {
  }
  return found;
}

void ImageStore::prepare() {
  state_->make_directories();
  state_->tmp = base::open_directory(root_ + "/tmp");
  const base::Fd alone = state_->lock(kStoreLock, LOCK_EX | LOCK_NB);
  if (!alone) return;  // another fetch is at work: what is there may be its own
  for (const std::string& name : base::list_directory_at(state_->tmp, ".", kMaxEntries)) {
    if (name.starts_with("unpack-")) base::remove_tree_at(state_->tmp, name);
  }
}

const base::Fd& ImageStore::tmp() {
  return state_->tmp;
}

std::string ImageStore::layer_directory(const std::string& diff_id) const {
  return root_ + "/layers/" + digest_hex(diff_id);
}

std::optional<std::string> ImageStore::read_blob(const std::string& digest) {
  const std::string path = root_ + "/blobs/sha256/" + digest_hex(digest);
  auto content = base::read_file_if_exists(path, kMaxManifestBytes);
  if (content && "sha256:" + base::sha256_hex(*content) != digest) {
    throw base::Error("read", path, "the content does not match its name: the disk or something else damaged it");
  }
  return content;
}

void ImageStore::write_blob(const std::string& digest, std::string_view content) {
  state_->make_directories();
  base::write_file_atomic_at(base::open_directory(root_ + "/blobs/sha256"), digest_hex(digest), content, 0600);
}

bool ImageStore::has_layer(const std::string& diff_id) {
  base::Database* database = state_->open(false);
  if (!database) return false;
  base::Statement statement(*database, "SELECT 1 FROM layers WHERE diff_id = ?1");
  statement.bind(1, diff_id);
  return statement.step() && base::exists(layer_directory(diff_id));
}

std::uint64_t ImageStore::layer_size(const std::string& diff_id) {
  base::Database* database = state_->open(false);
  if (!database) return 0;
  base::Statement statement(*database, "SELECT size FROM layers WHERE diff_id = ?1");
  statement.bind(1, diff_id);
  return statement.step() ? static_cast<std::uint64_t>(statement.integer(0)) : 0;
}

void ImageStore::publish_layer(const std::string& diff_id, const std::string& name, std::uint64_t size) {
  const base::Fd unpacked = base::open_directory_at(state_->tmp, name);
  base::check(syncfs(unpacked.get()), "sync", layer_directory(diff_id));
  const base::Fd layers = base::open_directory(root_ + "/layers");
  const std::string hex = digest_hex(diff_id);
  // Without a row it was never used: a crash came between the rename and the row.
  base::remove_tree_at(layers, hex);
  base::check(renameat(state_->tmp.get(), name.c_str(), layers.get(), hex.c_str()), "rename", layer_directory(diff_id));
  base::check(fsync(layers.get()), "sync", root_ + "/layers");
  base::Statement statement(*state_->open(true), "INSERT OR REPLACE INTO layers VALUES(?1, ?2)");
  statement.bind(1, diff_id).bind(2, static_cast<std::int64_t>(size));
  statement.run();
}

bool ImageStore::collect_garbage(const std::function<std::vector<ImageUse>()>& uses) {
  base::Database* database = state_->open(false);
  if (!database) return true;
  const base::Fd alone = state_->lock(kStoreLock, LOCK_EX | LOCK_NB);
  if (!alone) return false;

  std::set<std::string> images;
  for (const ImageUse& use : uses()) images.insert(use.digest);
  base::Statement rows(*database, "SELECT digest FROM images");
  while (rows.step()) images.insert(rows.text(0));
  rows.reset();
  std::set<std::string> blobs;
  std::set<std::string> layers;
  try {
    for (const std::string& digest : images) {
      const Content content = read_content(*this, digest);
      blobs.insert(digest_hex(digest));
      blobs.insert(digest_hex(content.config_digest));
      for (const std::string& diff_id : content.config.diff_ids) layers.insert(digest_hex(diff_id));
    }
  } catch (const base::Error& error) {
    base::log_warning("nothing is cleaned up, since it is not known which layers an image needs: {}", error.what());
    return true;
  }

  const auto sweep = [&](const std::string& folder, const auto& keep, const auto& before) {
    const base::Fd directory = base::open_directory(root_ + "/" + folder);
    for (const std::string& name : base::list_directory_at(directory, ".", kMaxEntries)) {
      if (keep(name)) continue;
      before(name);
      base::remove_tree_at(directory, name);
    }
  };
  const auto nothing = [](const std::string&) {};
  sweep(
      "layers", [&](const std::string& name) { return layers.contains(name); },
      [&](const std::string& name) {
        // The row goes first: a directory that is half removed must not count as a layer.
        base::Statement statement(*database, "DELETE FROM layers WHERE diff_id = ?1");
        statement.bind(1, "sha256:" + name);
        statement.run();
      });
  sweep("blobs/sha256", [&](const std::string& name) { return blobs.contains(name); }, nothing);
  sweep("tmp", [](const std::string&) { return false; }, nothing);
  sweep("locks", [](const std::string& name) { return name == kStoreLock; }, nothing);
  return true;
}

}  // namespace runtime
