#include "sched/agent_plan.h"

#include <algorithm>
#include <set>

namespace sched {
namespace {

std::vector<Step> steps_for(const std::string& name, const DesiredUnit* desired, const CurrentUnit* current) {
  if (desired == nullptr || desired->state == JobState::kInactive) {
    if (current == nullptr) return {};
    return {{StepKind::kUnload, name, "unit loaded but not scheduled here"}};
  }
  std::vector<Step> steps;
  const bool replace = current != nullptr && current->hash != desired->hash;
  if (replace) steps.push_back({StepKind::kUnload, name, "unit loaded but its file differs from the desired one"});
  const bool load = current == nullptr || replace || current->state == JobState::kInactive;
  if (load) steps.push_back({StepKind::kLoad, name, "unit scheduled here but not loaded"});

  const auto state = load ? JobState::kLoaded : current->state;
  if (state == JobState::kLoaded && desired->state == JobState::kLaunched)
    steps.push_back({StepKind::kStart, name, "unit loaded, desired state launched"});
  if (state == JobState::kLaunched && desired->state == JobState::kLoaded)
    steps.push_back({StepKind::kStop, name, "unit launched, desired state loaded"});
  return steps;
}

}  // namespace

std::string_view to_string(StepKind kind) {
  switch (kind) {
    case StepKind::kUnload:
      return "unload";
    case StepKind::kLoad:
      return "load";
    case StepKind::kReload:
      return "reload unit files";
    case StepKind::kStop:
      return "stop";
    case StepKind::kStart:
      return "start";
  }
  return "";
}

std::vector<Step> plan(const std::map<std::string, DesiredUnit>& desired,
                       const std::map<std::string, CurrentUnit>& current) {
  std::set<std::string> names;
  for (const auto& [name, unit] : desired) names.insert(name);
  for (const auto& [name, unit] : current) names.insert(name);

  std::vector<Step> steps;
  for (const auto& name : names) {
    const auto wanted = desired.find(name);
    const auto there = current.find(name);
    std::ranges::copy(steps_for(name, wanted == desired.end() ? nullptr : &wanted->second,
                                there == current.end() ? nullptr : &there->second),
                      std::back_inserter(steps));
  }
  const bool files_change = std::ranges::any_of(
      steps, [](const Step& step) { return step.kind == StepKind::kUnload || step.kind == StepKind::kLoad; });
  if (files_change) steps.push_back({StepKind::kReload, "", "unit files have changed"});
  std::ranges::stable_sort(steps, {}, &Step::kind);
  return steps;
}

}  // namespace sched
