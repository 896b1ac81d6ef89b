#include "runtime/cgroup_stats.h"

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "runtime/resources.h"

namespace runtime {
namespace {

// "avg10=1.50" → the value after '='; "" when the key is another.
std::string_view value_of(std::string_view word, std::string_view key) {
  if (!word.starts_with(key) || word.size() <= key.size() || word[key.size()] != '=') return {};
  return word.substr(key.size() + 1);
}

// The kernel writes "12.34".
double percent(std::string_view text) {
  std::size_t dot = text.find('.');
  double result = static_cast<double>(base::parse_unsigned(text.substr(0, dot)).value_or(0));
  if (dot == std::string_view::npos) return result;
  std::string_view fraction = text.substr(dot + 1);
  double scale = 1;
  for (std::size_t i = 0; i < fraction.size(); i++) scale *= 10;
  return result + static_cast<double>(base::parse_unsigned(fraction).value_or(0)) / scale;
}

std::map<std::string, HugePages> read_huge_pages(const Cgroup& cgroup) {
  std::map<std::string, HugePages> result;
  constexpr std::string_view kBegin = "hugetlb.", kEnd = ".current";
  for (const std::string& name : base::list_directory(cgroup.path())) {
    if (!name.starts_with(kBegin) || !name.ends_with(kEnd) || name.ends_with(".rsvd.current")) continue;
    std::string size = name.substr(kBegin.size(), name.size() - kBegin.size() - kEnd.size());
    std::string prefix = std::string(kBegin) + size;
    KeyedNumbers events = parse_keyed(cgroup.read(prefix + ".events").value_or(""));
    result[size] = {.usage = parse_knob_number(cgroup.read(name).value_or("")),
                    .maximum = parse_knob_number(cgroup.read(prefix + ".max").value_or("")),
                    .failures = events["max"]};
  }
  return result;
}

}  // namespace

std::optional<std::uint64_t> parse_knob_number(std::string_view text) {
  std::string_view word = base::trim(text);
  if (word == "max") return kUnlimited;
  return base::parse_unsigned(word);
}

KeyedNumbers parse_keyed(std::string_view text) {
  KeyedNumbers result;
  for (const std::string& line : base::split(text, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() != 2) continue;
    if (auto number = base::parse_unsigned(words[1])) result[words[0]] = *number;
  }
  return result;
}

std::vector<BlockDeviceUse> parse_io_stat(std::string_view text) {
  std::vector<BlockDeviceUse> result;
  for (const std::string& line : base::split(text, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() < 2) continue;  // a device without numbers
    std::string_view device = words[0];
    std::size_t colon = device.find(':');
    if (colon == std::string_view::npos) continue;
    auto major = base::parse_unsigned(device.substr(0, colon));
    auto minor = base::parse_unsigned(device.substr(colon + 1));
    if (!major || !minor) continue;
    BlockDeviceUse use{
        .major = static_cast<std::uint32_t>(*major), .minor = static_cast<std::uint32_t>(*minor), .numbers = {}};
    for (std::size_t i = 1; i < words.size(); i++) {
      std::size_t equals = words[i].find('=');
      if (equals == std::string::npos) continue;
      if (auto number = base::parse_unsigned(std::string_view(words[i]).substr(equals + 1))) {
        use.numbers[words[i].substr(0, equals)] = *number;
      }
    }
    result.push_back(std::move(use));
  }
  return result;
}

PressureFile parse_pressure(std::string_view text) {
  PressureFile result;
  for (const std::string& line : base::split(text, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() < 2) continue;
    Pressure pressure;
    for (const std::string& word : words) {
      if (auto value = value_of(word, "avg10"); !value.empty()) pressure.average_10 = percent(value);
      if (auto value = value_of(word, "avg60"); !value.empty()) pressure.average_60 = percent(value);
      if (auto value = value_of(word, "avg300"); !value.empty()) pressure.average_300 = percent(value);
      if (auto value = value_of(word, "total"); !value.empty()) {
        pressure.total = base::parse_unsigned(value).value_or(0);
      }
    }
    if (words[0] == "some") result.some = pressure;
    if (words[0] == "full") result.full = pressure;
  }
  return result;
}

CgroupStats read_stats(const Cgroup& cgroup) {
  auto number = [&](const char* knob) { return parse_knob_number(cgroup.read(knob).value_or("")); };
  auto keyed = [&](const char* knob) { return parse_keyed(cgroup.read(knob).value_or("")); };
  CgroupStats stats;
  if (!cgroup.exists()) return stats;
  stats.cpu = keyed("cpu.stat");
  stats.memory = number("memory.current");
  stats.memory_max = number("memory.max");
  stats.memory_high = number("memory.high");
  stats.memory_peak = number("memory.peak");
  stats.swap = number("memory.swap.current");
  stats.swap_max = number("memory.swap.max");
  stats.memory_stat = keyed("memory.stat");
  stats.memory_events = keyed("memory.events");
  stats.pids = number("pids.current");
  stats.pids_max = number("pids.max");
  stats.io = parse_io_stat(cgroup.read("io.stat").value_or(""));
  stats.huge_pages = read_huge_pages(cgroup);
  for (const char* name : {"cpu", "memory", "io"}) {
    try {
      auto text = cgroup.read(std::string(name) + ".pressure");
      if (text && !text->empty()) stats.pressure[name] = parse_pressure(*text);
    } catch (const base::Error&) {
      // EOPNOTSUPP: a kernel started with psi=0 has the file, and nothing in it.
    }
  }
  return stats;
}

}  // namespace runtime
