// kv_power: the store's daemon, whose process is killed at random points and whose unsynced writes are dropped
// (tests/power/README.md).

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <new>
#include <string>
#include <vector>

#include "story.h"

namespace {

constexpr const char* kUsage =
    "usage: kv_power [--seed N] [--cuts N] [--stories N] [--story N] [--lie log|store|names] [--trace]\n"
    "\n"
    "Cuts the power of real members of the store until one loses what it has acknowledged.\n"
    "  --seed N     decides what happens (default 1)\n"
    "  --cuts N     how many cuts, over all stories (default 500)\n"
    "  --stories N  clusters that live at the same time, up to 200 (default 5)\n"
    "  --story N    only this one of them, from 1\n"
    "  --lie WHAT   let syncs of the log, the database or of directories do nothing: something must be found\n"
    "  --trace      tell what happens\n";

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t cuts = 500;
  std::uint64_t stories = 5;
  std::uint64_t story = 0;
  power::Lies lies = {};
  bool trace = false;
};

[[noreturn]] void refuse(const std::string& text) {
  std::fprintf(stderr, "kv_power: %s\n", text.c_str());
  std::exit(2);
}

std::uint64_t number(const std::string& name, const char* text) {
  char* end = nullptr;
  const unsigned long long value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0') refuse(name + ": a number is wanted");
  return value;
}

void read_lie(const char* text, power::Lies& lies) {
  const std::string what = text == nullptr ? "" : text;
  if (what == "log") {
    lies.log = true;
  } else if (what == "store") {
    lies.store = true;
  } else if (what == "names") {
    lies.names = true;
  } else {
    refuse("--lie: log, store or names is wanted");
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      std::fputs(kUsage, stdout);
      std::exit(0);
    }
    if (name == "--trace") {
      options.trace = true;
    } else if (name == "--lie") {
      read_lie(argv[++i], options.lies);
    } else {
      std::uint64_t* value = name == "--seed"      ? &options.seed
                             : name == "--cuts"    ? &options.cuts
                             : name == "--stories" ? &options.stories
                             : name == "--story"   ? &options.story
                                                   : nullptr;
      if (value == nullptr) refuse(std::format("unknown option '{}' (--help lists them)", name));
      *value = number(name, argv[++i]);
    }
  }
  if (options.stories < 1 || options.stories > 200) refuse("--stories: 1 to 200");
  if (options.story > options.stories) refuse("--story: more than --stories");
  return options;
}

// Story 1 is about three members, which take their time; of the others every second one keeps its data.
power::StoryOptions story_options(const Options& options, std::uint64_t number) {
  power::StoryOptions story;
  story.kind = number % 5 == 1 ? power::Kind::kThree : number % 2 == 0 ? power::Kind::kFresh : power::Kind::kLong;
  story.seed = options.seed * 1000 + number;
  story.cuts = (options.cuts + options.stories - 1) / options.stories;
  story.network = static_cast<std::uint8_t>(number);
  story.lies = options.lies;
  story.trace = options.trace;
  return story;
}

int tell_in_process(const Options& options, std::uint64_t number, power::Counts& counts) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  try {
    power::tell(story_options(options, number), counts);
    return 0;
  } catch (const std::exception& violation) {
    std::string again = std::format("kv_power --seed {} --cuts {} --stories {} --story {} --trace", options.seed,
                                    options.cuts, options.stories, number);
    std::string text = std::format("FAIL seed {}, story {}, cut {}: {}\n  again: {}\n", options.seed, number,
                                   counts.cuts, violation.what(), again);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return 1;
  }
}

void print(const power::Counts& sum, double seconds, std::uint64_t seed, int failed) {
  std::string parts;
  for (std::size_t i = 0; i < power::kParts; ++i) {
    if (sum.cuts_in[i] == 0) continue;
    parts += std::format("{}{} in {}", parts.empty() ? "" : ", ", sum.cuts_in[i],
                         power::part_name(static_cast<power::Part>(i)));
  }
  const std::string text = std::format(
      "seed {}: {} power cuts in {:.0f} s (by part: {}; {} while starting, {} of a first start, {} during a "
      "snapshot's install of {}) and {} kills; {} sectors and {} names taken back; {} writes acknowledged, {} compared "
      "in {} "
      "lives; {} stories failed\n",
      seed, sum.cuts, seconds, parts, sum.cuts_before_serving, sum.cuts_in_first_start, sum.cuts_in_snapshot,
      sum.snapshots + sum.cuts_in_snapshot, sum.kills, sum.sectors, sum.names, sum.acknowledged, sum.compared,
      sum.lives_compared, failed);
  std::fputs(text.c_str(), stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const auto start = std::chrono::steady_clock::now();
  void* memory = ::mmap(nullptr, options.stories * sizeof(power::Counts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refuse("no memory");
  auto* counts = new (memory) power::Counts[options.stories];
  std::vector<pid_t> children;
  for (std::uint64_t number = 1; number <= options.stories; ++number) {
    if (options.story != 0 && options.story != number) continue;
    const pid_t pid = ::fork();
    if (pid < 0) refuse("cannot fork");
    if (pid == 0) ::_exit(tell_in_process(options, number, counts[number - 1]));
    children.push_back(pid);
  }
  int failed = 0;
  for (pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    failed += status == 0 ? 0 : 1;
  }
  power::Counts sum;
  for (std::uint64_t i = 0; i < options.stories; ++i) sum += counts[i];
  print(sum, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), options.seed, failed);
  return failed == 0 ? 0 : 1;
}
