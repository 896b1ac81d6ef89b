#pragma once
// From limits to the lines that are written into a cgroup's files (Documentation/admin-guide/cgroup-v2.rst). Pure but
// for Cgroup::set_limits(), which writes them.

#include <string>
#include <vector>

#include "runtime/resources.h"

namespace runtime {

struct KnobWrite {
  std::string controller;  // that the knob belongs to: "memory"
  std::string knob;        // "memory.max"
  std::string value;
  std::string fallback_knob = {};  // instead, where the kernel lacks `knob`
  std::string fallback_value = {};
  bool only_if_there = false;  // a kernel without the knob does not have the thing that it limits
};

// In the order of writing. `cpu_max` is the present text of cpu.max ("" when there is none): a quota or a period
// alone leaves the other as it is.
std::vector<KnobWrite> knob_writes(const Resources& resources, std::string_view cpu_max);

// A number as the kernel writes it, "max" for kUnlimited.
std::string knob_number(std::uint64_t value);

}  // namespace runtime
