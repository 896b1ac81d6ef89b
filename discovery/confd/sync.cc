#include "discovery/confd/sync.h"

#include <cstdlib>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "discovery/confd/template.h"
#include "kv/client/key_path.h"

namespace discovery::confd {
namespace {

constexpr std::size_t kMaxResources = 1000;
constexpr std::uint64_t kMaxResourceBytes = 64 * 1024;
constexpr std::size_t kMaxFetchedBytes = 64 * 1024 * 1024;

Template read_template(const std::string& folder, const Resource& resource) {
  const std::string path = folder + "/templates/" + resource.source;
  return {base::read_file(path, kMaxTemplateBytes), path};
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

LoadedResources load_resources(const std::string& folder, const std::string& prefix) {
  LoadedResources loaded;
  const std::string place = folder + "/conf.d";
  const base::Fd directory = base::open_directory(place);
  for (const std::string& name : base::list_directory_at(directory)) {
    if (!name.ends_with(".toml") || name.starts_with('.')) continue;
    if (loaded.resources.size() >= kMaxResources) {
      throw base::Error("read", place, std::format("more than {} resources", kMaxResources));
    }
    try {
      const std::string text = base::read_file_at(directory, name, kMaxResourceBytes);
      const Resource resource = parse_resource(text, place + "/" + name, prefix);
      read_template(folder, resource);
      loaded.resources.push_back(resource);
    } catch (const base::Error& error) {
      loaded.errors.emplace_back(error.what());
    }
  }
  if (loaded.resources.empty() && loaded.errors.empty()) base::log_warning("no template resources in {}", place);
  return loaded;
}

Keys fetch_keys(kv::Client& store, const Resource& resource) {
  Keys keys;
  std::size_t bytes = 0;
  const auto add = [&](const kv::Node& node) {
    if (node.directory) return;
    bytes += node.key.size() + node.value.size();
    if (bytes > kMaxFetchedBytes) {
      throw base::Error("fetch keys of", resource.file, std::format("more than {} bytes", kMaxFetchedBytes));
    }
    keys.set(resource.prefix == "/" ? node.key : node.key.substr(resource.prefix.size()), node.value);
  };
  for (const std::string& key : resource.keys) {
    const std::string in_store = resource.store_key(key);
    const std::vector<kv::Node> nodes = store.list(in_store).nodes;
    for (const kv::Node& node : nodes) add(node);
    if (!nodes.empty() || in_store == "/") continue;
    if (const auto leaf = store.get(in_store)) add(*leaf);
  }
  return keys;
}

Outcome process(const std::string& folder, const Resource& resource, kv::Client& store, const InstallOptions& options) {
  const Template source = read_template(folder, resource);
  const Keys keys = fetch_keys(store, resource);
  return install(resource, source.render({.keys = keys, .environment = environment}), options);
}

}  // namespace discovery::confd
