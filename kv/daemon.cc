// Two things hold a member's data: the log in wal/ gets every write before it is answered, store.db follows about a
// second behind with the state itself. A start loads the state and replays what the log has beyond it. A stop at any
// instant (power cut, kill -9) therefore loses nothing that was answered.

#include "kv/daemon.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/random.h"
#include "base/text.h"
#include "kv/host_check.h"
#include "kv/http_plain.h"
#include "kv/kvd_tls.h"
#include "kv/member_log.h"

namespace kv {

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kCheckpointInterval{1000};
// So many are saved at once: one save of more would hold the disk for long, and the log's writes with it, and until
// then they are in memory twice.
constexpr std::size_t kChangesOfOneSave = 5'000;
constexpr std::size_t kMaxWaitingChanges = 20'000;  // for a disk that is slow or full
constexpr std::chrono::milliseconds kHandOverDeadline{3000};
constexpr std::chrono::milliseconds kAnnounceAgain{200};

// Clients leave descriptors for the log, store.db, the other members and the metrics port, however few there are.
constexpr std::size_t kReservedDescriptors = 256;
constexpr std::size_t kMetricsConnections = 64;
constexpr std::size_t kPeerConnections = 1000;
constexpr std::chrono::milliseconds kPeerIdle{10000};  // without a request; a member's stream is one

base::HttpServerOptions client_server_options(const KvdOptions& kvd) {
  base::HttpServerOptions options;
  options.max_body_bytes = kvd.max_request_bytes;
  rlimit files{};
  base::check(::getrlimit(RLIMIT_NOFILE, &files), "getrlimit");
  const auto descriptors = static_cast<std::size_t>(std::min<rlim_t>(files.rlim_cur, 1'000'000));
  const std::size_t room =
      descriptors > 2 * kReservedDescriptors ? descriptors - kReservedDescriptors : descriptors / 2;
  options.max_connections = std::min(options.max_connections, room);
  return options;
}

base::HttpServerOptions metrics_server_options(const KvdOptions& kvd) {
  base::HttpServerOptions options;
  options.max_body_bytes = kvd.max_request_bytes;
  options.max_connections = kMetricsConnections;
  return options;
}

base::HttpServerOptions peer_server_options() {
  base::HttpServerOptions options;
  options.max_connections = kPeerConnections;
  options.idle_timeout = kPeerIdle;
  return options;
}

HttpApiOptions api_options(const KvdOptions& kvd) {
  return {.name = kvd.name,
          .cors = kvd.cors,
          .watches = {.watchers = kvd.max_watchers},
          .strict_reconfig_check = kvd.strict_reconfig_check,
          .discovery_service_url = kvd.discovery_service_url};
}

RaftEngineOptions engine_options(const KvdOptions& kvd, std::uint64_t member_id) {
  RaftEngineOptions options;
  options.member_id = member_id;
  options.times.election_ms = static_cast<std::uint32_t>(kvd.election_timeout.count());
  options.times.heartbeat_ms = static_cast<std::uint32_t>(kvd.heartbeat_interval.count());
  return options;
}

ReplicaLimits replica_limits(const KvdOptions& kvd) {
  return {.request_timeout = std::chrono::seconds(5) + 2 * kvd.election_timeout, .quota_bytes = kvd.quota_bytes};
}

base::HttpClientOptions peer_client_options(const std::shared_ptr<base::TlsContexts>& tls) {
  base::HttpClientOptions options;
  options.tls = tls;
  return options;
}

}  // namespace

Daemon::Daemon(KvdOptions options)
    : options_(std::move(options)),
      data_dir_(options_.data_dir),
      client_tls_(client_tls_contexts(options_)),
      peer_tls_(peer_tls_contexts(options_)),
      log_storage_(data_dir_.file("wal")),
      log_(open_log()),
      journal_(
          log_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
          [this](const std::string& reason) { fail(reason); }),
      checkpoint_(data_dir_.file("store.db"), log_.identity()),
      replica_(store_, base::system_clock(), replica_limits(options_)),
      engine_(engine_options(options_, log_.identity().member_id),
              {journal_, replica_, base::system_clock(), base::system_random(),
               [this](std::uint64_t member, const std::string& message) { return transport_.send(member, message); },
               [this](base::Clock::Time time) { wake_at(time); },
               [this](std::function<void()> work) { loop_.post([this, work = std::move(work)] { guarded(work); }); }}),
      checkpointer_(
          checkpoint_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
          {[this](const Position& position) { guarded([&] { engine_.checkpointed(position.applied_index); }); },
           [this](const std::string& reason) { fail(reason); }}),
      api_(replica_, loop_, log_.identity().cluster_id, api_options(options_)),
      server_(loop_, client_server_options(options_),
              [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                handle(request, reply);
              }),
      metrics_server_(loop_, metrics_server_options(options_),
                      [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                        const std::string_view path = request.raw_path();
                        if (path == "/metrics" || path == "/health") return api_.handle(request, reply);
                        reply->send(plain_error(404, "404 page not found"));
                      }),
      peer_server_(loop_, peer_server_options(),
                   [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                     transport_.handle(request, reply);
                   }),
      transport_(loop_, api_.peer_stats(),
                 {.cluster_id = log_.identity().cluster_id,
                  .member_id = log_.identity().member_id,
                  .client = peer_client_options(peer_tls_)},
                 transport_callbacks()) {
  replica_.attach(engine_);
  replica_.on_failure([this] { fail(replica_.failure()); });
  replica_.on_members([this] { members_changed(); });
  replica_.use_snapshots({[this] { return read_checkpoint(data_dir_.file("store.db")); },
                          [this](const StoreImage& image, const RaftBase& base) {
                            checkpointer_.instead([&](Checkpoint& checkpoint) { checkpoint.replace(image, base); });
                            taken_index_ = base.index;
                          }});
  api_.use_connections([this](std::uint64_t member) { return transport_.connected(member); });
  const RaftBase base = checkpoint_.base();
  if (base.index > 0) store_.restore(checkpoint_.load());
  taken_index_ = base.index;
  engine_.start(base);
  store_.reset_stats();
}

Daemon::~Daemon() = default;

Wal Daemon::open_log() {
  if (!Wal::exists(log_storage_) && base::exists(data_dir_.file("store.db"))) {
    throw DamagedData("start", options_.data_dir,
                      "it has a checkpoint (store.db) but no log (wal/): what was answered last may be lost");
  }
  make_member_log(log_storage_, options_, base::system_random());
  return Wal(log_storage_, base::system_random());
}

PeerTransport::Callbacks Daemon::transport_callbacks() {
  PeerTransport::Callbacks callbacks;
  callbacks.receive = [this](std::uint64_t from, PeerMessage message) {
    guarded([&] {
      if (!is_gone(from)) engine_.receive(from, std::move(message));
    });
  };
  callbacks.disconnected = [this](std::uint64_t member) { guarded([&] { engine_.disconnected(member); }); };
  callbacks.unreachable = [this](std::uint64_t member) { guarded([&] { engine_.unreachable(member); }); };
  callbacks.removed = [this](std::uint64_t member) { return is_gone(member); };
  callbacks.members = [this] { return members_of(store_); };
  callbacks.removed_ourselves = [this] { fail("this member was removed from its cluster for good"); };
  return callbacks;
}

void Daemon::fail(const std::string& reason) {
  if (failure_.empty()) failure_ = reason;
  loop_.stop();
}

// What goes wrong inside of the engine (a failed flush, a message that cannot be) ends the process.
void Daemon::guarded(const std::function<void()>& work) {
  if (!failure_.empty()) return;
  try {
    work();
  } catch (const std::exception& error) {
    fail(error.what());
  }
}

// Nearly every step of the engine moves its time back a little: the loop's timer goes on, and looks again when it ends.
void Daemon::wake_at(base::Clock::Time time) {
  engine_wake_ = time;
  if (engine_timer_ && engine_timer_end_ <= time) return;
  engine_timer_end_ = time;
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(time - base::system_clock().now());
  engine_timer_ = loop_.after(std::max(delay, std::chrono::milliseconds(0)), [this] {
    engine_timer_.reset();
    if (base::system_clock().now() < engine_wake_) return wake_at(engine_wake_);
    guarded([this] { engine_.timer(); });
  });
}

// Whom to talk to: the members of the store; before it knows any, those of the first entries or of the running cluster.
void Daemon::members_changed() {
  const std::uint64_t own_id = log_.identity().member_id;
  if (is_removed_member(store_, own_id)) {
    if (!removed_since_) removed_since_ = replica_.clock().now();
    return;
  }
  std::vector<Member> members = members_of(store_);
  if (members.empty()) members = members_in_first_entries(engine_.entries().all());
  if (members.empty()) members = members_of_existing_cluster(options_);
  for (const Member& peer : peers_) {
    if (is_removed_member(store_, peer.id) && !is_gone(peer.id)) members.push_back(peer);
  }
  peers_ = std::move(members);
  transport_.set_peers(peers_);
}

// Those that were removed are talked to until their votes do not count any more.
void Daemon::let_removed_go() {
  if (std::ranges::any_of(peers_, [this](const Member& peer) { return is_gone(peer.id); })) members_changed();
}

// Removed, and nobody counts on its vote any more: it has no say.
bool Daemon::is_gone(std::uint64_t member) const {
  return is_removed_member(store_, member) && !std::ranges::contains(engine_.configuration(), member, &RaftServer::id);
}

// The others may need this member's vote until the one that leads has taken it out of their number; one that leads
// itself gives that away first.
void Daemon::end_when_removed() {
  if (!removed_since_) return;
  const base::Clock::Time::duration since = replica_.clock().now() - *removed_since_;
  if (since < 2 * options_.election_timeout) return;
  if (engine_.status().leads() && since < 10 * options_.election_timeout) return;
  fail("this member was removed from its cluster for good");
}

int Daemon::run() {
  listen_for_peers();
  replica_.announce_members();
  tick_timer_ = loop_.every(kTick, [this] { tick(); });
  announce_member();
  if (failure_.empty()) loop_.run_as_daemon("serving clients");
  shut_down();
  if (failure_.empty()) return 0;
  base::log_error("the store cannot go on: {}", failure_);
  return 1;
}

// The store knows this member, its name and its URLs before the first client is served. A member alone has that done
// before it says that it is ready; others need a leader first, and that may take as long as the others need to start.
void Daemon::announce_member() {
  announce_next();
  if (engine_.status().leads() && !serving_ && failure_.empty()) loop_.run();
}

void Daemon::announce_next() {
  const bool alone = engine_.configuration().size() <= 1;
  Member self{log_.identity().member_id, options_.name, {}, options_.advertise_client_urls};
  std::vector<Command> commands;
  if (store_.peek(member_key(self.id))) commands = member_commands(store_, self, wall_nanoseconds(replica_.clock()));
  if (commands.empty() && engine_.status().leader_id != 0 && store_.peek(member_key(self.id))) {
    listen();
    if (alone) loop_.stop();
    return;
  }
  auto again = [this] { announce_timer_ = loop_.after(kAnnounceAgain, [this] { announce_next(); }); };
  if (commands.empty()) return again();
  // After a restart the state lags behind: it may hold the news already.
  replica_.barrier([this, alone, self, again](const std::optional<StoreError>& lost) {
    if (lost) return again();
    const std::vector<Command> missing = member_commands(store_, self, wall_nanoseconds(replica_.clock()));
    if (missing.empty()) return announce_next();
    replica_.write(missing.front(), [this, alone, again](const Result& result) {
      const StoreError* error = std::get_if<StoreError>(&result);
      if (error != nullptr && error->code == ErrorCode::kNodeExists) return announce_next();
      if (error != nullptr && alone) return fail("announce this member: " + error->cause);
      if (error != nullptr) return again();
      announce_next();
    });
  });
}

// However many clients wait in the loop's queue: between any two of them the members' messages and heartbeats have
// their turn.
void Daemon::peers_first() {
  transport_.run_waiting();
  if (base::system_clock().now() >= engine_wake_) guarded([this] { engine_.timer(); });
}

void Daemon::handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
  peers_first();
  if (!host_is_allowed(request, options_.host_whitelist)) return reply->send(host_refusal(request));
  api_.handle(request, reply);
}

void Daemon::listen_for_peers() {
  for (const base::Url& url : options_.listen_peer_urls) {
    listen_on(peer_server_, url, peer_tls_);
    base::log_info("listening for peers on {}", url.origin());
  }
}

// The lines that scripts around etcd wait for, in its words and order.
void Daemon::listen() {
  if (std::exchange(serving_, true)) return;
  const std::string cluster = id_text(log_.identity().cluster_id);
  base::log_info("member {} ({}) of cluster {}: {} nodes at index {}, term {}", id_text(log_.identity().member_id),
                 options_.name, cluster, store_.node_count(), store_.revision(), engine_.status().term);
  try {
    for (const base::Url& url : options_.listen_metrics_urls) listen_on(metrics_server_, url, client_tls_);
    for (const base::Url& url : options_.listen_client_urls) {
      listen_on(server_, url, client_tls_);
      const std::string where = url.origin().substr(url.origin().find("://") + 3);
      if (url.scheme == "https") {
        base::log_info("serving client requests on {}", where);
      } else {
        base::log_info("serving insecure client requests on {}, without encryption", where);
      }
    }
  } catch (const base::Error& error) {
    return fail(error.what());
  }
  base::log_info("enabled capabilities for version 3.4");
  base::log_info("published {{Name:{} ClientURLs:[{}]}} to cluster {}", options_.name,
                 base::join(options_.advertise_client_urls, " "), cluster);
  base::log_info("ready to serve client requests");
}

void Daemon::listen_on(base::HttpServer& server, const base::Url& url, const std::shared_ptr<base::TlsContexts>& tls) {
  if (url.scheme == "https") {
    server.listen_tls(bind_address(url), url.port, tls);
  } else {
    server.listen_tcp(bind_address(url), url.port);
  }
}

void Daemon::tick() {
  let_removed_go();
  end_when_removed();
  replica_.tick();
  api_.tick();
  save_checkpoint();
}

void Daemon::save_checkpoint() {
  if (checkpointer_.waiting() <= kMaxWaitingChanges) take_changes();
  const base::Clock::Time now = replica_.clock().now();
  const bool due = now - last_save_ >= kCheckpointInterval || checkpointer_.waiting() >= kChangesOfOneSave;
  if (checkpointer_.busy() || checkpointer_.waiting() == 0 || !due) return;
  last_save_ = now;
  checkpointer_.save(engine_.base_at(taken_index_));
}

void Daemon::take_changes() {
  if (store_.position().applied_index == taken_index_) return;
  taken_index_ = store_.position().applied_index;
  checkpointer_.add(store_.take_changes());
}

// What was taken in is committed and answered, by the next leader if this member led; then the connections are closed
// and the state is saved, so that the next start has nothing to replay.
void Daemon::shut_down() {
  announce_timer_.reset();
  if (failure_.empty()) {
    auto deadline = loop_.after(kHandOverDeadline, [this] { loop_.stop(); });
    engine_.hand_over([this] { loop_.post([this] { loop_.stop(); }); });
    loop_.run();
  }
  tick_timer_.reset();
  server_.close();
  metrics_server_.close();
  transport_.close();
  peer_server_.close();
  engine_timer_.reset();
  checkpointer_.stop();
  if (!failure_.empty() || checkpointer_.busy()) return;
  take_changes();
  if (checkpointer_.waiting() == 0) return;
  if (!checkpoint_.save(checkpointer_.take_waiting(), engine_.base_at(taken_index_))) {
    base::log_warning("the disk is full: the next start replays the log");
  }
}

}  // namespace kv
