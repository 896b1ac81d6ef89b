#include "runtime/scope_properties.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "runtime/device_filter.h"

namespace runtime {
namespace {

using base::UnitProperty;

constexpr std::uint64_t kSecond = 1000000;    // microseconds
constexpr std::uint64_t kQuotaStep = 10000;   // microseconds of each second: systemd keeps it in whole percents
constexpr std::uint64_t kCpuPeriod = 100000;  // microseconds; the kernel's default
constexpr std::uint64_t kMostBits = 8192;     // processors of the largest kernel
constexpr std::string_view kAnnotation = "org.systemd.property.";

std::uint64_t quota_per_second(std::uint64_t quota, std::uint64_t period) {
  if (quota == kUnlimited) return kUnlimited;
  std::uint64_t exact = static_cast<std::uint64_t>(static_cast<double>(quota) * kSecond / static_cast<double>(period));
  // Upwards: the container's own cpu.max is exact, and this one must not be lower.
  return std::max<std::uint64_t>((exact + kQuotaStep - 1) / kQuotaStep, 1) * kQuotaStep;
}

std::string device_specifier(const DeviceRule& rule) {
  std::string kind = rule.type == 'b' ? "block" : "char";
  if (!rule.number.major) return kind + "-*";
  if (!rule.number.minor) return kind + "-" + std::to_string(*rule.number.major);
  return "/dev/" + kind + "/" + std::to_string(*rule.number.major) + ":" + std::to_string(*rule.number.minor);
}

bool speaks_of_all(const DeviceRule& rule) {
  return rule.type == 'a' && !rule.number.major && !rule.number.minor;
}

// systemd knows a list of what is allowed, nothing more: such rules only. The container's own filter keeps all of them.
std::optional<UnitProperty::TextPairs> device_list(const std::vector<DeviceRule>& rules) {
  if (rules.empty() || rules.front().allow || !speaks_of_all(rules.front())) return std::nullopt;
  UnitProperty::TextPairs list;
  std::vector<DeviceRule> all(rules.begin() + 1, rules.end());
  for (const DeviceRule& rule : standard_device_rules()) all.push_back(rule);
  for (const DeviceRule& rule : all) {
    if (!rule.allow || rule.type == 'a' || (!rule.number.major && rule.number.minor)) return std::nullopt;
    std::string access = std::string(rule.read ? "r" : "") + (rule.write ? "w" : "") + (rule.make ? "m" : "");
    if (!access.empty()) list.emplace_back(device_specifier(rule), access);
  }
  return list;
}

[[noreturn]] void refuse_annotation(const std::string& name, const std::string& reason) {
  throw base::Error("config.json", "annotations." + name, reason);
}

std::optional<UnitProperty::Value> number_value(std::string_view type, std::string_view text) {
  if (type == "uint64" || type == "uint32") {
    auto number = base::parse_unsigned(text);
    if (!number || (type == "uint32" && *number > UINT32_MAX)) return std::nullopt;
    if (type == "uint32") return static_cast<std::uint32_t>(*number);
    return *number;
  }
  auto number = base::parse_signed(text);
  if (!number || (type == "int32" && (*number > INT32_MAX || *number < INT32_MIN))) return std::nullopt;
  if (type == "int32") return static_cast<std::int32_t>(*number);
  return *number;
}

std::optional<UnitProperty::Value> parse_value(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  bool quoted = text.size() >= 2 && (text.front() == '\'' || text.front() == '"') && text.back() == text.front();
  if (quoted) {
    std::string inner(text.substr(1, text.size() - 2));
    if (inner.find(text.front()) != std::string::npos || inner.find('\\') != std::string::npos) return std::nullopt;
    return inner;
  }
  std::vector<std::string> words = base::split_words(text);
  if (words.size() == 1) return number_value("int32", words[0]);
  bool typed =
      words.size() == 2 && (words[0] == "uint64" || words[0] == "uint32" || words[0] == "int64" || words[0] == "int32");
  return typed ? number_value(words[0], words[1]) : std::nullopt;
}

// A number of seconds: any of the types.
std::optional<std::uint64_t> microseconds_of(std::string_view text) {
  std::vector<std::string> words = base::split_words(text);
  if (words.empty()) return std::nullopt;
  auto seconds = base::parse_unsigned(words.back());
  if (!seconds || *seconds > UINT64_MAX / kSecond) return std::nullopt;
  return *seconds * kSecond;
}

}  // namespace

UnitProperty::Bytes bit_mask_of(std::string_view list) {
  auto fail = [&] { throw base::Error("list", list, "expected numbers below 8192 as 0-3,7"); };
  UnitProperty::Bytes mask;
  for (const std::string& part : base::split(list, ',')) {
    std::size_t dash = part.find('-');
    auto first = base::parse_unsigned(std::string_view(part).substr(0, dash));
    auto last = dash == std::string::npos ? first : base::parse_unsigned(std::string_view(part).substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMostBits) fail();
    if (mask.size() <= *last / 8) mask.resize(*last / 8 + 1);
    for (std::uint64_t bit = *first; bit <= *last; bit++) {
      mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | (1u << (bit % 8)));
    }
  }
  return mask;
}

std::vector<UnitProperty> limit_properties(const Resources& resources) {
  std::vector<UnitProperty> list;
  auto number = [&](const char* name, std::optional<std::uint64_t> value) {
    if (value) list.push_back({name, *value});  // kUnlimited is systemd's "infinity", too
  };
  number("MemoryMax", resources.memory_max);
  number("MemoryHigh", resources.memory_high);
  number("MemoryLow", resources.memory_low);
  number("MemorySwapMax", resources.memory_swap_max);
  number("TasksMax", resources.pids_max);
  number("CPUWeight", resources.cpu_weight);
  if (resources.cpu_idle.value_or(false)) number("CPUWeight", 0);  // systemd's number for "idle"
  if (resources.cpu_quota) {
    std::uint64_t period = resources.cpu_period.value_or(kCpuPeriod);
    number("CPUQuotaPeriodUSec", period);
    number("CPUQuotaPerSecUSec", quota_per_second(*resources.cpu_quota, period));
  }
  number("IOWeight", resources.io_weight);
  if (!resources.cpuset_cpus.empty()) list.push_back({"AllowedCPUs", bit_mask_of(resources.cpuset_cpus)});
  if (!resources.cpuset_mems.empty()) list.push_back({"AllowedMemoryNodes", bit_mask_of(resources.cpuset_mems)});
  if (auto devices = device_list(resources.devices)) {
    list.push_back({"DevicePolicy", std::string("strict")});
    list.push_back({"DeviceAllow", *devices});
  }
  return list;
}

std::vector<UnitProperty> annotation_properties(const base::Json& annotations) {
  std::vector<UnitProperty> list;
  for (const auto& [key, value] : annotations.items()) {
    if (!key.starts_with(kAnnotation)) continue;
    std::string name = key.substr(kAnnotation.size());
    bool letters = !name.empty() &&
                   std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    if (!letters) refuse_annotation(key, "a property's name has letters only");
    if (!value.is_string()) refuse_annotation(key, "expected a text");
    const auto& text = value.get_ref<const std::string&>();
    if (name.ends_with("Sec") && !name.ends_with("USec")) {
      auto time = microseconds_of(text);
      if (!time) refuse_annotation(key, "expected a number of seconds");
      list.push_back({name.substr(0, name.size() - 3) + "USec", *time});
      continue;
    }
    std::optional<UnitProperty::Value> parsed = parse_value(text);
    if (!parsed) refuse_annotation(key, "expected true, false, 'text', or a number as 5 or uint64 5");
    list.push_back({name, *parsed});
  }
  return list;
}

}  // namespace runtime
