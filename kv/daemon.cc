// Two files hold a member's data: log.db gets every write before it is answered, store.db follows about a second behind
// with the state itself. A start loads the state and replays what the log has beyond it. A stop at any instant (power
// cut, kill -9) therefore loses nothing that was answered.

#include "kv/daemon.h"

#include "base/error.h"
#include "base/log.h"
#include "base/random.h"

namespace kv {

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kCheckpointInterval{1000};

base::HttpServerOptions server_options() {
  base::HttpServerOptions options;
  options.max_body_bytes = 2 * 1024 * 1024;
  return options;
}

}  // namespace

Daemon::Daemon(DaemonOptions options)
    : options_(std::move(options)),
      data_dir_(options_.data_dir),
      log_(data_dir_.file("log.db")),
      checkpoint_(data_dir_.file("store.db")),
      replica_(store_, base::system_clock()),
      engine_((identity(), log_), replica_, [this](std::function<void()> work) { loop_.post(std::move(work)); }),
      checkpointer_(checkpoint_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
                    {[this](const Position& position) {
                       saved_index_ = position.applied_index;
                       engine_.checkpointed(position.applied_index);
                     },
                     [this](const std::string& reason) { replica_.engine_failed(reason); }}),
      api_(replica_, loop_, log_.state().cluster_id, options_.api),
      server_(loop_, server_options(),
              [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                api_.handle(request, reply);
              }) {
  replica_.attach(engine_);
  replica_.on_failure([this] {
    failure_ = replica_.failure();
    loop_.stop();
  });
  store_.restore(checkpoint_.load());
  saved_index_ = store_.position().applied_index;
  engine_.checkpointed(saved_index_);
  engine_.start(saved_index_);
  store_.reset_stats();
}

Daemon::~Daemon() = default;

// A fresh log gets the ids of a new cluster with one member.
LogState Daemon::identity() {
  LogState state = log_.state();
  if (state.member_id != 0) return state;
  state.member_id = member_id({}, base::system_random().hex_string(16));
  state.cluster_id = cluster_id({state.member_id});
  log_.save_state(state);
  return state;
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
  base::log_info("member {} ({}) of cluster {}: {} nodes at index {}, term {}", id_text(log_.state().member_id),
                 options_.name, id_text(log_.state().cluster_id), store_.node_count(), store_.revision(),
                 engine_.status().term);
}

void Daemon::tick() {
  replica_.tick();
  api_.tick();
  base::Clock::Time now = replica_.clock().now();
  bool changed = store_.position().applied_index > saved_index_;
  if (changed && !checkpointer_.busy() && now - last_save_ >= kCheckpointInterval) {
    last_save_ = now;
    checkpointer_.save(store_.take_changes());
  }
}

// What was taken in is committed and answered; then the connections are closed and the state is saved, so that the next
// start has nothing to replay.
void Daemon::shut_down() {
  tick_timer_.reset();
  engine_.stop();
  loop_.post([this] { loop_.stop(); });
  loop_.run();
  server_.close();
  checkpointer_.stop();
  if (!failure_.empty() || checkpointer_.busy()) return;
  if (store_.position().applied_index == saved_index_) return;
  if (!checkpoint_.save(store_.take_changes())) base::log_warning("the disk is full: the next start replays the log");
}

}  // namespace kv
