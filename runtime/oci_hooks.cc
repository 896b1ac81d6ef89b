#include "runtime/oci_hooks.h"

#include "base/error.h"
#include "base/file.h"
#include "runtime/oci_config.h"

namespace runtime {
namespace {

constexpr const char* kHooksFile = "hooks.json";
constexpr std::int64_t kLongestTimeout = 86400;  // seconds

using List = std::vector<Hook> Hooks::*;
constexpr std::array<std::pair<const char*, List>, 6> kKinds = {{{"prestart", &Hooks::prestart},
                                                                 {"createRuntime", &Hooks::create_runtime},
                                                                 {"createContainer", &Hooks::create_container},
                                                                 {"startContainer", &Hooks::start_container},
                                                                 {"poststart", &Hooks::poststart},
                                                                 {"poststop", &Hooks::poststop}}};

Hook parse_hook(ObjectReader& reader) {
  Hook hook;
  hook.path = reader.text("path");
  if (!hook.path.starts_with('/')) refuse(reader.path_of("path"), "expected an absolute path");
  hook.arguments = reader.texts("args");
  hook.environment = reader.texts("env");
  if (auto timeout = reader.integer("timeout", 1, kLongestTimeout)) hook.timeout = std::chrono::seconds(*timeout);
  reader.done();
  return hook;
}

}  // namespace

Hooks parse_hooks(ObjectReader hooks) {
  Hooks result;
  for (const auto& [name, list] : kKinds) {
    for (ObjectReader& reader : hooks.objects(name)) (result.*list).push_back(parse_hook(reader));
  }
  hooks.done();
  return result;
}

base::Json hooks_to_json(const Hooks& hooks) {
  base::Json result = base::Json::object();
  for (const auto& [name, list] : kKinds) {
    for (const Hook& hook : hooks.*list) {
      base::Json json = {{"path", hook.path}, {"args", hook.arguments}, {"env", hook.environment}};
      if (hook.timeout) json["timeout"] = hook.timeout->count();
      result[name].push_back(json);
    }
  }
  return result;
}

std::string hook_state(const std::string& id, std::string_view status, int pid, const std::string& bundle,
                       const base::Json& annotations) {
  base::Json state = {{"ociVersion", kOciVersion}, {"id", id}, {"status", status}, {"bundle", bundle}};
  if (pid > 0) state["pid"] = pid;
  if (!annotations.empty()) state["annotations"] = annotations;
  return base::to_text(state);
}

void save_hooks(const StateStore& store, const std::string& id, const Hooks& hooks) {
  Hooks kept{.poststart = hooks.poststart, .poststop = hooks.poststop};
  if (!kept.any()) return;
  base::write_file_atomic(store.path_of(id, kHooksFile), base::to_text(hooks_to_json(kept)) + "\n", 0600);
}

Hooks load_hooks(const StateStore& store, const std::string& id) {
  std::string path = store.path_of(id, kHooksFile);
  std::optional<std::string> text = base::read_file_if_exists(path);
  return text ? parse_hooks(ObjectReader(base::parse_json(*text, path), "hooks")) : Hooks{};
}

}  // namespace runtime
