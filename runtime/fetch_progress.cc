#include "runtime/fetch_progress.h"

#include <unistd.h>

#include <algorithm>
#include <format>

#include "base/text.h"
#include "runtime/reference.h"

namespace runtime {
namespace {

constexpr std::chrono::milliseconds kRedrawEvery{100};

std::uint64_t percent(std::uint64_t bytes, std::uint64_t size) {
  return size == 0
             ? 100
             : std::min<std::uint64_t>(
                   100, static_cast<std::uint64_t>(100.0 * static_cast<double>(bytes) / static_cast<double>(size)));
}

}  // namespace

void ProgressLines::write(std::string_view text) const {
  // Nobody reads it any more: no reason to fail.
  [[maybe_unused]] const ssize_t ignored = ::write(fd_, text.data(), text.size());
}

std::string ProgressLines::text_of(std::size_t layer) const {
  const Line& line = lines_[layer];
  std::string head = std::format("layer {}/{} {}", layer + 1, lines_.size(), line.name);
  const std::string amount = std::format("{} of {} ({}%)", base::format_size(line.bytes), base::format_size(line.size),
                                         percent(line.bytes, line.size));
  if (!line.started) return head + ": waiting";
  switch (line.step) {
    case Step::kFetching:
      return std::format("{}: fetching {}", head, amount);
    case Step::kUnpacking:
      return std::format("{}: unpacking {}", head, amount);
    case Step::kDone:
      return std::format("{}: done, {}", head, base::format_size(line.size));
    case Step::kPresent:
      return std::format("{}: already here", head);
  }
  return head;
}

void ProgressLines::begin(const std::vector<Descriptor>& layers) {
  const std::lock_guard lock(mutex_);
  for (const Descriptor& layer : layers) {
    Line line;
    line.name = digest_hex(layer.digest).substr(0, 12);
    line.size = layer.size;
    lines_.push_back(line);
  }
  if (terminal_ && !quiet_) redraw(true);
}

void ProgressLines::redraw(bool at_once) {
  const auto now = std::chrono::steady_clock::now();
  if (!at_once && now - last_drawn_ < kRedrawEvery) return;
  last_drawn_ = now;
  std::string text;
  if (drawn_) text = std::format("\x1b[{}A", lines_.size());
  for (std::size_t i = 0; i < lines_.size(); ++i) text += "\r" + text_of(i) + "\x1b[K\n";
  drawn_ = !lines_.empty();
  write(text);
}

void ProgressLines::update(std::size_t layer, Step step, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Line& line = lines_.at(layer);
  const bool new_step = !line.started || line.step != step;
  line.started = true;
  line.step = step;
  line.bytes = bytes;
  if (quiet_) return;
  if (terminal_) return redraw(new_step);
  const std::uint64_t quarter = percent(bytes, line.size) / 25;
  const bool new_quarter = step == Step::kFetching && quarter > line.quarter && quarter < 4;
  if (new_step) line.quarter = 0;
  if (new_quarter) line.quarter = quarter;
  if (new_step || new_quarter) write(text_of(layer) + "\n");
}

void ProgressLines::note(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (terminal_ && drawn_ && !quiet_) {
    write(std::format("\x1b[{}A\r{}\x1b[K\n", lines_.size(), text));
    drawn_ = false;
    redraw(true);
  } else {
    write(text + "\n");
  }
}

}  // namespace runtime
