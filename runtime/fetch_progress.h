#pragma once
// What people see of a fetch, on standard error: on a terminal one line per layer that moves, elsewhere (a journal, a
// CI log) one line whenever a layer starts, passes another quarter, is unpacked and is done.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "runtime/fetch.h"

namespace runtime {

class ProgressLines : public FetchProgress {
 public:
  // Writes to `fd`, which must outlive it. `quiet`: only notes.
  ProgressLines(int fd, bool terminal, bool quiet) : fd_(fd), terminal_(terminal), quiet_(quiet) {}

  void begin(const std::vector<Descriptor>& layers) override;
  void update(std::size_t layer, Step step, std::uint64_t bytes) override;
  void note(const std::string& text) override;

 private:
  struct Line {
    std::string name;  // first 12 digits of the digest
    std::uint64_t size = 0;
    std::uint64_t bytes = 0;
    bool started = false;
    Step step = Step::kFetching;
    std::uint64_t quarter = 0;  // the last one that was told
  };

  std::string text_of(std::size_t layer) const;
  void redraw(bool at_once);
  void write(std::string_view text) const;

  const int fd_;
  const bool terminal_;
  const bool quiet_;
  std::mutex mutex_;  // guards what follows
  std::vector<Line> lines_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_drawn_;
};

}  // namespace runtime
