// A torn write can only be the last one, since each is durable before the next begins. So where the chain ends, nothing
// that is a whole frame of this segment may follow: if something does, the log is damaged, not torn.

#include "kv/wal.h"

#include <algorithm>
#include <cassert>
#include <format>

#include "base/error.h"
#include "base/log.h"

namespace kv {

namespace {

constexpr std::string_view kSuffix = ".wal";
constexpr std::string_view kSpareName = "spare";
constexpr std::size_t kAlignment = 8;
constexpr std::uint64_t kGrowth = 4;
constexpr std::uint64_t kReserve = 16;  // the part of a segment that entries leave free

std::string segment_name(std::uint64_t sequence) {
  return std::format("{:016x}{}", sequence, kSuffix);
}

std::vector<std::string> segment_names(Storage& storage) {
  std::vector<std::string> names = storage.list();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(kSuffix); });
  return names;
}

[[noreturn]] void damaged(const std::string& where, const std::string& reason) {
  throw DamagedData("read the log", where, reason);
}

// A whole frame of the segment behind `offset`, where the chain has ended: its place, or nothing.
std::optional<std::size_t> frame_behind(std::string_view bytes, std::size_t offset, std::uint32_t checksum) {
  for (std::size_t at = offset + kAlignment; at + Frame::kHeaderSize <= bytes.size(); at += kAlignment) {
    if (frame_at(bytes, at, checksum)) return at;
  }
  return std::nullopt;
}

void write_segment_start(StorageFile& file, const SegmentHeader& header, const HardState& state, FrameChain& chain,
                         std::uint64_t& offset) {
  chain.segment = segment_checksum(header);
  std::string bytes = encode(header) + encode_frame({FrameKind::kState, 0, encode(state)}, chain);
  file.write_durably(0, bytes);
  offset = bytes.size();
}

}  // namespace

bool Wal::exists(Storage& storage) {
  return !segment_names(storage).empty();
}

std::optional<WalIdentity> Wal::identity_in(Storage& storage) {
  for (const std::string& name : segment_names(storage)) {
    const auto header = decode_segment_header(storage.open(name)->read(0, SegmentHeader::kSize));
    if (header) return WalIdentity{header->cluster_id, header->member_id};
  }
  return std::nullopt;
}

void Wal::create(Storage& storage, const WalIdentity& identity, base::Random& random, WalLimits limits,
                 const LogContent& content) {
  assert(!exists(storage));
  const std::string entries = content.entries.empty() ? std::string() : encode(content.entries);
  const std::uint64_t needed =
      SegmentHeader::kSize + frame_size(encode(content.state).size()) + 2 * frame_size(entries.size());
  SegmentHeader header{identity.cluster_id, identity.member_id, 1, random.next(),
                       std::max(limits.first_segment, (needed + 4095) / 4096 * 4096)};
  auto file = storage.create_zeroed(std::string(kSpareName), header.size, limits.fill_step)->take();
  FrameChain chain;
  std::uint64_t offset = 0;
  write_segment_start(*file, header, content.state, chain, offset);
  if (!entries.empty()) {
    file->write(offset, encode_frame({FrameKind::kEntries, content.entries.front().index, entries}, chain));
  }
  file->sync();
  storage.rename(std::string(kSpareName), segment_name(1));
  storage.sync_directory();
}

Wal::Wal(Storage& storage, base::Random& random, WalLimits limits)
    : storage_(storage), random_(random), limits_(limits) {
  load();
}

Wal::~Wal() = default;

void Wal::load() {
  const std::vector<std::string> names = segment_names(storage_);
  if (names.empty()) throw DamagedData("read the log", "its folder", "it has no segment");
  for (const std::string& name : names) {
    file_ = storage_.open(name);
    const std::string bytes = file_->read(0, file_->size());
    auto header = decode_segment_header(bytes);
    if (!header) damaged(name, "its header is damaged");
    if (header->size != bytes.size()) {
      damaged(name, std::format("it has {} bytes, its header says {}", bytes.size(), header->size));
    }
    if (segment_name(header->sequence) != name) {
      damaged(name, std::format("it holds segment {}", header->sequence));
    }
    if (segments_.empty()) {
      identity_ = {header->cluster_id, header->member_id};
    } else if (WalIdentity{header->cluster_id, header->member_id} != identity_) {
      damaged(name, "it belongs to another member");
    } else if (header->sequence != segments_.back().header.sequence + 1) {
      damaged(name, std::format("segment {} before it is missing", header->sequence - 1));
    }
    segments_.push_back({name, *header, 0});
    read_segment(segments_.back(), bytes, name == names.back());
    segments_.back().first_after = next_index_;
  }
  storage_.remove(std::string(kSpareName));
  storage_.sync_directory();
  file_->sync();
  content_.state = state_;
  prepare_from_ = segments_.back().header.size / 2;
}

void Wal::read_segment(const Segment& segment, std::string_view bytes, bool last) {
  chain_.segment = segment_checksum(segment.header);
  offset_ = SegmentHeader::kSize;
  bool first = segment.header.sequence == segments_.front().header.sequence;
  while (auto found = frame_at(bytes, offset_, chain_.segment)) {
    const std::string where = std::format("{} at {}", segment.name, offset_);
    // The frame before the first one that is kept is gone: nothing to compare with.
    if (found->previous != chain_.previous && !(first && offset_ == SegmentHeader::kSize)) {
      damaged(where, "the frame before it is not the one that was there");
    }
    take_frame(found->frame, where);
    chain_.previous = found->checksum;
    offset_ += found->size;
  }
  if (offset_ == SegmentHeader::kSize) damaged(segment.name, "its first frame is damaged");
  if (auto behind = frame_behind(bytes, offset_, chain_.segment)) {
    damaged(std::format("{} at {}", segment.name, offset_),
            std::format("the frame there is damaged, but one at {} is whole", *behind));
  }
  const bool rest_is_zero = bytes.find_first_not_of('\0', offset_) == std::string_view::npos;
  if (last && !rest_is_zero) base::log_info("log: {}: nothing whole behind {}: it ends there", segment.name, offset_);
}

void Wal::take_frame(const Frame& frame, const std::string& where) {
  switch (frame.kind) {
    case FrameKind::kState:
      state_ = decode_hard_state(frame.payload);
      return;
    case FrameKind::kReset:
      content_.entries.clear();
      content_.first_index = next_index_ = frame.index + 1;
      return;
    case FrameKind::kEntries: {
      std::vector<RaftEntry> entries = decode_entries(frame.index, frame.payload);
      // The segment in which the log began is gone: it begins wherever the first entries are.
      if (content_.entries.empty() && segments_.front().header.sequence > 1 && next_index_ == 1) {
        content_.first_index = next_index_ = frame.index;
      }
      if (frame.index > next_index_) damaged(where, std::format("entry {} follows {}", frame.index, next_index_ - 1));
      if (frame.index < content_.first_index) {
        content_.entries.clear();
        content_.first_index = frame.index;
      }
      content_.entries.resize(frame.index - content_.first_index);
      content_.entries.insert(content_.entries.end(), std::make_move_iterator(entries.begin()),
                              std::make_move_iterator(entries.end()));
      next_index_ = content_.first_index + content_.entries.size();
      return;
    }
  }
}

void Wal::save_state(const HardState& state) {
  state_ = state;
  write(FrameKind::kState, 0, encode(state));
}

void Wal::append(const std::vector<RaftEntry>& entries) {
  assert(!entries.empty() && entries.front().index <= next_index_);
  write(FrameKind::kEntries, entries.front().index, encode(entries));
  next_index_ = entries.back().index + 1;
  segments_.back().first_after = std::max(segments_.back().first_after, next_index_);
}

void Wal::reset(std::uint64_t index) {
  write(FrameKind::kReset, index, encode(state_));
  next_index_ = index + 1;
  segments_.back().first_after = next_index_;
}

void Wal::write(FrameKind kind, std::uint64_t index, std::string_view payload) {
  // The end of a segment is kept for what must be written also when the disk is full: a vote, a snapshot's mark.
  const std::uint64_t size = segments_.back().header.size;
  const std::uint64_t reserve = kind == FrameKind::kEntries ? size / kReserve : 0;
  if (frame_size(payload.size()) + reserve > size - offset_) next_segment(frame_size(payload.size()) + reserve);
  const std::string bytes = encode_frame({kind, index, payload}, chain_);
  file_->write_durably(offset_, bytes);
  offset_ += bytes.size();
  prepare_next();
}

// The old segment stays whole: nothing of it is written any more. Nothing has changed when this throws StorageFull.
void Wal::next_segment(std::uint64_t needed) {
  const std::uint64_t start = SegmentHeader::kSize + frame_size(encode(state_).size());
  std::uint64_t size = std::max(std::min(segments_.back().header.size * kGrowth, limits_.largest_segment),
                                (start + 2 * needed + 4095) / 4096 * 4096);
  if (!spare_ || spare_size_ < size) begin_spare(size);
  std::unique_ptr<StorageFile> file;
  try {
    file = spare_->take();
  } catch (const StorageFull&) {
    drop_spare();
    throw;
  }
  spare_.reset();

  SegmentHeader header{identity_.cluster_id, identity_.member_id, segments_.back().header.sequence + 1, random_.next(),
                       spare_size_};
  FrameChain chain = chain_;
  std::uint64_t offset = 0;
  write_segment_start(*file, header, state_, chain, offset);
  storage_.rename(std::string(kSpareName), segment_name(header.sequence));
  storage_.sync_directory();
  file_ = std::move(file);
  offset_ = offset;
  chain_ = chain;
  prepare_from_ = header.size / 2;
  segments_.push_back({segment_name(header.sequence), header, next_index_});
}

void Wal::begin_spare(std::uint64_t size) {
  spare_.reset();
  spare_ready_ = false;
  spare_ = storage_.create_zeroed(std::string(kSpareName), size, limits_.fill_step);
  spare_size_ = size;
}

// The space that it has taken is for others.
void Wal::drop_spare() {
  spare_.reset();
  storage_.remove(std::string(kSpareName));
}

// From the middle of a segment on, the next one is filled. A full disk is no error yet: tried again a little later.
void Wal::prepare_next() {
  if (offset_ < prepare_from_ || (spare_ && spare_ready_)) return;
  try {
    if (!spare_) begin_spare(std::min(segments_.back().header.size * kGrowth, limits_.largest_segment));
    spare_ready_ = spare_->advance();
  } catch (const StorageFull&) {
    drop_spare();
    prepare_from_ = offset_ + limits_.fill_step;
  }
}

void Wal::forget(std::uint64_t index) {
  std::size_t gone = 0;
  while (gone + 1 < segments_.size() && segments_[gone].first_after <= index + 1) ++gone;
  if (gone == 0) return;
  // The oldest first: what is left after a crash in between is a log without a gap.
  for (std::size_t i = 0; i < gone; ++i) {
    storage_.remove(segments_[i].name);
    storage_.sync_directory();
  }
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(gone));
}

std::uint64_t Wal::size() const {
  std::uint64_t size = 0;
  for (const Segment& segment : segments_) size += segment.header.size;
  return size;
}

std::vector<std::string> Wal::check(Storage& storage) {
  std::vector<std::string> problems;
  std::optional<std::uint32_t> previous;
  std::uint64_t expected = 0;
  for (const std::string& name : segment_names(storage)) {
    auto file = storage.open(name);
    const std::string bytes = file->read(0, file->size());
    auto header = decode_segment_header(bytes);
    if (!header) {
      problems.push_back(name + ": its header is damaged");
      previous.reset();
      if (expected != 0) ++expected;  // by its name it is this one
      continue;
    }
    if (expected != 0 && header->sequence != expected) {
      problems.push_back(std::format("{}: segments {} to {} are missing", name, expected, header->sequence - 1));
      previous.reset();
    }
    expected = header->sequence + 1;
    if (header->size != bytes.size()) {
      problems.push_back(std::format("{}: {} bytes, its header says {}", name, bytes.size(), header->size));
    }
    const std::uint32_t checksum = segment_checksum(*header);
    std::size_t offset = SegmentHeader::kSize;
    while (offset + Frame::kHeaderSize <= bytes.size()) {
      auto found = frame_at(bytes, offset, checksum);
      if (!found) {
        auto behind = frame_behind(bytes, offset, checksum);
        if (!behind) break;
        problems.push_back(
            std::format("{} at {}: a damaged frame, the next whole one is at {}", name, offset, *behind));
        offset = *behind;
        previous.reset();
        continue;
      }
      if (previous && found->previous != *previous) {
        problems.push_back(std::format("{} at {}: it does not follow the frame before it", name, offset));
      }
      previous = found->checksum;
      offset += found->size;
    }
  }
  return problems;
}

}  // namespace kv
