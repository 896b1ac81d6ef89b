#include "runtime/volume_command.h"

#include <array>
#include <cstdio>

#include "base/error.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "runtime/container_uses.h"
#include "runtime/run_options.h"
#include "runtime/subcommand.h"
#include "runtime/volume_store.h"

namespace runtime {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Those who use it are asked for while nobody begins to.
struct Volumes {
  explicit Volumes(const base::Invocation& invocation) : machine(machine_of(invocation)), store(machine.root) {
    settle(machine);
    held = store.lock();
    uses = volume_uses(machine);
  }

  base::Json describe(const VolumeInfo& info) const {
    auto found = uses.find(info.name);
    return {{"name", info.name},
            {"kind", kind_name(info.kind)},
            {"size", info.size},
            {"created", info.created},
            {"filled", info.filled},
            {"anonymous", info.anonymous},
            {"path", info.kind == VolumeKind::kMemory ? "" : store.data_path(info.name)},
            {"containers", found == uses.end() ? std::vector<std::string>{} : found->second}};
  }

  Machine machine;
  VolumeStore store;
  base::Fd held;
  Uses uses;
};

int create(const base::Invocation& invocation) {
  VolumeInfo info{.name = invocation.arguments.front(), .created = now_text()};
  if (!is_valid_id(info.name)) {
    throw base::UsageError("volume '" + info.name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  info.kind = kind_by_name(invocation.get("kind")).value_or(VolumeKind::kDirectory);
  if (invocation.given("size")) {
    if (info.kind != VolumeKind::kMemory) throw base::UsageError("--size needs --kind tmpfs");
    info.size = parse_bytes("--size", invocation.get("size"));
  }
  Volumes volumes(invocation);
  volumes.store.create(info);
  print(info.name + "\n");
  return 0;
}

int list(const base::Invocation& invocation) {
  Volumes volumes(invocation);
  base::Json all = base::Json::array();
  base::Table table;
  table.add_row({"NAME", "KIND", "CREATED", "CONTAINERS"});
  for (const VolumeInfo& info : volumes.store.list()) {
    base::Json json = volumes.describe(info);
    std::string users = base::join(json["containers"].get<std::vector<std::string>>(), ", ");
    table.add_row({info.name, std::string(kind_name(info.kind)), info.created, users.empty() ? "-" : users});
    all.push_back(std::move(json));
  }
  if (invocation.flag("json")) {
    print(base::to_text(all, 2) + "\n");
  } else if (invocation.flag("quiet")) {
    for (const base::Json& json : all) print(json["name"].get<std::string>() + "\n");
  } else {
    print(table.text());
  }
  return 0;
}

int inspect(const base::Invocation& invocation) {
  Volumes volumes(invocation);
  base::Json all = base::Json::array();
  for (const std::string& name : invocation.arguments) all.push_back(volumes.describe(volumes.store.get(name)));
  print(base::to_text(all, 2) + "\n");
  return 0;
}

int remove(const base::Invocation& invocation) {
  Volumes volumes(invocation);
  // All or none of what can be known before.
  for (const std::string& name : invocation.arguments) {
    volumes.store.get(name);
    require_unused("volume", name, volumes.uses);
  }
  for (const std::string& name : invocation.arguments) {
    if (volumes.store.find(name)) volumes.store.remove(name);
    print(name + "\n");
  }
  return 0;
}

int prune(const base::Invocation& invocation) {
  Volumes volumes(invocation);
  for (const VolumeInfo& info : volumes.store.list()) {
    if (volumes.uses.contains(info.name)) continue;
    volumes.store.remove(info.name);
    print(info.name + "\n");
  }
  return 0;
}

int volume(const base::Invocation& invocation) {
  static constexpr std::array<Subcommand, 5> kCommands = {{{"create", 1, 1, create},
                                                           {"ls", 0, 0, list},
                                                           {"inspect", 1, base::kAnyNumber, inspect},
                                                           {"rm", 1, base::kAnyNumber, remove},
                                                           {"prune", 0, 0, prune}}};
  return run_subcommand(invocation, kCommands);
}

}  // namespace

base::Command volume_command() {
  return with_subcommands(
      {.name = "volume",
       .arguments = "create NAME | ls | inspect NAME... | rm NAME... | prune",
       .summary = "directories with a name, which outlive containers",
       .options = {{.name = "kind",
                    .value = "KIND",
                    .help = "of create: directory (its first use fills it with what the image has there), empty, or "
                            "tmpfs (in memory, for each container its own)",
                    .fallback = "directory",
                    .choices = {"directory", "empty", "tmpfs"}},
                   {.name = "size",
                    .value = "BYTES",
                    .help = "of create, for tmpfs: as 64m; half the memory otherwise"},
                   {.name = "json", .help = "of ls: as JSON"},
                   {.name = "quiet", .letter = 'q', .help = "of ls: names only"}},
       .description = "`container run -v NAME:/path` makes the volume when it is not there. One that a container uses, "
                      "also one that does not run, is not removed; prune removes all that none uses."},
      volume);
}

}  // namespace runtime
