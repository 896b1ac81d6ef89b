// Two things hold a member's data: the log in wal/ gets every write before it is answered, store.db follows about a
// second behind with the state itself. A start loads the state and replays what the log has beyond it. A stop at any
// instant (power cut, kill -9) therefore loses nothing that was answered.

#include "kv/daemon.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "kv/first_entries.h"

namespace kv {

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kCheckpointInterval{1000};
constexpr std::chrono::milliseconds kHandOverDeadline{3000};

base::HttpServerOptions server_options() {
  base::HttpServerOptions options;
  options.max_body_bytes = 2 * 1024 * 1024;
  return options;
}

}  // namespace

Daemon::Daemon(DaemonOptions options)
    : options_(std::move(options)),
      data_dir_(options_.data_dir),
      log_storage_(data_dir_.file("wal")),
      log_(open_log()),
      journal_(
          log_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
          [this](const std::string& reason) { fail(reason); }),
      checkpoint_(data_dir_.file("store.db")),
      replica_(store_, base::system_clock()),
      engine_({.member_id = log_.identity().member_id},
              {journal_, replica_, base::system_clock(), base::system_random(),
               [](std::uint64_t, const std::string&) {}, [this](base::Clock::Time time) { wake_at(time); },
               [this](std::function<void()> work) { loop_.post(std::move(work)); }}),
      checkpointer_(checkpoint_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
                    {[this](const Position& position) {
                       saved_index_ = position.applied_index;
                       engine_.checkpointed(position.applied_index);
                     },
                     [this](const std::string& reason) { replica_.engine_failed(reason); }}),
      api_(replica_, loop_, log_.identity().cluster_id, options_.api),
      server_(loop_, server_options(),
              [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                api_.handle(request, reply);
              }) {
  replica_.attach(engine_);
  replica_.on_failure([this] { fail(replica_.failure()); });
  const RaftBase base = checkpoint_.base();
  if (base.index > 0) store_.restore(checkpoint_.load());
  saved_index_ = base.index;
  engine_.start(base);
  store_.reset_stats();
}

Daemon::~Daemon() = default;

// A fresh log gets the ids of a new cluster with one member.
Wal Daemon::open_log() {
  if (!Wal::exists(log_storage_)) {
    if (base::exists(data_dir_.file("store.db"))) {
      throw base::Error("start", options_.data_dir,
                        "it has a checkpoint (store.db) but no log (wal/): what was answered last may be lost");
    }
    const std::uint64_t id = member_id({}, base::system_random().hex_string(16));
    Wal::create(log_storage_, {cluster_id({id}), id}, base::system_random());
    Wal log(log_storage_, base::system_random());
    log.save_state({kFirstTerm, 0});
    log.append(first_entries({{.id = id}}));
  }
  return Wal(log_storage_, base::system_random());
}

void Daemon::fail(const std::string& reason) {
  if (failure_.empty()) failure_ = reason;
  loop_.stop();
}

void Daemon::wake_at(base::Clock::Time time) {
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(time - base::system_clock().now());
  engine_timer_ = loop_.after(std::max(delay, std::chrono::milliseconds(0)), [this] { engine_.timer(); });
}

int Daemon::run() {
  announce_member();
  if (failure_.empty()) {
    listen();
    tick_timer_ = loop_.every(kTick, [this] { tick(); });
    loop_.run_as_daemon("serving clients");
  }
  shut_down();
  if (failure_.empty()) return 0;
  base::log_error("the store cannot go on: {}", failure_);
  return 1;
}

// The store knows this member, its name and its URLs before the first client is served.
void Daemon::announce_member() {
  Member self{engine_.status().member_id, options_.name, {}, options_.advertise_client_urls};
  std::vector<Command> commands = member_commands(store_, self, wall_nanoseconds(replica_.clock()));
  std::size_t left = commands.size();
  for (const Command& command : commands) {
    replica_.write(command, [this, &left](const Result& result) {
      if (auto* error = std::get_if<StoreError>(&result)) {
        failure_ = "announce this member: " + error->cause;
        loop_.stop();
      }
      if (--left == 0) loop_.stop();
    });
  }
  if (!commands.empty()) loop_.run();
}

void Daemon::listen() {
  for (const base::Url& url : options_.listen_client_urls) {
    std::uint16_t port = server_.listen_tcp(url.host, url.port);
    base::log_info("ready to serve client requests on {}:{}", url.host, port);
  }
  base::log_info("member {} ({}) of cluster {}: {} nodes at index {}, term {}", id_text(log_.identity().member_id),
                 options_.name, id_text(log_.identity().cluster_id), store_.node_count(), store_.revision(),
                 engine_.status().term);
}

void Daemon::tick() {
  replica_.tick();
  api_.tick();
  base::Clock::Time now = replica_.clock().now();
  bool changed = store_.position().applied_index > saved_index_;
  if (changed && !checkpointer_.busy() && now - last_save_ >= kCheckpointInterval) {
    last_save_ = now;
    StoreChanges changes = store_.take_changes();
    RaftBase base = engine_.base_at(changes.position.applied_index);
    checkpointer_.save(std::move(changes), std::move(base));
  }
}

// What was taken in is committed and answered; then the connections are closed and the state is saved, so that the next
// start has nothing to replay.
void Daemon::shut_down() {
  tick_timer_.reset();
  auto deadline = loop_.after(kHandOverDeadline, [this] { loop_.stop(); });
  if (failure_.empty()) {
    engine_.hand_over([this] { loop_.stop(); });
    loop_.run();
  }
  engine_timer_.reset();
  server_.close();
  checkpointer_.stop();
  if (!failure_.empty() || checkpointer_.busy()) return;
  if (store_.position().applied_index == saved_index_) return;
  StoreChanges changes = store_.take_changes();
  const RaftBase base = engine_.base_at(changes.position.applied_index);
  if (!checkpoint_.save(changes, base)) base::log_warning("the disk is full: the next start replays the log");
}

}  // namespace kv
