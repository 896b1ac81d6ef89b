#include "runtime/run_command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/boot.h"
#include "runtime/images_command.h"
#include "runtime/launch.h"
#include "runtime/lifecycle.h"
#include "runtime/supervisor.h"

namespace runtime {
namespace {

constexpr int kRuntimeError = 125;

RunRequest request_of(const base::Invocation& invocation) {
  RunRequest request;
  request.name = invocation.get("name");
  if (!request.name.empty() && !is_valid_id(request.name)) {
    throw base::UsageError("--name '" + request.name +
                           "': expected letters, digits, _ + - (and . after the first), at most 64");
  }
  request.remove_at_exit = invocation.flag("rm");
  request.keep_standard_input = invocation.flag("interactive");
  if (request.keep_standard_input && invocation.flag("detach")) {
    throw base::UsageError("--interactive and --detach exclude each other");
  }
  request.network = invocation.get("net");
  for (const std::string& text : invocation.get_all("publish")) request.ports.push_back(parse_port(text));
  if (!request.ports.empty() && request.network != "bridge") {
    throw base::UsageError("--publish needs --net bridge");
  }
  for (const std::string& text : invocation.get_all("volume")) request.volumes.push_back(parse_volume(text));
  for (const std::string& text : invocation.get_all("env")) {
    if (auto entry = parse_environment(text)) request.environment.push_back(*entry);
  }
  request.dns_servers = invocation.get_all("dns");
  if (invocation.given("user")) request.user = invocation.get("user");
  if (invocation.given("workdir")) request.working_directory = invocation.get("workdir");
  if (request.working_directory && !request.working_directory->starts_with('/')) {
    throw base::UsageError("--workdir '" + *request.working_directory + "': expected an absolute path");
  }
  if (invocation.given("entrypoint")) request.entrypoint = invocation.get("entrypoint");
  request.host_name = invocation.get("hostname");
  if (request.host_name.size() > 64) throw base::UsageError("--hostname: at most 64 characters");
  request.read_only = invocation.flag("read-only");
  request.boot = invocation.flag("boot");
  if (request.boot && request.network == "host") {
    throw base::UsageError("--boot and --net host exclude each other: its network is the machine's own");
  }
  if (request.boot && request.user) throw base::UsageError("--boot and --user exclude each other: an init is root");
  if (request.boot && !request.entrypoint) request.entrypoint = kInit;
  if (invocation.given("memory")) {
    request.resources.memory_max = parse_memory(invocation.get("memory"));
    request.resources.memory_swap_max = 0;
  }
  if (invocation.given("cpus")) request.resources.cpu_quota = parse_cpu_quota(invocation.get("cpus"));
  if (invocation.given("pids")) request.resources.pids_max = invocation.number("pids", 1, 4194304);
  request.command.assign(invocation.arguments.begin() + 1, invocation.arguments.end());
  return request;
}

int report(const std::string& program, int exit_code, const std::string& text) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), text.c_str());
  return exit_code;
}

// Runs in the process that stays: its own session, no terminal, its word to the one who waits over `pipe`: "+<id>" or
// "<exit code> <reason>".
[[noreturn]] void run_detached(const Machine& machine, const RunRequest& request, const Image& image,
                               base::Fd image_lock, base::Fd pipe) {
  int exit_code = 0;
  auto say = [&](const std::string& text) {
    base::write_all(pipe, text);
    pipe.reset();
  };
  try {
    base::check(setsid(), "make a session");
    base::check(chdir("/"), "enter /");
    base::Fd null = base::open_file("/dev/null", O_RDWR);
    for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      base::check(dup2(null.get(), number), "set a standard file");
    }
    null.reset();
    exit_code = run_container(machine, request, image, std::move(image_lock), false,
                              [&](const std::string& id) { say("+" + id); });
  } catch (const StartError& error) {
    if (pipe) say(std::to_string(error.exit_code()) + " " + error.what());
  } catch (const std::exception& error) {
    if (pipe) say(std::to_string(kRuntimeError) + " " + error.what());
  }
  _exit(exit_code);
}

int start_detached(const base::Invocation& invocation, const Machine& machine, const RunRequest& request,
                   const Image& image, base::Fd image_lock) {
  base::Pipe pipe = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid == 0) {
    pipe.read.reset();
    run_detached(machine, request, image, std::move(image_lock), std::move(pipe.write));
  }
  pipe.write.reset();
  std::string answer = base::read_all(pipe.read, 64 * 1024);
  if (answer.starts_with('+')) {
    std::printf("%s\n", answer.c_str() + 1);
    return 0;
  }
  wait_for_exit(pid);
  std::size_t blank = answer.find(' ');
  auto code = base::parse_unsigned(answer.substr(0, blank));
  if (!code || blank == std::string::npos) return report(invocation.program, kRuntimeError, "the supervisor died");
  return report(invocation.program, static_cast<int>(*code), answer.substr(blank + 1));
}

int run_tree(const base::Invocation& invocation, const Machine& machine, const RunRequest& request,
             const std::string& directory) {
  Image image = image_of_tree(directory);
  if (invocation.flag("detach")) return start_detached(invocation, machine, request, image, base::Fd());
  return run_container(machine, request, image, base::Fd(), true, [](const std::string&) {});
}

int run(const base::Invocation& invocation) {
  try {
    protect_binary();
    Machine machine = machine_of(invocation);
    RunRequest request = request_of(invocation);
    settle(machine);
    const std::string& reference = invocation.arguments.front();
    if (request.boot && names_a_tree(reference)) return run_tree(invocation, machine, request, reference);
    ImageStore images(machine.root);
    base::Fd lock = images.lock_shared();
    std::optional<Image> image = images.find(reference);
    if (!image) {
      lock.reset();
      fetch_for(invocation, reference);
      lock = images.lock_shared();
      image = images.find(reference);
      if (!image) throw base::Error("run", reference, "the image was removed while it was fetched");
    }
    if (invocation.flag("detach")) return start_detached(invocation, machine, request, *image, std::move(lock));
    return run_container(machine, request, *image, std::move(lock), true, [](const std::string&) {});
  } catch (const StartError& error) {
    return report(invocation.program, error.exit_code(), error.what());
  } catch (const base::Error& error) {
    return report(invocation.program, kRuntimeError, error.what());
  }
}

}  // namespace

base::Command run_command() {
  base::Command command{
      .name = "run",
      .arguments = "IMAGE [COMMAND [ARGUMENT...]]",
      .summary = "run an application from an image, fetched when it is not here",
      .options =
          {
              {.name = "detach", .letter = 'd', .help = "print its id and return once it runs"},
              {.name = "rm", .help = "remove the container when it ends"},
              {.name = "name", .value = "NAME", .help = "a name to call it by; the id otherwise"},
              {.name = "interactive", .letter = 'i', .help = "keep standard input; it is empty otherwise"},
              {.name = "memory", .letter = 'm', .value = "BYTES", .help = "most memory, as 64m; no swap beside it"},
              {.name = "cpus", .value = "NUMBER", .help = "most processors' worth of time, as 1.5"},
              {.name = "pids", .value = "NUMBER", .help = "most processes and threads"},
              {.name = "publish",
               .letter = 'p',
               .value = "HOST:CONTAINER[/udp]",
               .help = "let a port of this machine lead to one of the container",
               .repeatable = true},
              {.name = "env",
               .letter = 'e',
               .value = "NAME[=VALUE]",
               .help = "set a variable, or pass on the one that is set here",
               .repeatable = true},
              {.name = "volume",
               .letter = 'v',
               .value = "HOST:CONTAINER[:ro]",
               .help = "show a directory or file of this machine, owned alike",
               .repeatable = true},
              {.name = "net",
               .value = "MODE",
               .help = "network: one of its own on the bridge, one with loopback only, or this machine's",
               .fallback = "bridge",
               .choices = {"bridge", "none", "host"}},
              {.name = "dns",
               .value = "ADDRESS",
               .help = "name server to ask; this machine's otherwise",
               .repeatable = true},
              {.name = "user", .letter = 'u', .value = "USER[:GROUP]", .help = "who it runs as; the image's otherwise"},
              {.name = "workdir", .letter = 'w', .value = "PATH", .help = "where it starts; the image's otherwise"},
              {.name = "entrypoint", .value = "PROGRAM", .help = "run this in place of the image's entrypoint"},
              {.name = "boot",
               .help = "a machine: start its own init (/sbin/init); IMAGE may be a directory with a root tree (/..., "
                       "./...)"},
              {.name = "hostname", .value = "NAME", .help = "host name inside; the id otherwise"},
              {.name = "read-only", .help = "no writing to the root file system"},
          },
      .min_arguments = 1,
      .max_arguments = base::kAnyNumber,
      .run = run,
      .description =
          "Without --detach the application's output is this command's, signals sent to this command are "
          "passed on, and its exit code is the application's (128 + N when signal N ended it). 125: it "
          "could not be set up; 126: the program cannot be executed; 127: there is no such program.",
      .pass_through = true};
  for (const base::Option& option : registry_options()) command.options.push_back(option);
  return command;
}

}  // namespace runtime
