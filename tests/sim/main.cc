// kv_sim: whole clusters of the store on simulated time, disks and networks.

#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <format>
#include <string>
#include <vector>

#include "base/applet.h"
#include "base/log.h"
#include "cluster.h"

namespace {

struct Options {
  std::uint64_t seed = 0;
  std::uint64_t seeds = 0;
  std::uint64_t minutes = 0;
  std::uint64_t seconds = 0;
  bool trace = false;
};

Options options_of(const base::Invocation& invocation) {
  return {.seed = invocation.number("seed", 0, UINT64_MAX),
          .seeds = invocation.number("seeds", 0, UINT64_MAX),
          .minutes = invocation.number("minutes", 0, UINT64_MAX),
          .seconds = invocation.number("seconds", 0, 1'000'000'000),
          .trace = invocation.flag("trace")};
}

bool run_seed(std::uint64_t seed, const Options& options, sim::Report& sum) {
  try {
    sim::Cluster cluster(seed, options.trace);
    const sim::Report report = cluster.run(static_cast<sim::Nanoseconds>(options.seconds) * sim::kSecond);
    sum.steps += report.steps;
    sum.calls += report.calls;
    sum.answered += report.answered;
    sum.terms += report.terms;
    sum.crashes += report.crashes;
    sum.changes += report.changes;
    sum.rotten += report.rotten;
    sum.rotten_states += report.rotten_states;
    sum.undecided += report.undecided;
    return true;
  } catch (const std::exception& violation) {
    const std::string text =
        std::format("FAIL seed {0}: {1}\n  again, with all that happens: kv_sim --seed {0} --seconds {2} --trace\n",
                    seed, violation.what(), options.seconds);
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
    return false;
  }
}

// The checker of histories goes as deep as a key has calls.
void allow_deep_recursion() {
  const rlimit limit{120UL * 1024 * 1024, 120UL * 1024 * 1024};  // bytes; there is room for so much below the mappings
  ::setrlimit(RLIMIT_STACK, &limit);
}

int run(const base::Invocation& invocation) {
  const Options options = options_of(invocation);
  allow_deep_recursion();
  base::set_log_level(options.trace ? base::LogLevel::kDebug : base::LogLevel::kError);
  // What the members say to their operators is part of the bad day.
  if (!options.trace && std::freopen("/dev/null", "w", stderr) == nullptr) return 1;
  const auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  sim::Report sum;
  std::uint64_t runs = 0;
  std::uint64_t failed = 0;
  while (options.minutes > 0 ? elapsed() < 60.0 * static_cast<double>(options.minutes) : runs < options.seeds) {
    failed += run_seed(options.seed + runs, options, sum) ? 0 : 1;
    ++runs;
  }
  const std::string line = std::format(
      "{} seeds from {} in {:.0f} s: {} steps, {} calls ({} answered, {} keys undecided), {} terms, {} crashes, {} "
      "changes of members, {} rotten disks, {} rotten states: {} failed\n",
      runs, options.seed, elapsed(), sum.steps, sum.calls, sum.answered, sum.undecided, sum.terms, sum.crashes,
      sum.changes, sum.rotten, sum.rotten_states, failed);
  std::fputs(line.c_str(), stdout);
  return failed == 0 ? 0 : 1;
}

const base::Applet kApplet{
    .name = "kv_sim",
    .summary = "run simulated clusters of the store until one does what it must not",
    .options = {{.name = "seed", .value = "N", .help = "the first seed", .fallback = "1"},
                {.name = "seeds", .value = "N", .help = "how many seeds, one after the other", .fallback = "1"},
                {.name = "minutes", .value = "N", .help = "seeds for so long instead", .fallback = "0"},
                {.name = "seconds", .value = "N", .help = "simulated seconds of each run", .fallback = "30"},
                {.name = "trace", .help = "tell what happens"}},
    .run = run,
};

}  // namespace

int main(int argc, char** argv) {
  return base::run_applet(kApplet, kApplet.name, std::vector<std::string>(argv + 1, argv + argc));
}
