// Two processes with a pipe between them: one packs the source as a tar, one unpacks it at the destination. Each of
// them that works in a container has first become that container's root (container_files.h). "-" is one of them less:
// the tar is on our own standard file.

#include "runtime/copy_command.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "runtime/confinement.h"
#include "runtime/container_files.h"
#include "runtime/copy_path.h"
#include "runtime/launch.h"
#include "runtime/tree_pack.h"
#include "runtime/tree_unpack.h"

namespace runtime {
namespace {

constexpr int kLeftOut = 3;  // exit code of a worker that has left something out
constexpr int kFailed = 1;
constexpr std::size_t kMostErrorText = 64 * 1024;

struct Worker {
  pid_t pid = -1;
  base::Fd error;  // what went wrong, as text
};

// Runs `work` in a child; false from it means that something was left out.
Worker start_worker(const std::function<bool()>& work) {
  base::Pipe pipe = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid != 0) return {.pid = pid, .error = std::move(pipe.read)};
  pipe.read.reset();
  try {
    umask(0);
    _exit(work() ? 0 : kLeftOut);
  } catch (const std::exception& error) {
    try {
      base::write_all(pipe.write, error.what());
    } catch (const base::Error&) {
      // Nobody listens any more.
    }
    _exit(kFailed);
  }
}

struct Result {
  int exit_code = 0;
  std::string error;
};

Result wait_for(const std::optional<Worker>& worker) {
  if (!worker) return {};
  Result result;
  result.error = base::read_all(worker->error, kMostErrorText);
  result.exit_code = wait_for_exit(worker->pid);
  if (result.exit_code != 0 && result.exit_code != kLeftOut && result.error.empty()) {
    result.error = "copy: a process was killed";
  }
  return result;
}

// One end of a copy.
class Place {
 public:
  Place(const Machine& machine, const CopyOperand& operand, bool writes) : machine_(machine) {
    if (!operand.container.empty()) files_ = hold_files(machine, operand.container, writes);
    path_ = files_ ? operand.path : std::filesystem::absolute(operand.path).string();
  }

  const std::string& path() const { return path_; }
  bool in_container() const { return files_.has_value(); }

  // In a worker.
  base::Fd enter() const {
    return files_ ? enter_files(machine_, *files_) : base::open_file("/", O_PATH | O_DIRECTORY);
  }

 private:
  const Machine& machine_;
  std::optional<ContainerFiles> files_;
  std::string path_;
};

base::Fd standard_file(int number) {
  if (isatty(number) == 1) throw base::UsageError("cp: - is a tar, and that is a terminal: redirect it");
  return base::Fd(base::check(fcntl(number, F_DUPFD_CLOEXEC, 3), "open", "standard file"));
}

// Both ends of the tar's way.
base::Pipe pipe_between(const std::optional<Place>& source, const std::optional<Place>& destination) {
  if (source && destination) return base::make_pipe();
  if (source) return {.read = {}, .write = standard_file(STDOUT_FILENO)};
  return {.read = standard_file(STDIN_FILENO), .write = {}};
}

int report(const base::Invocation& invocation, const Result& packed, const Result& unpacked) {
  // Who packs into a pipe that nobody reads any more has the lesser reason.
  bool pipe_broke = packed.error.contains("Broken pipe") && !unpacked.error.empty();
  const std::string& error = packed.error.empty() || pipe_broke ? unpacked.error : packed.error;
  if (error.empty()) return packed.exit_code != 0 || unpacked.exit_code != 0 ? 1 : 0;
  std::fprintf(stderr, "%s: %s\n", invocation.program.c_str(), error.c_str());
  return 1;
}

int copy(const base::Invocation& invocation) {
  CopyOperand from = parse_copy_operand(invocation.arguments[0]);
  CopyOperand to = parse_copy_operand(invocation.arguments[1]);
  if (from.container.empty() && to.container.empty()) {
    throw base::UsageError("cp: neither side is a container's; expected CONTAINER:PATH as one of them");
  }
  const std::uint64_t max_bytes =
      invocation.given("max-size") ? parse_bytes("--max-size", invocation.get("max-size")) : kDefaultMostBytes;
  Machine machine = machine_of(invocation);
  settle(machine);
  signal(SIGPIPE, SIG_IGN);
  std::optional<Place> source, destination;
  if (!from.stream) source.emplace(machine, from, false);
  if (!to.stream) destination.emplace(machine, to, true);
  base::Pipe pipe = pipe_between(source, destination);
  std::optional<Worker> packing, unpacking;
  if (destination) {
    UnpackOptions options{.keep_owners = invocation.flag("archive"),
                          .links = destination->in_container() ? Links::kFollow : Links::kRefuse,
                          .max_bytes = max_bytes};
    if (source) options.source = copied_name(source->path());
    unpacking = start_worker([&] {
      pipe.write.reset();
      base::Fd root = destination->enter();
      confine_unpacking(root, destination->path(), options.links);
      return unpack_tree(pipe.read, root, destination->path(), options);
    });
    pipe.read.reset();
  }
  if (source) {
    packing = start_worker([&] {
      base::Fd root = source->enter();
      confine_packing(root);
      return pack_tree(root, source->path(), copied_name(source->path()).name, pipe.write,
                       {.follow_link = invocation.flag("follow-link"), .max_bytes = max_bytes});
    });
    pipe.write.reset();
  }
  Result unpacked = wait_for(unpacking);
  return report(invocation, wait_for(packing), unpacked);
}

}  // namespace

base::Command copy_command() {
  return {
      .name = "cp",
      .arguments = "[CONTAINER:]SOURCE [CONTAINER:]DESTINATION",
      .summary = "copy files between a container and this machine",
      .options = {{.name = "archive",
                   .letter = 'a',
                   .help = "keep owners (as numbers inside) and setuid bits; otherwise the copy is root's"},
                  {.name = "follow-link", .letter = 'L', .help = "copy what a link as SOURCE leads to"},
                  {.name = "max-size",
                   .value = "BYTES",
                   .help = "what all files may have together, as 10g; 256g otherwise"}},
      .min_arguments = 2,
      .max_arguments = 2,
      .run = copy,
      .description =
          "The container may run or not. - as SOURCE unpacks a tar from standard input, - as DESTINATION writes one to "
          "standard output. A directory is copied into a DESTINATION that is one, and becomes it otherwise; SOURCE/. "
          "is "
          "what the directory holds. Links of the container never lead out of it. Sockets, devices, and "
          "extended attributes that DESTINATION does not take are left out, which is said and gives exit code 1."};
}

}  // namespace runtime
