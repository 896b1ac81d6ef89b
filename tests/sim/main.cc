// kv_sim: whole clusters of the store on simulated time, disks and networks.

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "cluster.h"

namespace {

constexpr const char* kUsage =
    "usage: kv_sim [--seed N] [--seeds N] [--minutes N] [--seconds N] [--trace]\n"
    "\n"
    "Runs simulated clusters until one does what it must not.\n"
    "  --seed N     the first seed (default 1)\n"
    "  --seeds N    how many seeds, one after the other (default 1)\n"
    "  --minutes N  seeds for so long instead\n"
    "  --seconds N  simulated seconds of each run (default 30)\n"
    "  --trace      tell what happens\n";

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::uint64_t minutes = 0;
  std::uint64_t seconds = 30;
  bool trace = false;
};

std::uint64_t number(const char* name, const char* text) {
  char* end = nullptr;
  const unsigned long long value = text == nullptr ? 0 : std::strtoull(text, &end, 10);
  if (text == nullptr || *text == '\0' || *end != '\0') {
    std::fprintf(stderr, "kv_sim: %s: a number is wanted, not '%s'\n", name, text == nullptr ? "" : text);
    std::exit(2);
  }
  return value;
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
      continue;
    }
    std::uint64_t* value = name == "--seed"      ? &options.seed
                           : name == "--seeds"   ? &options.seeds
                           : name == "--minutes" ? &options.minutes
                           : name == "--seconds" ? &options.seconds
                                                 : nullptr;
    if (value == nullptr) {
      std::fprintf(stderr, "kv_sim: unknown option '%s' (--help lists them)\n", name.c_str());
      std::exit(2);
    }
    *value = number(name.c_str(), argv[++i]);
  }
  return options;
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

}  // namespace

// The checker of histories goes as deep as a key has calls.
void allow_deep_recursion() {
  const rlimit limit{120UL * 1024 * 1024, 120UL * 1024 * 1024};  // bytes; there is room for so much below the mappings
  ::setrlimit(RLIMIT_STACK, &limit);
}

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  allow_deep_recursion();
  base::set_log_level(options.trace ? base::LogLevel::kDebug : base::LogLevel::kError);
  // What the members say to their operators is part of the bad day.
  if (!options.trace && std::freopen("/dev/null", "w", stderr) == nullptr) return 2;
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
