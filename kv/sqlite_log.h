#pragma once
// The log in an SQLite database (docs/formats/kv-log.md): one transaction, and so one fsync, for a group of entries.

#include <string>

#include "base/sqlite.h"
#include "kv/log.h"

namespace kv {

class SqliteLog : public Log {
 public:
  // Opens or creates. Throws base::Error for a file of another kind or a newer format.
  explicit SqliteLog(const std::string& path);

  LogState state() const override { return state_; }
  void save_state(const LogState& state) override;
  std::uint64_t first_index() const override { return first_index_; }
  std::uint64_t last_index() const override { return last_index_; }
  void read(std::uint64_t from, const std::function<void(const LogEntry&)>& each) override;
  void append(std::span<const LogEntry> entries, std::uint64_t forget_to) override;

 private:
  void write(std::span<const LogEntry> entries, std::uint64_t forget_to);

  base::Database database_;
  LogState state_;
  std::uint64_t first_index_ = 1;
  std::uint64_t last_index_ = 0;
};

}  // namespace kv
