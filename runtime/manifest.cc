#include "runtime/manifest.h"

#include <algorithm>
#include <format>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/reference.h"

namespace runtime {
namespace {

constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr std::size_t kMaxStrings = 10000;  // of one list in a configuration

base::Error wrong(std::string_view where, std::string_view reason) {
  return {"manifest", where, reason};
}

base::Json parse_object(std::string_view text, std::string_view where) {
  base::Json json = base::parse_json(text, where, kMaxManifestBytes);
  if (!json.is_object()) throw wrong(where, "it is no JSON object");
  return json;
}

// Absent and null are the same to the builders out there.
const base::Json* member(const base::Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string string_member(const base::Json& object, std::string_view name, std::string_view where) {
  const base::Json* value = member(object, name);
  if (!value) return "";
  if (!value->is_string()) throw wrong(where, std::format("'{}' must be a string", name));
  return value->get<std::string>();
}

std::vector<std::string> strings_member(const base::Json& object, std::string_view name, std::string_view where) {
  const base::Json* value = member(object, name);
  std::vector<std::string> result;
  if (!value) return result;
  if (!value->is_array() || value->size() > kMaxStrings) {
    throw wrong(where, std::format("'{}' must be a list of at most {} strings", name, kMaxStrings));
  }
  for (const base::Json& item : *value) {
    if (!item.is_string()) throw wrong(where, std::format("'{}' must be a list of strings", name));
    result.push_back(item.get<std::string>());
  }
  return result;
}

// {"80/tcp": {}, …}: Go's way to write a set.
std::vector<std::string> keys_member(const base::Json& object, std::string_view name, std::string_view where) {
  const base::Json* value = member(object, name);
  std::vector<std::string> result;
  if (!value) return result;
  if (!value->is_object() || value->size() > kMaxStrings) {
    throw wrong(where, std::format("'{}' must be an object of at most {} members", name, kMaxStrings));
  }
  for (const auto& [key, unused] : value->items()) result.push_back(key);
  return result;
}

Descriptor parse_descriptor(const base::Json& json, std::string_view what, std::string_view where) {
  if (!json.is_object()) throw wrong(where, std::format("{} must be an object", what));
  Descriptor result;
  result.media_type = string_member(json, "mediaType", where);
  result.digest = string_member(json, "digest", where);
  if (!is_digest(result.digest)) {
    throw wrong(where, std::format("the digest '{}' of {} must be sha256: and 64 lower-case hexadecimal digits",
                                   result.digest.substr(0, 100), what));
  }
  const base::Json* size = member(json, "size");
  if (!size || !size->is_number_integer() || (!size->is_number_unsigned() && size->get<std::int64_t>() < 0) ||
      size->get<std::uint64_t>() > kMaxBlobBytes) {
    throw wrong(where, std::format("the size of {} must be a number from 0 to {}", what, kMaxBlobBytes));
  }
  result.size = size->get<std::uint64_t>();
  return result;
}

void check_schema(const base::Json& json, std::string_view where) {
  const base::Json* version = member(json, "schemaVersion");
  if (version && version->is_number_integer() && version->get<std::int64_t>() == 1) {
    throw wrong(where,
                "it is of Docker's schema 1, which has no digests to check; push the image again with a tool of "
                "this decade");
  }
  if (!version || !version->is_number_integer() || version->get<std::int64_t>() != 2) {
    throw wrong(where, "schemaVersion must be 2");
  }
}

}  // namespace

bool is_index(std::string_view text, std::string_view content_type, std::string_view where) {
  const base::Json json = parse_object(text, where);
  check_schema(json, where);
  const bool has_manifests = json.contains("manifests");
  const bool has_layers = json.contains("layers") || json.contains("config") || json.contains("fsLayers");
  if (has_manifests && has_layers) throw wrong(where, "it has the members of both a manifest and an index");
  if (!has_manifests && !has_layers) throw wrong(where, "it is neither a manifest nor an index");

  const std::string own = string_member(json, "mediaType", where);
  const std::string served = base::lower(base::trim(content_type.substr(0, content_type.find(';'))));
  // Some static registries serve everything as application/json: then the document speaks for itself.
  for (const std::string_view type : {std::string_view(own), std::string_view(served)}) {
    const bool says_index = type == kOciIndex || type == kDockerIndex;
    const bool says_manifest = type == kOciManifest || type == kDockerManifest;
    if ((says_index && !has_manifests) || (says_manifest && has_manifests)) {
      throw wrong(where, std::format("the media type {} does not match the content", type));
    }
    if (!says_index && !says_manifest && type == own && !own.empty()) {
      throw wrong(where, std::format("the media type {} is not that of an image", own.substr(0, 100)));
    }
  }
  if (!own.empty() && !served.empty() && own != served && served.starts_with("application/vnd.")) {
    throw wrong(where, std::format("it says it is {}, but was served as {}", own, served));
  }
  return has_manifests;
}

Descriptor choose_platform(std::string_view index_text, std::string_view where) {
  const base::Json json = parse_object(index_text, where);
  const base::Json* manifests = member(json, "manifests");
  if (!manifests || !manifests->is_array() || manifests->size() > kMaxIndexEntries) {
    throw wrong(where, std::format("'manifests' must be a list of at most {} entries", kMaxIndexEntries));
  }
  std::set<std::string> offered;
  for (const base::Json& entry : *manifests) {
    if (!entry.is_object()) throw wrong(where, "an entry of 'manifests' must be an object");
    const base::Json* platform = member(entry, "platform");
    if (!platform) continue;
    if (!platform->is_object()) throw wrong(where, "'platform' must be an object");
    const std::string os = string_member(*platform, "os", where);
    const std::string architecture = string_member(*platform, "architecture", where);
    const std::string type = string_member(entry, "mediaType", where);
    const bool is_manifest = type.empty() || type == kOciManifest || type == kDockerManifest;
    if (os == "linux" && architecture == "amd64" && is_manifest) {
      return parse_descriptor(entry, "the linux/amd64 manifest", where);
    }
    if (offered.size() < 20) offered.insert((os + "/" + architecture).substr(0, 60));
  }
  throw wrong(where, std::format("there is no linux/amd64 image; there is: {}",
                                 offered.empty() ? "nothing with a platform"
                                                 : base::join({offered.begin(), offered.end()}, ", ")));
}

Manifest parse_manifest(std::string_view text, std::string_view where) {
  const base::Json json = parse_object(text, where);
  check_schema(json, where);
  const base::Json* config = member(json, "config");
  const base::Json* layers = member(json, "layers");
  if (!config) throw wrong(where, "'config' is missing");
  if (!layers || !layers->is_array() || layers->size() > kMaxLayers) {
    throw wrong(where, std::format("'layers' must be a list of at most {} layers", kMaxLayers));
  }
  Manifest result;
  result.config = parse_descriptor(*config, "the configuration", where);
  if (result.config.size > kMaxManifestBytes) {
    throw wrong(where, std::format("the configuration is larger than {}", base::format_size(kMaxManifestBytes)));
  }
  for (const base::Json& layer : *layers) {
    result.layers.push_back(parse_descriptor(layer, std::format("layer {}", result.layers.size() + 1), where));
    const std::string& type = result.layers.back().media_type;
    if (type.ends_with("+encrypted")) throw wrong(where, "its layers are encrypted");
    if (!type.empty() && type.find("tar") == std::string::npos) {
      throw wrong(where, std::format("layer {} is {}, not a tar: this is no container image", result.layers.size(),
                                     type.substr(0, 100)));
    }
  }
  return result;
}

ImageConfig parse_image_config(std::string_view text, std::size_t layers, std::string_view where) {
  const base::Json json = parse_object(text, where);
  const std::string os = string_member(json, "os", where);
  const std::string architecture = string_member(json, "architecture", where);
  if (os != "linux" || architecture != "amd64") {
    throw wrong(where, std::format("the image is for {}/{}, this machine is linux/amd64", os.substr(0, 30),
                                   architecture.substr(0, 30)));
  }

  ImageConfig result;
  const base::Json* rootfs = member(json, "rootfs");
  if (!rootfs || !rootfs->is_object()) throw wrong(where, "'rootfs' is missing");
  if (string_member(*rootfs, "type", where) != "layers") throw wrong(where, "'rootfs.type' must be \"layers\"");
  result.diff_ids = strings_member(*rootfs, "diff_ids", where);
  if (result.diff_ids.size() != layers) {
    throw wrong(where,
                std::format("the configuration names {} layers, the manifest {}", result.diff_ids.size(), layers));
  }
  for (const std::string& id : result.diff_ids) {
    if (!is_digest(id)) throw wrong(where, std::format("the diff id '{}' is no sha256 digest", id.substr(0, 100)));
  }

  const base::Json* config = member(json, "config");
  if (!config) return result;
  if (!config->is_object()) throw wrong(where, "'config' must be an object");
  result.entrypoint = strings_member(*config, "Entrypoint", where);
  result.cmd = strings_member(*config, "Cmd", where);
  result.env = strings_member(*config, "Env", where);
  result.working_dir = string_member(*config, "WorkingDir", where);
  result.user = string_member(*config, "User", where);
  result.exposed_ports = keys_member(*config, "ExposedPorts", where);
  result.volumes = keys_member(*config, "Volumes", where);
  result.stop_signal = string_member(*config, "StopSignal", where);
  if (const base::Json* health = member(*config, "Healthcheck")) {
    result.health = health_setting_of_image(*health, where);
  }
  for (const std::string& name : keys_member(*config, "Labels", where)) {
    result.labels[name] = string_member(config->at("Labels"), name, where);
  }
  return result;
}

}  // namespace runtime
