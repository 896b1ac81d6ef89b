#include "runtime/boot.h"

#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/exec.h"

namespace runtime {
namespace {

// systemd-nspawn's: what an init needs, and nothing that a user namespace does not confine.
constexpr std::array kCapabilities = {"CAP_AUDIT_CONTROL", "CAP_AUDIT_WRITE",      "CAP_CHOWN",
                                      "CAP_DAC_OVERRIDE",  "CAP_DAC_READ_SEARCH",  "CAP_FOWNER",
                                      "CAP_FSETID",        "CAP_IPC_OWNER",        "CAP_KILL",
                                      "CAP_LEASE",         "CAP_LINUX_IMMUTABLE",  "CAP_MKNOD",
                                      "CAP_NET_ADMIN",     "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
                                      "CAP_NET_RAW",       "CAP_SETFCAP",          "CAP_SETGID",
                                      "CAP_SETPCAP",       "CAP_SETUID",           "CAP_SYS_ADMIN",
                                      "CAP_SYS_BOOT",      "CAP_SYS_CHROOT",       "CAP_SYS_NICE",
                                      "CAP_SYS_PTRACE",    "CAP_SYS_RESOURCE",     "CAP_SYS_TTY_CONFIG"};

constexpr std::chrono::milliseconds kAnswerTime{3000};
constexpr std::size_t kMaxAnswer = 64;  // bytes
constexpr std::size_t kMostAsked = 32;  // at a time

void let_manage_cgroups(std::vector<Mount>& mounts) {
  for (Mount& mount : mounts) {
    if (mount.type == "cgroup") mount.attributes &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
  }
}

// A process inside, and what it has said until now.
struct Question {
  Question(pid_t asked, base::Fd from) : pid(asked), pipe(std::move(from)) {}
  Question(Question&& other) noexcept
      : pid(std::exchange(other.pid, -1)),
        pipe(std::move(other.pipe)),
        answer(std::move(other.answer)),
        ended(other.ended) {}
  Question& operator=(Question&&) = delete;
  ~Question() {
    if (pid < 0) return;
    kill(pid, SIGKILL);
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  pid_t pid;
  base::Fd pipe;
  std::string answer;
  bool ended = false;
};

[[noreturn]] void answer_and_exit(const ContainerState& state, const Process& process, const base::Fd& pipe) {
  try {
    base::Fd null = base::open_file("/dev/null", O_RDWR);
    base::check(dup2(null.get(), STDIN_FILENO), "set standard input");
    base::check(dup2(pipe.get(), STDOUT_FILENO), "set standard output");
    base::check(dup2(null.get(), STDERR_FILENO), "set standard error");
    exec_in_container(state, process);
  } catch (const std::exception&) {
    // No answer is the answer.
  }
  _exit(0);
}

Question ask(const MachineToAsk& machine) {
  Process process = machine.state.process;
  process.arguments = {"systemctl", "is-system-running"};
  process.terminal = false;
  process.seccomp.program = machine.filter;
  base::Pipe pipe = base::make_pipe();
  pid_t pid = base::check(fork(), "fork");
  if (pid == 0) {
    pipe.read.reset();
    answer_and_exit(machine.state, process, pipe.write);
  }
  return {pid, std::move(pipe.read)};
}

void take(Question& question) {
  std::array<char, kMaxAnswer> buffer = {};
  ssize_t length = read(question.pipe.get(), buffer.data(), buffer.size());
  if (length > 0) question.answer.append(buffer.data(), static_cast<std::size_t>(length));
  question.ended = length <= 0 || question.answer.size() >= kMaxAnswer;
}

// Until all have said what they say, or the time is over.
void collect_until(std::chrono::steady_clock::time_point deadline, std::vector<Question>& questions) {
  while (std::ranges::any_of(questions, [](const Question& question) { return !question.ended; })) {
    std::vector<pollfd> waits;
    for (const Question& question : questions) {
      waits.push_back({.fd = question.ended ? -1 : question.pipe.get(), .events = POLLIN, .revents = 0});
    }
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || poll(waits.data(), waits.size(), static_cast<int>(left.count())) <= 0) return;
    for (std::size_t i = 0; i < questions.size(); i++) {
      if (waits[i].revents != 0) take(questions[i]);
    }
  }
}

std::string answer_of(const Question& question) {
  std::string answer(question.ended ? base::trim(question.answer) : "");
  bool is_word = !answer.empty() && std::ranges::all_of(answer, [](char c) { return c >= 'a' && c <= 'z'; });
  return is_word ? answer : "unknown";
}

}  // namespace

bool names_a_tree(const std::string& text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../");
}

Image image_of_tree(const std::string& directory) {
  std::error_code failed;
  std::filesystem::path path = std::filesystem::canonical(directory, failed);
  if (failed) throw base::Error("boot", directory, failed.value());
  if (!std::filesystem::is_directory(path, failed)) throw base::Error("boot", directory, "not a directory");
  Image image;
  image.reference = path;
  image.layer_directories = {path};
  return image;
}

Capabilities machine_capabilities() {
  Capabilities set = 0;
  for (const char* name : kCapabilities) set |= capability_by_name(name).value_or(0);
  return set;
}

void make_machine(ContainerSpec& spec, const std::string& uuid) {
  constexpr std::uint64_t kQuiet = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  Process& process = spec.process;
  process.user.clear();
  process.working_directory = "/";
  process.environment.emplace_back("container=clusteros");
  process.environment.push_back("container_uuid=" + uuid);
  process.no_new_privileges = false;  // its sudo and su are its own affair
  process.limits.clear();             // it sets those of its services itself
  process.terminal = true;
  let_manage_cgroups(spec.mounts);
  spec.mounts.push_back({.destination = "/run",
                         .type = "tmpfs",
                         .parameters = {{"mode", "755"}, {"size", "20%"}},
                         .attributes = kQuiet | MOUNT_ATTR_STRICTATIME});
  spec.mounts.push_back({.destination = "/tmp",
                         .type = "tmpfs",
                         .parameters = {{"mode", "1777"}, {"size", "10%"}},
                         .attributes = kQuiet | MOUNT_ATTR_STRICTATIME});
}

int exit_code_of_machine(int exit_code) {
  return exit_code == 128 + SIGINT ? 0 : exit_code;
}

std::vector<std::string> ask_machines(const std::vector<MachineToAsk>& machines) {
  std::vector<std::string> answers;
  for (std::size_t first = 0; first < machines.size(); first += kMostAsked) {
    std::vector<Question> questions;
    for (const MachineToAsk& machine : std::span(machines).subspan(first)) {
      if (questions.size() == kMostAsked) break;
      questions.push_back(ask(machine));
    }
    collect_until(std::chrono::steady_clock::now() + kAnswerTime, questions);
    for (const Question& question : questions) answers.push_back(answer_of(question));
  }
  return answers;
}

}  // namespace runtime
