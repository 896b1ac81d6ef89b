#pragma once
// The processes of a container as the host sees them (proc_pid_status(5), proc_pid_stat(5)).

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace runtime {

struct ProcessRow {
  std::uint32_t uid = 0;  // real, on the host
  int pid = 0;            // on the host
  int inside = 0;         // in its own pid namespace
  int parent = 0;         // on the host
  std::chrono::milliseconds cpu_time{};
  std::uint64_t resident = 0;  // bytes
  std::string command;         // arguments joined by blanks, "[name]" without any; control characters are '?'
};

// From the texts of /proc/PID/{status,stat,cmdline}; nothing when they are not such. Pure.
std::optional<ProcessRow> parse_process(std::string_view status, std::string_view stat, std::string_view command_line,
                                        long ticks_per_second);

// Those that are still there, in the order of their numbers.
std::vector<ProcessRow> read_processes(std::vector<int> pids);

// With a head: PID, INSIDE, PARENT, UID, TIME, MEMORY, CMD.
std::string process_table_text(const std::vector<ProcessRow>& rows);

}  // namespace runtime
