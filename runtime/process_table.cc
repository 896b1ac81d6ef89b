#include "runtime/process_table.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/table.h"
#include "base/text.h"

namespace runtime {
namespace {

// What the application calls itself goes to a terminal: no control sequences of its choice.
std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    result += code < 0x20 || code == 0x7f ? '?' : c;
  }
  return result;
}

std::string command_of(std::string_view command_line, std::string_view name) {
  if (command_line.ends_with('\0')) command_line.remove_suffix(1);
  if (command_line.empty()) return "[" + printable(name) + "]";
  std::string joined(command_line);
  std::ranges::replace(joined, '\0', ' ');
  return printable(joined);
}

std::optional<std::string> read_if_there(int pid, const char* name) {
  try {
    return base::read_file_if_exists("/proc/" + std::to_string(pid) + "/" + name);
  } catch (const base::Error& error) {
    if (error.error_number() == ESRCH) return std::nullopt;  // it ended between open and read
    throw;
  }
}

}  // namespace

std::optional<ProcessRow> parse_process(std::string_view status, std::string_view stat, std::string_view command_line,
                                        long ticks_per_second) {
  ProcessRow row;
  std::string name;
  for (const std::string& line : base::split(status, '\n')) {
    std::vector<std::string> words = base::split_words(line);
    if (words.size() < 2) continue;
    auto number = [&](const std::string& word) { return base::parse_unsigned(word).value_or(0); };
    if (words[0] == "Name:") name = words[1];
    if (words[0] == "Pid:") row.pid = static_cast<int>(number(words[1]));
    if (words[0] == "PPid:") row.parent = static_cast<int>(number(words[1]));
    if (words[0] == "Uid:") row.uid = static_cast<std::uint32_t>(number(words[1]));
    if (words[0] == "NSpid:") row.inside = static_cast<int>(number(words.back()));
    if (words[0] == "VmRSS:") row.resident = number(words[1]) * 1024;
  }
  // The second field is the name in parentheses, which may hold anything.
  std::size_t end = stat.rfind(')');
  if (row.pid == 0 || end == std::string_view::npos) return std::nullopt;
  std::vector<std::string> fields = base::split_words(stat.substr(end + 1));
  constexpr std::size_t kUserTime = 14 - 3, kSystemTime = 15 - 3;
  if (fields.size() <= kSystemTime || ticks_per_second <= 0) return std::nullopt;
  std::uint64_t ticks =
      base::parse_unsigned(fields[kUserTime]).value_or(0) + base::parse_unsigned(fields[kSystemTime]).value_or(0);
  row.cpu_time = std::chrono::milliseconds(ticks * 1000 / static_cast<std::uint64_t>(ticks_per_second));
  row.command = command_of(command_line, name);
  return row;
}

std::vector<ProcessRow> read_processes(std::vector<int> pids) {
  std::ranges::sort(pids);
  std::vector<ProcessRow> rows;
  for (int pid : pids) {
    std::optional<std::string> status = read_if_there(pid, "status");
    std::optional<std::string> stat = read_if_there(pid, "stat");
    std::optional<std::string> command_line = read_if_there(pid, "cmdline");
    if (!status || !stat || !command_line) continue;
    if (auto row = parse_process(*status, *stat, *command_line, sysconf(_SC_CLK_TCK))) rows.push_back(std::move(*row));
  }
  return rows;
}

std::string process_table_text(const std::vector<ProcessRow>& rows) {
  base::Table table;
  table.add_row({"PID", "INSIDE", "PARENT", "UID", "TIME", "MEMORY", "CMD"});
  for (const ProcessRow& row : rows) {
    auto tenths = row.cpu_time.count() / 100;
    table.add_row({std::to_string(row.pid), std::to_string(row.inside), std::to_string(row.parent),
                   std::to_string(row.uid), std::format("{}.{}s", tenths / 10, tenths % 10),
                   base::format_size(row.resident), row.command});
  }
  return table.text();
}

}  // namespace runtime
