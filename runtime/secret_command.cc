#include "runtime/secret_command.h"

#include <string.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/table.h"
#include "base/text.h"
#include "runtime/container_uses.h"
#include "runtime/secret_store.h"
#include "runtime/subcommand.h"

namespace runtime {
namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Those who use them are asked for while nobody begins to.
struct Secrets {
  explicit Secrets(const base::Invocation& invocation) : machine(machine_of(invocation)), store(machine.root) {
    settle(machine);
    held = store.lock();
    uses = secret_uses(machine);
  }

  Machine machine;
  SecretStore store;
  base::Fd held;
  Uses uses;
};

int create(const base::Invocation& invocation) {
  const std::string& name = invocation.arguments.front();
  const std::string& file = invocation.arguments.back();
  if (!is_valid_id(name)) {
    throw base::UsageError("secret '" + name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  std::string content;
  if (file == "-") {
    base::Fd input(base::check(dup(STDIN_FILENO), "read standard input"));
    content = base::read_all(input, kMaxSecret);
  } else {
    content = base::read_file(file, kMaxSecret);
  }
  SecretStore store(machine_of(invocation).root);
  base::Fd held = store.lock();
  store.create(name, content);
  explicit_bzero(content.data(), content.size());
  print(name + "\n");
  return 0;
}

int list(const base::Invocation& invocation) {
  Secrets secrets(invocation);
  base::Json all = base::Json::array();
  base::Table table;
  table.add_row({"NAME", "SIZE", "CREATED", "CONTAINERS"});
  for (const SecretInfo& info : secrets.store.list()) {
    auto found = secrets.uses.find(info.name);
    std::vector<std::string> users = found == secrets.uses.end() ? std::vector<std::string>{} : found->second;
    table.add_row({info.name, std::to_string(info.size), info.created, users.empty() ? "-" : base::join(users, ", ")});
    all.push_back({{"name", info.name}, {"size", info.size}, {"created", info.created}, {"containers", users}});
  }
  print(invocation.flag("json") ? base::to_text(all, 2) + "\n" : table.text());
  return 0;
}

int remove(const base::Invocation& invocation) {
  Secrets secrets(invocation);
  for (const std::string& name : invocation.arguments) {
    if (!secrets.store.has(name)) throw base::Error("secret", name, "there is none");
    require_unused("secret", name, secrets.uses);
  }
  for (const std::string& name : invocation.arguments) {
    if (secrets.store.has(name)) secrets.store.remove(name);
    print(name + "\n");
  }
  return 0;
}

int secret(const base::Invocation& invocation) {
  static constexpr std::array<Subcommand, 3> kCommands = {
      {{"create", 2, 2, create}, {"ls", 0, 0, list}, {"rm", 1, base::kAnyNumber, remove}}};
  return run_subcommand(invocation, kCommands);
}

}  // namespace

base::Command secret_command() {
  return with_subcommands(
      {.name = "secret",
       .arguments = "create NAME FILE|- | ls | rm NAME...",
       .summary = "passwords and keys, which containers get as files",
       .options = {{.name = "json", .help = "of ls: as JSON"}},
       .description = "A secret has at most 512 KiB, and is never printed. `container run --secret NAME` shows it as "
                      "/run/secrets/NAME, in memory and read-only. One that a container uses is not removed."},
      secret);
}

}  // namespace runtime
