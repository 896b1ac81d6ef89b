#include "runtime/images_command.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text.h"
#include "runtime/fetch.h"
#include "runtime/fetch_progress.h"
#include "runtime/reference.h"

namespace runtime {
namespace {

constexpr const char* kRegistriesFile = "/etc/clusteros/registries.json";
constexpr const char* kSystemAuthFile = "/etc/clusteros/registry-auth.json";
constexpr std::size_t kShortDigest = 12;

RegistrySettings registry_settings(const base::Invocation& invocation) {
  RegistrySettings result;
  if (const auto text = base::read_file_if_exists(kRegistriesFile)) {
    result.insecure = parse_registries_file(*text, kRegistriesFile);
  }
  // The environment has one value for all of them.
  for (const std::string& given : invocation.get_all("insecure-registry")) {
    for (const std::string& host : base::split(given, ',')) {
      if (!host.empty()) result.insecure.push_back(parse_registry_host(host));
    }
  }
  result.ca_file = invocation.get("ca-file");
  if (!invocation.get("authfile").empty()) {
    result.auth_file_name = invocation.get("authfile");
    result.auth_file = base::read_file(result.auth_file_name);
    return result;
  }
  std::vector<std::string> places = {kSystemAuthFile};
  if (const char* home = std::getenv("HOME"); home && *home == '/') {
    places.push_back(std::string(home) + "/.docker/config.json");
  }
  for (const std::string& place : places) {
    if (auto text = base::read_file_if_exists(place)) {
      result.auth_file_name = place;
      result.auth_file = std::move(*text);
      break;
    }
  }
  return result;
}

FetchResult fetch_with_progress(const base::Invocation& invocation, ImageStore& store, const Reference& reference) {
  FetchSettings settings;
  settings.registry = registry_settings(invocation);
  ProgressLines progress(STDERR_FILENO, isatty(STDERR_FILENO) == 1, invocation.flag("quiet"));
  try {
    return fetch_image(store, reference, settings, progress);
  } catch (const base::Error& error) {
    throw base::Error("fetch", reference.text(), error.what());
  }
}

std::string short_digest(const std::string& digest) {
  return digest_hex(digest).substr(0, kShortDigest);
}

int run_fetch(const base::Invocation& invocation) {
  const std::string& root = invocation.get("root");
  std::vector<Reference> references;
  for (const std::string& text : invocation.arguments) references.push_back(parse_reference(text));
  ImageStore store(root);
  for (const Reference& reference : references) {
    const auto start = std::chrono::steady_clock::now();
    const FetchResult result = fetch_with_progress(invocation, store, reference);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    if (!invocation.flag("quiet")) {
      const std::string line = result.was_present ? std::format("{}: up to date\n", reference.text())
                                                  : std::format("{}: {} layers, {} fetched, {} unpacked, in {:.1f} s\n",
                                                                reference.text(), result.image.layer_directories.size(),
                                                                base::format_size(result.fetched_bytes),
                                                                base::format_size(result.image.size), took.count());
      std::fputs(line.c_str(), stderr);
    }
    std::printf("%s\n", result.image.digest.c_str());
  }
  // A moved tag leaves the layers of the image that had it before.
  store.collect_garbage([&] { return image_uses(invocation); });
  return 0;
}

base::Json image_json(const Image& image) {
  base::Json json;
  json["image"] = image.reference;
  json["imageDigest"] = image.digest;
  json["sourceDigest"] = image.source_digest;
  json["size"] = image.size;
  json["fetched"] = base::format_rfc3339(image.fetched_at);
  json["layers"] = image.config.diff_ids;
  return json;
}

int run_images(const base::Invocation& invocation) {
  ImageStore store(invocation.get("root"));
  const std::vector<Image> images = store.list();
  if (invocation.flag("json")) {
    base::Json json = base::Json::array();
    for (const Image& image : images) json.push_back(image_json(image));
    std::printf("%s\n", base::to_text(json, 2).c_str());
    return 0;
  }
  if (invocation.flag("quiet")) {
    for (const Image& image : images) std::printf("%s\n", image.digest.c_str());
    return 0;
  }
  base::Table table;
  table.add_row({"REPOSITORY", "TAG", "DIGEST", "FETCHED", "SIZE"});
  const auto now = std::chrono::system_clock::now();
  for (const Image& image : images) {
    const Reference reference = parse_reference(image.reference);
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - image.fetched_at);
    table.add_row({reference.registry + "/" + reference.repository, reference.tag.empty() ? "<none>" : reference.tag,
                   short_digest(image.digest), base::format_duration(std::max(age, std::chrono::seconds(0))) + " ago",
                   base::format_size(image.size)});
  }
  std::fputs(table.text().c_str(), stdout);
  return 0;
}

// The reference that an argument means, also of an image whose files are damaged.
std::string reference_to_remove(ImageStore& store, const std::string& text) {
  try {
    if (const auto image = store.find(text)) return image->reference;
  } catch (const base::Error& error) {
    base::log_warning("{}", error.what());
  }
  return parse_reference(text).text();
}

int run_rmi(const base::Invocation& invocation) {
  ImageStore store(invocation.get("root"));
  const std::vector<ImageUse> uses = image_uses(invocation);
  int failures = 0;
  for (const std::string& text : invocation.arguments) {
    try {
      const std::string reference = reference_to_remove(store, text);
      if (!invocation.flag("force")) {
        const auto image = store.find(reference);
        for (const ImageUse& use : uses) {
          if (!image || use.digest != image->digest) continue;
          throw base::Error("remove", reference,
                            std::format("container {} uses it; remove that first, or give --force", use.container));
        }
      }
      if (!store.remove(reference)) throw base::Error("remove", reference, "there is no such image");
      std::printf("%s\n", reference.c_str());
    } catch (const base::Error& error) {
      std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.what());
      ++failures;
    }
  }
  if (!store.collect_garbage([&] { return image_uses(invocation); })) {
    std::fprintf(stderr, "%s: a fetch or a start is under way: the space is freed by the next rmi or fetch\n",
                 invocation.program.c_str());
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace

std::vector<base::Option> registry_options() {
  return {
      {.name = "insecure-registry",
       .value = "HOST[:PORT]",
       .help = "speak plain http to this registry (loopback addresses always are)",
       .environment = "CONTAINER_INSECURE_REGISTRIES",
       .repeatable = true},
      {.name = "authfile",
       .value = "FILE",
       .help = "logins, in the form of Docker's config.json",
       .environment = "REGISTRY_AUTH_FILE"},
      {.name = "ca-file", .value = "FILE", .help = "certificates to trust instead of the system's, PEM"},
      {.name = "quiet", .letter = 'q', .help = "show no progress"},
  };
}

std::span<const base::Command> image_commands() {
  static const std::vector<base::Command> commands = {
      {.name = "fetch",
       .arguments = "IMAGE...",
       .summary = "fetch images from their registries",
       .options = registry_options(),
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = run_fetch,
       .description = "IMAGE is [REGISTRY/]NAME[:TAG][@sha256:DIGEST]. Without a registry it is docker.io, without a "
                      "tag it is latest. Layers that are here already are not fetched again, and a fetch that was cut "
                      "off goes on where it ended. Prints the digest of each image."},
      {.name = "images",
       .arguments = "",
       .summary = "list the images of this machine",
       .options = {{.name = "json", .help = "print JSON"},
                   {.name = "quiet", .letter = 'q', .help = "print digests only"}},
       .run = run_images},
      {.name = "rmi",
       .arguments = "IMAGE...",
       .summary = "remove images",
       .options = {{.name = "force",
                    .letter = 'f',
                    .help = "forget the name also while a container uses the image (its layers stay until then)"}},
       .min_arguments = 1,
       .max_arguments = base::kAnyNumber,
       .run = run_rmi,
       .description =
           "IMAGE is a reference, a digest, or the first 6 or more digits of one. Layers that no other image "
           "and no container needs are deleted."},
  };
  return commands;
}

Image fetch_for(const base::Invocation& invocation, const std::string& reference) {
  ImageStore store(invocation.get("root"));
  return fetch_with_progress(invocation, store, parse_reference(reference)).image;
}

}  // namespace runtime
