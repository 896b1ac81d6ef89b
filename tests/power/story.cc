#include "story.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <format>
#include <memory>
#include <vector>

#include "base/temp_dir.h"
#include "load.h"
#include "member.h"

namespace power {

namespace {

using std::chrono::milliseconds;
using Time = std::chrono::steady_clock::time_point;

constexpr milliseconds kPatience{30000};
constexpr milliseconds kSlice{3};
constexpr const char* kInstalled = "installed the state at entry";

Time now() {
  return std::chrono::steady_clock::now();
}

struct CutDraw {
  CutPlan plan;
  milliseconds at_most{400};  // then it is killed, wherever it is
};

class Story {
 public:
  Story(const StoryOptions& options, Counts& counts) : options_(options), counts_(counts), random_(options.seed) {}

  void tell() { options_.kind == Kind::kThree ? tell_three() : tell_one(); }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  milliseconds upto(std::uint64_t most) { return milliseconds(below(most + 1)); }
  void trace(const std::string& text) const {
    if (options_.trace) std::fprintf(stderr, "%s\n", text.c_str());
  }

  CutDraw draw();
  CutPlan draw_part();
  void new_cluster(std::size_t members);
  bool comes_up(Member& member, milliseconds at_most);
  bool is_as_written(Member& member);
  void revive_others(const Member& member);
  std::string logs() const;
  void cut(Member& member);
  void cut_and_start(Member& member);

  void tell_one();
  void live_and_die(Member& member, const CutDraw& draw);

  void tell_three();
  void start_three(bool first);
  void lag(Member& member);
  void compare_all();
  std::vector<std::string> addresses_up() const;

  StoryOptions options_;
  Counts& counts_;
  base::SeededRandom random_;
  std::unique_ptr<base::TempDir> folder_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Load> load_;
  std::vector<std::unique_ptr<Member>> members_;
  bool first_start_ = true;
  std::uint64_t cuts_ = 0;
};

// --- what all have in common

CutPlan Story::draw_part() {
  constexpr std::uint64_t kSteps[kParts] = {150, 12, 80, 40, 4, 10};
  CutPlan plan;
  plan.any_part = false;
  plan.part = static_cast<Part>(below(kParts - 1));
  plan.step = 1 + below(kSteps[static_cast<std::size_t>(plan.part)]);
  return plan;
}

CutDraw Story::draw() {
  CutDraw draw;
  const std::uint64_t dice = below(100);
  if (dice < 35) {
    draw.plan.step = 1 + below(500);
  } else if (dice < 75) {
    draw.plan = draw_part();
    const bool checkpoint = draw.plan.part == Part::kStoreWal || draw.plan.part == Part::kStoreFile;
    draw.at_most = checkpoint ? milliseconds(1400) : milliseconds(500);
  } else {
    draw.at_most = upto(dice < 85 ? 40 : dice < 95 ? 300 : 1400);
  }
  draw.plan.moment = static_cast<Moment>(below(3));
  return draw;
}

void Story::new_cluster(std::size_t members) {
  members_.clear();
  folder_ = std::make_unique<base::TempDir>("power");
  ledger_ = std::make_unique<Ledger>();
  load_ = std::make_unique<Load>(*ledger_, random_, 4);
  std::vector<std::string> all;
  for (std::size_t i = 1; i <= members && members > 1; ++i) {
    all.push_back(std::format("m{}=http://127.0.{}.{}:2380", i, options_.network, i));
  }
  for (std::size_t i = 1; i <= members; ++i) {
    members_.push_back(std::make_unique<Member>(
        MemberPlace{std::format("m{}", i), folder_->path(), std::format("127.0.{}.{}", options_.network, i), all}));
  }
  first_start_ = true;
}

std::string Story::logs() const {
  std::string text;
  for (const auto& member : members_) {
    text +=
        std::format("\n--- {}, {}:\n{}", member->name(), member->running() ? "running" : "not running", member->log());
  }
  return text;
}

// False when its life has ended before it served, or `at_most` was over (then it is killed).
bool Story::comes_up(Member& member, milliseconds at_most) {
  const Time begin = now();
  while (!member.has_ended()) {
    if (member.serves()) return true;
    if (now() - begin > at_most && at_most < kPatience) {
      member.kill();
      return false;
    }
    if (now() - begin > kPatience) {
      throw Violation(std::format("member {} does not come up{}", member.name(), logs()));
    }
    revive_others(member);
    member.ends_within(milliseconds(1));
  }
  return false;
}

// Compares what it has with what was written; false when its life ended meanwhile.
bool Story::is_as_written(Member& member) {
  const Time begin = now();
  while (true) {
    std::string why;
    if (auto seen = member.look(ledger_->settled_index(), why)) {
      try {
        ledger_->compare(*seen, members_.size() == 1);
      } catch (const Violation& violation) {
        throw Violation(std::format("member {}: {}{}", member.name(), violation.what(), logs()));
      }
      ++counts_.lives_compared;
      return true;
    }
    if (member.has_ended()) return false;
    if (now() - begin > kPatience) {
      throw Violation(std::format("member {} does not answer as it should ({}){}", member.name(), why, logs()));
    }
    revive_others(member);
    member.ends_within(milliseconds(5));
  }
}

// Those that came to the end of their plan meanwhile: without a majority this one cannot answer.
void Story::revive_others(const Member& member) {
  for (const auto& other : members_) {
    if (other.get() != &member && other->has_ended()) cut_and_start(*other);
  }
}

void Story::cut_and_start(Member& member) {
  cut(member);
  member.start({}, options_.lies);
}

void Story::cut(Member& member) {
  UndoLog& log = member.undo_log();
  if (below(100) < 15) {
    ++counts_.kills;
    trace(std::format("kill: {}, and the power stays", member.name()));
    return;
  }
  ++cuts_;
  ++counts_.cuts;
  std::string where = "by time";
  if (log.cut_by_plan()) {
    const CutPlan& plan = log.plan();
    where = std::format("step {}{}", plan.step, plan.any_part ? "" : std::format(" of {}", part_name(plan.part)));
    if (!plan.any_part) ++counts_.cuts_in[static_cast<std::size_t>(plan.part)];
  }
  if (!member.serves()) ++counts_.cuts_before_serving;
  if (first_start_) ++counts_.cuts_in_first_start;
  const Taken taken = member.cut_power(random_);
  counts_.sectors += taken.sectors;
  counts_.names += taken.names;
  trace(std::format("cut {}: {} {}, after {} steps, {} sectors and {} names taken back, settled index {}", cuts_,
                    member.name(), where, log.all_steps(), taken.sectors, taken.names, ledger_->settled_index()));
}

// --- one member

void Story::live_and_die(Member& member, const CutDraw& draw) {
  const Time begin = now();
  member.start(draw.plan, options_.lies);
  if (comes_up(member, draw.plan.step != 0 ? kPatience : draw.at_most)) {
    first_start_ = false;
    if (is_as_written(member)) {
      load_->aim({member.address()});
      while (now() - begin < draw.at_most && !member.has_ended()) load_->run_for(kSlice);
    }
  }
  member.kill();
  load_->give_up();
  cut(member);
}

void Story::tell_one() {
  const bool fresh = options_.kind == Kind::kFresh;
  std::uint64_t first_cut = 0;  // in a first start: at each of its steps in turn
  while (cuts_ < options_.cuts) {
    new_cluster(1);
    Member& member = *members_.front();
    const std::uint64_t end = fresh ? std::min(options_.cuts, cuts_ + 1 + below(6)) : options_.cuts;
    while (cuts_ < end) {
      const bool large = below(100) < 40;
      load_->shape(large ? 60'000 : 200, std::chrono::microseconds(large ? 3000 : 1500));
      CutDraw next = draw();
      if (fresh && first_start_) {
        next.plan = {.step = ++first_cut, .moment = static_cast<Moment>(below(3))};
        if (first_cut > 150) first_cut = 0;
      }
      live_and_die(member, next);
    }
    member.start({}, options_.lies);
    if (!comes_up(member, kPatience) || !is_as_written(member)) throw Violation("it was killed by somebody else");
    if (!member.stop()) throw Violation("it had no plan to end by");
    member.start({}, options_.lies);
    if (!comes_up(member, kPatience) || !is_as_written(member)) throw Violation("it was killed by somebody else");
    counts_.acknowledged += ledger_->acknowledged();
    counts_.compared += ledger_->compared();
  }
}

// --- three

std::vector<std::string> Story::addresses_up() const {
  std::vector<std::string> addresses;
  for (const auto& member : members_) {
    if (member->running()) addresses.push_back(member->address());
  }
  return addresses;
}

void Story::start_three(bool first) {
  for (const auto& member : members_) {
    CutPlan plan;
    if (below(100) < (first ? 50U : 30U)) plan = {.step = 1 + below(60), .moment = static_cast<Moment>(below(3))};
    if (!member->running()) member->start(plan, options_.lies);
  }
}

// Those that end on their way are cut, and come back without a plan.
void Story::compare_all() {
  load_->run_for(std::chrono::seconds(10), false);
  load_->give_up();
  // A new member writes its name into the store before it serves: no index is to change after that.
  for (const auto& member : members_) {
    while (!comes_up(*member, kPatience)) cut_and_start(*member);
  }
  for (const auto& member : members_) {
    while (!comes_up(*member, kPatience) || !is_as_written(*member)) cut_and_start(*member);
    if (member->log_has(kInstalled)) ++counts_.snapshots;
  }
  first_start_ = false;
}

// So much is written while it is away that it needs the leader's whole state: its end may come while that is taken in.
void Story::lag(Member& member) {
  load_->shape(100'000, std::chrono::microseconds(0));
  const std::uint64_t enough = ledger_->acknowledged() + 400;
  const Time begin = now();
  // 16 MiB are kept for those who lag, and a checkpoint is made every second.
  while (ledger_->acknowledged() < enough) {
    load_->run_for(kSlice);
    revive_others(member);
    if (now() - begin > kPatience) throw Violation("a majority does not take writes");
  }
  load_->shape(200, milliseconds(20));
  load_->run_for(milliseconds(1500));
  for (int i = 0; i < 3; ++i) {
    CutPlan plan{.step = 20 + below(i == 2 ? 1'000'000 : 4000), .any_part = false, .part = Part::kStoreWal};
    plan.moment = static_cast<Moment>(below(3));
    member.start(plan, options_.lies);
    const Time start = now();
    // The one before may have ended after it had installed it.
    while (!member.has_ended() && now() - start < milliseconds(4000) && !member.log_has(kInstalled)) {
      load_->run_for(kSlice);
      revive_others(member);
    }
    if (member.running()) return;
    ++counts_.cuts_in_snapshot;
    cut(member);
  }
}

void Story::tell_three() {
  while (cuts_ < options_.cuts) {
    new_cluster(3);
    const std::uint64_t end = std::min(options_.cuts, cuts_ + 14);
    start_three(true);
    compare_all();
    while (cuts_ < end) {
      load_->aim(addresses_up());
      load_->shape(below(2) == 0 ? 200 : 20'000, std::chrono::microseconds(1000));
      load_->run_for(upto(250));
      const bool lags = below(100) < 20;
      const std::uint64_t victims = lags || below(100) < 50 ? 1 : 2 + below(2);
      std::ranges::rotate(members_, members_.begin() + static_cast<std::ptrdiff_t>(below(members_.size())));
      for (std::uint64_t i = 0; i < victims; ++i) members_[i]->kill();
      for (std::uint64_t i = 0; i < victims; ++i) cut(*members_[i]);
      load_->aim(addresses_up());
      if (lags) {
        lag(*members_.front());
      } else if (victims == 1) {
        load_->run_for(upto(100));
      }
      start_three(false);
      load_->run_for(upto(100));
      compare_all();
    }
    for (const auto& member : members_) {
      if (!member->stop()) cut(*member);
    }
    start_three(false);
    compare_all();
    counts_.acknowledged += ledger_->acknowledged();
    counts_.compared += ledger_->compared();
  }
}

}  // namespace

Counts& Counts::operator+=(const Counts& other) {
  cuts += other.cuts;
  kills += other.kills;
  for (std::size_t i = 0; i < kParts; ++i) cuts_in[i] += other.cuts_in[i];
  cuts_before_serving += other.cuts_before_serving;
  cuts_in_first_start += other.cuts_in_first_start;
  cuts_in_snapshot += other.cuts_in_snapshot;
  snapshots += other.snapshots;
  sectors += other.sectors;
  names += other.names;
  acknowledged += other.acknowledged;
  compared += other.compared;
  lives_compared += other.lives_compared;
  return *this;
}

void tell(const StoryOptions& options, Counts& counts) {
  Story(options, counts).tell();
}

}  // namespace power
