// kv_power: the store's daemon, whose process is killed at random points and whose unsynced writes are dropped
// (tests/power/README.md).

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <format>
#include <new>
#include <string>
#include <vector>

#include "base/applet.h"
#include "base/error.h"
#include "story.h"

namespace {

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t cuts = 0;
  std::uint64_t stories = 0;
  std::uint64_t story = 0;  // 0: all
  power::Lies lies = {};
  bool trace = false;
};

Options options_of(const base::Invocation& invocation) {
  Options options;
  options.seed = invocation.number("seed", 0, UINT64_MAX);
  options.cuts = invocation.number("cuts", 0, UINT64_MAX);
  options.stories = invocation.number("stories", 1, 200);
  if (invocation.given("story")) options.story = invocation.number("story", 1, options.stories);
  for (const std::string& what : invocation.get_all("lie")) {
    options.lies.log |= what == "log";
    options.lies.store |= what == "store";
    options.lies.names |= what == "names";
  }
  options.trace = invocation.flag("trace");
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

int run(const base::Invocation& invocation) {
  const Options options = options_of(invocation);
  const auto start = std::chrono::steady_clock::now();
  void* memory = ::mmap(nullptr, options.stories * sizeof(power::Counts), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) base::throw_errno("map", "the stories' counters");
  auto* counts = new (memory) power::Counts[options.stories];
  std::vector<pid_t> children;
  for (std::uint64_t number = 1; number <= options.stories; ++number) {
    if (options.story != 0 && options.story != number) continue;
    const pid_t pid = ::fork();
    if (pid < 0) base::throw_errno("fork", std::format("for story {}", number));
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

const base::Applet kApplet{
    .name = "kv_power",
    .summary = "cut the power of real members of the store until one loses what it has acknowledged",
    .options =
        {{.name = "seed", .value = "N", .help = "decides what happens", .fallback = "1"},
         {.name = "cuts", .value = "N", .help = "how many cuts, over all stories", .fallback = "500"},
         {.name = "stories", .value = "N", .help = "clusters that live at the same time, up to 200", .fallback = "5"},
         {.name = "story", .value = "N", .help = "only this one of them, from 1"},
         {.name = "lie",
          .value = "WHAT",
          .help = "let syncs of the log, of the database or of directories do nothing: something must be found",
          .repeatable = true,
          .choices = {"log", "store", "names"}},
         {.name = "trace", .help = "tell what happens"}},
    .run = run,
};

}  // namespace

int main(int argc, char** argv) {
  return base::run_applet(kApplet, kApplet.name, std::vector<std::string>(argv + 1, argv + argc));
}
