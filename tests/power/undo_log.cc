#include "undo_log.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

#include "base/error.h"

namespace power {

namespace {

struct Head {
  std::uint64_t change = 0;
  std::uint64_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t old_size = 0;
  std::uint64_t text_size = 0;
};

std::size_t record_size(std::size_t text) {
  return sizeof(Head) + (text + 7) / 8 * 8;
}

}  // namespace

std::string_view part_name(Part part) {
  constexpr std::string_view kNames[kParts] = {"log", "segment", "store.db-wal", "store.db", "names", "other"};
  return kNames[static_cast<std::size_t>(part)];
}

std::vector<std::string> Record::names() const {
  std::vector<std::string> names;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\0');
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  return names;
}

UndoLog::UndoLog(std::size_t capacity) : capacity_(capacity) {
  void* memory = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) base::throw_errno("mmap");
  shared_ = new (memory) Shared{};
}

UndoLog::~UndoLog() {
  ::munmap(shared_, capacity_);
}

void UndoLog::begin(const CutPlan& plan, const Lies& lies, bool keep_records) {
  const std::uint64_t used = keep_records ? mark() : 0;
  if (used == 0) ::madvise(shared_, capacity_, MADV_REMOVE);
  new (shared_) Shared{};
  shared_->used = used;
  shared_->plan = plan;
  shared_->lies = lies;
}

void UndoLog::add(const Record& record) {
  const std::uint64_t used = shared_->used;
  if (sizeof(Shared) + used + record_size(record.text.size()) > capacity_) {
    constexpr std::string_view kFull = "the undo log is full\n";
    (void)!::write(STDERR_FILENO, kFull.data(), kFull.size());
    ::_exit(1);
  }
  const Head head{static_cast<std::uint64_t>(record.change),
                  record.file,
                  record.offset,
                  record.size,
                  record.old_size,
                  record.text.size()};
  std::memcpy(records() + used, &head, sizeof head);
  if (!record.text.empty()) std::memcpy(records() + used + sizeof head, record.text.data(), record.text.size());
  shared_->used = used + record_size(record.text.size());
}

void UndoLog::each(const std::function<void(const Record&)>& take) const {
  for (std::uint64_t at = 0; at < shared_->used;) {
    Head head;
    std::memcpy(&head, records() + at, sizeof head);
    take({static_cast<Change>(head.change), head.file, head.offset, head.size, head.old_size,
          std::string_view(records() + at + sizeof head, head.text_size)});
    at += record_size(head.text_size);
  }
}

std::uint64_t UndoLog::all_steps() const {
  std::uint64_t sum = 0;
  for (const auto& steps : shared_->steps) sum += steps;
  return sum;
}

}  // namespace power
