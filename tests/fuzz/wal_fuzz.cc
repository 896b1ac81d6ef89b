// A write-ahead log of any content. Its checksums are made good, or nothing would come past them: the input is a list
// of frames (kind, index, size of the payload, each a byte, then the payload), '/' for the next segment, and behind an
// '!' what is then changed in the bytes (segment, two bytes of place, new byte). A log that opens takes another entry,
// and has it when it is opened again.

#include <format>

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "fuzz.h"
#include "kv/wal.h"
#include "memory_storage.h"

namespace {

constexpr std::uint64_t kSegment = 4096;
constexpr kv::WalLimits kLimits{.first_segment = kSegment, .largest_segment = kSegment, .fill_step = kSegment};

std::string name_of(std::uint64_t sequence) {
  return std::format("{:016x}.wal", sequence);
}

class Writer {
 public:
  explicit Writer(fuzz::MemoryStorage& storage) : storage_(storage) { begin_segment(); }

  void begin_segment() {
    end_segment();
    const kv::SegmentHeader header{1, 2, ++sequence_, sequence_, kSegment};
    chain_.segment = kv::segment_checksum(header);
    bytes_ = kv::encode(header);
    add(kv::FrameKind::kState, 0, kv::encode(kv::HardState{1, 0}));
  }
  void end_segment() {
    if (sequence_ == 0) return;
    bytes_.resize(kSegment);
    storage_.files[name_of(sequence_)] = std::make_shared<std::string>(bytes_);
  }
  void add(kv::FrameKind kind, std::uint64_t index, std::string_view payload) {
    if (payload.empty() || bytes_.size() + kv::frame_size(payload.size()) > kSegment) return;
    bytes_ += kv::encode_frame({kind, index, payload}, chain_);
  }

 private:
  fuzz::MemoryStorage& storage_;
  std::uint64_t sequence_ = 0;
  kv::FrameChain chain_;
  std::string bytes_;
};

void build(fuzz::Input& input, fuzz::MemoryStorage& storage) {
  Writer writer(storage);
  while (!input.empty()) {
    const std::uint8_t kind = input.byte();
    if (kind == '!') break;
    if (kind == '/') {
      writer.begin_segment();
      continue;
    }
    const std::uint8_t index = input.byte();
    // The last ones stand for the largest numbers.
    const std::uint64_t wide = index > 250 ? UINT64_MAX - (255 - index) : index;
    writer.add(static_cast<kv::FrameKind>(1 + kind % 3), wide, input.text(input.byte()));
  }
  writer.end_segment();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::set_log_level(base::LogLevel::kError);
  fuzz::Input input(fuzz::text_of(data, size));
  fuzz::MemoryStorage storage;
  build(input, storage);
  while (!input.empty()) {
    auto file = storage.files.find(name_of(input.byte()));
    const std::size_t place = (std::size_t{input.byte()} << 8 | input.byte()) % kSegment;
    const auto value = static_cast<char>(input.byte());
    if (file != storage.files.end()) (*file->second)[place] = value;
  }
  kv::Wal::check(storage);
  base::SeededRandom random(1);
  try {
    kv::Wal wal(storage, random, kLimits);
    const kv::LogContent content = wal.take_content();
    const std::uint64_t next = content.first_index + content.entries.size();
    if (next == 0 || next > UINT64_MAX / 2) return 0;
    wal.append({{next, 9, kv::EntryKind::kBarrier, nullptr}});
    kv::Wal again(storage, random, kLimits);
    const kv::LogContent grown = again.take_content();
    fuzz::must(grown.state == content.state, "the hard state is kept");
    fuzz::must(!grown.entries.empty() && grown.entries.back().index == next, "an entry that was written is there");
    fuzz::must(grown.first_index + grown.entries.size() == next + 1, "and it is the last one");
  } catch (const base::Error&) {
  }
  return 0;
}
