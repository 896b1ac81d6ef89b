// A bundle's config.json, from whoever made the bundle. An input that begins with '/' is a list of changes to the
// configuration that `oci-runtime spec` writes, one a line: a JSON pointer (RFC 6901), a blank, the new value; nothing
// as the value takes the member away. Any other input is the configuration itself.

#include "base/error.h"
#include "base/json.h"
#include "fuzz.h"
#include "runtime/oci_config.h"

namespace {

void change(base::Json& config, std::string_view line) {
  const std::size_t blank = line.find(' ');
  try {
    const base::Json::json_pointer place{std::string(line.substr(0, blank))};
    if (place.empty()) return;
    if (blank != std::string_view::npos) {
      config[place] = base::parse_json(line.substr(blank + 1), "value");
    } else if (config.contains(place) && config[place.parent_pointer()].is_object()) {
      config[place.parent_pointer()].erase(place.back());
    }
  } catch (const base::Json::exception&) {
    // No pointer, or one that leads nowhere.
  }
}

base::Json config_of(std::string_view text) {
  static const base::Json kDefault = runtime::default_oci_config();
  if (!text.starts_with('/')) return base::parse_json(text, "config.json");
  base::Json config = kDefault;
  fuzz::Input input(text);
  while (!input.empty()) change(config, input.line());
  return config;
}

bool has_zero(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.contains('\0')) return true;
  }
  return false;
}

void holds_what_is_relied_on(const runtime::ContainerSpec& spec) {
  const runtime::Process& process = spec.process;
  fuzz::must(!process.arguments.empty(), "there is a program");
  fuzz::must(process.working_directory.starts_with('/'), "the working directory is absolute");
  fuzz::must(!has_zero(process.arguments) && !has_zero(process.environment), "no text has a zero byte");
  fuzz::must(!has_zero(spec.masked_paths) && !has_zero(spec.read_only_paths), "no path has a zero byte");
  fuzz::must((process.capabilities.ambient & ~process.capabilities.permitted) == 0, "ambient ones are permitted");
  fuzz::must(!spec.root.directory.empty(), "there is a root");
  fuzz::must(!spec.namespaces.user || !(spec.uid_map.empty() || spec.gid_map.empty()), "a user namespace is mapped");
  for (const runtime::Mount& mount : spec.mounts) {
    fuzz::must(mount.destination.starts_with('/'), "a mount's destination is absolute");
    fuzz::must(mount.type != "bind" || !mount.source.empty(), "a bind has a source");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const base::Json config = config_of(fuzz::text_of(data, size));
    holds_what_is_relied_on(runtime::parse_oci_config(config, "/bundle", "fuzz").spec);
  } catch (const base::Error&) {
  }
  return 0;
}
