#include "node.h"

#include <format>

#include "base/error.h"
#include "kv/first_entries.h"
#include "kv/store_image.h"

namespace sim {

namespace {

constexpr kv::WalLimits kSmallSegments{.first_segment = 4096, .largest_segment = 16384, .fill_step = 2048};
constexpr Nanoseconds kTick = 100 * kMillisecond;
constexpr Nanoseconds kCheckpointInterval = 700 * kMillisecond;

// Writes to the real log after a while; a crash before that loses the write, or tears it.
class SimJournal : public kv::Journal {
 public:
  using Later = std::function<void(std::function<void()>)>;
  SimJournal(SimDisk& disk, base::Random& random, Later later)
      : wal_(disk, random, kSmallSegments), later_(std::move(later)) {}

  kv::LogContent take_content() override { return wal_.take_content(); }
  void save_state(const kv::HardState& state) override { wal_.save_state(state); }
  void append(std::vector<kv::RaftEntry> entries, std::function<void()> done) override {
    queue_.push_back({std::move(entries), std::move(done)});
    write_soon();
  }
  void reset(std::uint64_t index) override {
    wal_.reset(index);
    for (Write& write : queue_) done_.push_back(std::move(write.done));
    queue_.clear();
    write_soon();
  }
  void forget(std::uint64_t index) override { wal_.forget(index); }
  bool full() const override { return full_; }

  // The write that was under way reaches the disk in part.
  void tear(SimDisk& disk) {
    if (queue_.empty()) return;
    disk.tear_next_write = true;
    try {
      wal_.append(queue_.front().entries);
    } catch (const PowerCut&) {
    } catch (const kv::StorageFull&) {
    } catch (const base::Error&) {  // a flush that was to fail anyway
    }
    disk.tear_next_write = false;
  }

 private:
  struct Write {
    std::vector<kv::RaftEntry> entries;
    std::function<void()> done;
  };

  void write_soon() {
    if (scheduled_) return;
    scheduled_ = true;
    later_([this] {
      scheduled_ = false;
      try {
        flush();
        full_ = false;
      } catch (const kv::StorageFull&) {
        full_ = true;
        write_soon();
      }
      std::deque<std::function<void()>> done;
      done.swap(done_);
      for (auto& one : done) one();
    });
  }
  void flush() {
    while (!queue_.empty()) {
      wal_.append(queue_.front().entries);
      done_.push_back(std::move(queue_.front().done));
      queue_.pop_front();
    }
    if (!done_.empty()) write_soon();
  }

  kv::Wal wal_;
  Later later_;
  std::deque<Write> queue_;
  std::deque<std::function<void()>> done_;
  bool scheduled_ = false;
  bool full_ = false;
};

class ImageReader : public kv::SnapshotReader {
 public:
  explicit ImageReader(const SimCheckpoint& checkpoint) : base_(checkpoint.base) {
    kv::StoreImage image = checkpoint.image();
    bytes_ = kv::encode_position_record(image.position);
    for (const kv::NodeRow& row : image.nodes) bytes_ += kv::encode_record(row);
    for (const std::string& event : image.events) bytes_ += kv::encode_event_record(event);
    bytes_ += kv::encode_end_record();
  }
  const kv::RaftBase& base() const override { return base_; }
  std::string next(std::size_t) override {
    std::string piece = bytes_.substr(offset_, 600);  // small ones, so that a stream has many
    offset_ += piece.size();
    return piece;
  }

 private:
  kv::RaftBase base_;
  std::string bytes_;
  std::size_t offset_ = 0;
};

}  // namespace

void SimCheckpoint::apply(const kv::StoreChanges& changes, const kv::RaftBase& at) {
  for (const std::string& path : changes.removed) nodes.erase(path);
  for (const kv::NodeRow& row : changes.nodes) nodes[row.path] = row;
  for (std::uint64_t index = changes.first_new_event; const std::string& event : changes.events)
    events[index++] = event;
  events.erase(events.begin(), events.lower_bound(changes.first_event));
  position = changes.position;
  base = at;
}

void SimCheckpoint::replace(const kv::StoreImage& image, const kv::RaftBase& at) {
  nodes.clear();
  events.clear();
  for (const kv::NodeRow& row : image.nodes) nodes[row.path] = row;
  for (std::uint64_t index = image.position.revision + 1 - image.events.size();
       const std::string& event : image.events) {
    events[index++] = event;
  }
  position = image.position;
  base = at;
}

kv::StoreImage SimCheckpoint::image() const {
  kv::StoreImage image;
  image.position = position;
  for (const auto& [path, row] : nodes) image.nodes.push_back(row);
  for (const auto& [index, event] : events) image.events.push_back(event);
  return image;
}

// Everything that a crash takes away.
struct Node::Run : kv::EngineHost {
  Run(Node& owner, SimJournal::Later later)
      : node(owner),
        journal(owner.disk_, owner.world_.random(), std::move(later)),
        store(kv::HistoryLimits{.events = 300, .bytes = 1 << 20}),
        replica(store, owner.clock_),
        engine({.member_id = owner.id_,
                .times = {.election_ms = 300, .heartbeat_ms = 30},
                .message_bytes = 500,
                .trailing_entries = 20},
               {journal, *this, owner.clock_, owner.world_.random(),
                [this](std::uint64_t to, std::string message) {
                  node.hooks_.send(node.id_, to, std::move(message));
                  return true;
                },
                [this](base::Clock::Time time) { wake_at(time); },
                [this](std::function<void()> work) { node.in_this_life(kMicrosecond, std::move(work)); }}) {
    replica.attach(engine);
    replica.use_snapshots(
        {[this]() -> std::unique_ptr<kv::SnapshotReader> {
           if (node.checkpoint_.base.index == 0) return nullptr;
           return std::make_unique<ImageReader>(node.checkpoint_);
         },
         [this](const kv::StoreImage& image, const kv::RaftBase& base) { node.checkpoint_.replace(image, base); }});
  }

  void wake_at(base::Clock::Time time) {
    const std::uint64_t wanted = ++last_wake;
    Nanoseconds delay = std::chrono::duration_cast<std::chrono::nanoseconds>(time - node.clock_.now()).count();
    node.in_this_life(std::max<Nanoseconds>(delay, 0), [this, wanted] {
      if (wanted == last_wake) engine.timer();
    });
  }

  // The replica stands between; the checkers listen.
  void committed(const kv::LogEntry& entry, std::uint64_t ticket) override {
    replica.committed(entry, ticket);
    node.hooks_.applied(node, entry);
  }
  void refused(std::uint64_t ticket, kv::Refusal refusal) override { replica.refused(ticket, refusal); }
  void barrier_passed(std::uint64_t ticket) override { replica.barrier_passed(ticket); }
  void engine_failed(const std::string& reason) override { throw Violation("the engine failed: " + reason); }
  std::unique_ptr<kv::SnapshotReader> open_snapshot() override { return replica.open_snapshot(); }
  void install_snapshot(const kv::RaftBase& base, std::string_view state) override {
    replica.install_snapshot(base, state);
  }

  void mark_heard(std::uint64_t member, const kv::StateMark& mark) override { replica.mark_heard(member, mark); }

  Node& node;
  SimJournal journal;
  kv::Store store;
  kv::Replica replica;
  kv::RaftEngine engine;
  std::uint64_t last_wake = 0;
};

Node::Node(World& world, std::uint64_t id, Nanoseconds clock_skew, Hooks hooks)
    : world_(world), id_(id), clock_(world, clock_skew), hooks_(std::move(hooks)), disk_(world) {}

Node::~Node() = default;

kv::Replica& Node::replica() {
  return run_->replica;
}

kv::RaftEngine& Node::engine() const {
  return run_->engine;
}

void Node::format(const std::vector<std::uint64_t>& ids) {
  kv::Wal::create(disk_, {1, id_}, world_.random(), kSmallSegments);
  if (ids.empty()) return;
  kv::Wal wal(disk_, world_.random(), kSmallSegments);
  wal.save_state({1, 0});
  std::vector<kv::Member> members;
  for (std::uint64_t id : ids) members.push_back({.id = id, .peer_urls = {std::format("http://{}", id)}});
  wal.append(kv::first_entries(members));
}

void Node::boot() {
  ++life_;
  guarded([this] {
    run_ = std::make_unique<Run>(*this, [this](std::function<void()> work) {
      in_this_life(world_.between(write_delay_low, write_delay_high), std::move(work));
    });
    if (checkpoint_.base.index > 0) run_->store.restore(checkpoint_.image());
    run_->engine.start(checkpoint_.base);
    run_->replica.announce_members();
  });
  if (!up()) return;
  repeat(kTick, [this] { run_->replica.tick(); });
  repeat(kCheckpointInterval, [this] { save_checkpoint(); });
}

void Node::repeat(Nanoseconds interval, std::function<void()> work) {
  in_this_life(interval, [this, interval, work = std::move(work)] {
    work();
    if (up()) repeat(interval, work);
  });
}

void Node::save_checkpoint() {
  std::uint64_t index = run_->store.position().applied_index;
  if (index <= checkpoint_.base.index) return;
  kv::StoreChanges changes = run_->store.take_changes();
  checkpoint_.apply(changes, run_->engine.base_at(index));
  run_->engine.checkpointed(index);
}

void Node::crash(bool tear) {
  if (!up()) return;
  if (tear) run_->journal.tear(disk_);
  disk_.power_cut();
  ++life_;
  run_.reset();
}

void Node::rot_state() {
  save_checkpoint();
  kv::StoreImage image = checkpoint_.image();
  image.nodes.push_back({.path = "/1/rot", .value = "rot", .created_index = 1, .modified_index = 1});
  run_->store.restore(image);
}

void Node::forget_everything() {
  crash(false);
  disk_.wipe();
  checkpoint_ = {};
}

std::string Node::rot() {
  std::vector<std::string> names = disk_.list();
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".wal"); });
  const std::string name = names.at(world_.random().below(names.size()));
  auto file = disk_.open(name);
  const std::string bytes = file->read(0, file->size());
  std::size_t end = bytes.size();
  if (name == names.back()) {
    end = kv::SegmentHeader::kSize;
    const std::uint32_t checksum = kv::segment_checksum(*kv::decode_segment_header(bytes));
    std::size_t next = end;
    while (auto frame = kv::frame_at(bytes, next, checksum)) {
      end = next;
      next += frame->size;
    }
  }
  disk_.fail_next_write = false;
  const std::size_t at = world_.random().below(end);
  const char changed = static_cast<char>(bytes[at] ^ static_cast<char>(1U << world_.random().below(8)));
  file->write_durably(at, std::string(1, changed));
  return std::format("{} byte {}", name, at);
}

void Node::deliver(std::uint64_t from, const std::string& message) {
  in_this_life(0, [this, from, message] { run_->engine.receive(from, kv::decode_peer_message(message)); });
}

void Node::disconnected(std::uint64_t from) {
  in_this_life(0, [this, from] { run_->engine.disconnected(from); });
}

void Node::unreachable(std::uint64_t member) {
  in_this_life(50 * kMillisecond, [this, member] { run_->engine.unreachable(member); });
}

void Node::in_this_life(Nanoseconds delay, std::function<void()> work) {
  world_.after(delay, [this, life = life_, work = std::move(work)]() mutable {
    if (life != life_ || !up()) return;
    if (world_.now() < paused_until_) return in_this_life(paused_until_ - world_.now(), std::move(work));
    guarded(work);
  });
}

// A failed write ends the process; that is what the real one does.
void Node::guarded(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::runtime_error& error) {
    if (dynamic_cast<const base::Error*>(&error) == nullptr && dynamic_cast<const kv::StorageFull*>(&error) == nullptr)
      throw;
    failure_ = error.what();
    world_.trace(std::format("{} ends: {}", id_, failure_));
    ++life_;
    run_.reset();
    hooks_.crashed(*this);
  }
}

}  // namespace sim
