// Two things hold a member's data: the log in wal/ gets every write before it is answered, store.db follows about a
// second behind with the state itself. A start loads the state and replays what the log has beyond it. A stop at any
// instant (power cut, kill -9) therefore loses nothing that was answered.

#include "kv/daemon.h"

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
constexpr std::chrono::milliseconds kHandOverDeadline{3000};
constexpr std::chrono::milliseconds kAnnounceAgain{200};

base::HttpServerOptions server_options(const KvdOptions& kvd) {
  base::HttpServerOptions options;
  options.max_body_bytes = kvd.max_request_bytes;
  return options;
}

HttpApiOptions api_options(const KvdOptions& kvd) {
  return {.name = kvd.name,
          .cors = kvd.cors,
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
  return {.request_timeout = std::chrono::seconds(5) + 2 * kvd.election_timeout};
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
      checkpoint_(data_dir_.file("store.db")),
      replica_(store_, base::system_clock(), replica_limits(options_)),
      engine_(engine_options(options_, log_.identity().member_id),
              {journal_, replica_, base::system_clock(), base::system_random(),
               [this](std::uint64_t member, const std::string& message) { return transport_.send(member, message); },
               [this](base::Clock::Time time) { wake_at(time); },
               [this](std::function<void()> work) { loop_.post([this, work = std::move(work)] { guarded(work); }); }}),
      checkpointer_(checkpoint_, [this](std::function<void()> work) { loop_.post(std::move(work)); },
                    {[this](const Position& position) {
                       saved_index_ = position.applied_index;
                       guarded([&] { engine_.checkpointed(position.applied_index); });
                     },
                     [this](const std::string& reason) { fail(reason); }}),
      api_(replica_, loop_, log_.identity().cluster_id, api_options(options_)),
      server_(loop_, server_options(options_),
              [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                handle(request, reply);
              }),
      metrics_server_(loop_, server_options(options_),
                      [this](const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
                        const std::string_view path = request.raw_path();
                        if (path == "/metrics" || path == "/health") return api_.handle(request, reply);
                        reply->send(plain_error(404, "404 page not found"));
                      }),
      peer_server_(loop_, {},
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
                            saved_index_ = base.index;
                          }});
  const RaftBase base = checkpoint_.base();
  if (base.index > 0) store_.restore(checkpoint_.load());
  saved_index_ = base.index;
  engine_.start(base);
  store_.reset_stats();
}

Daemon::~Daemon() = default;

Wal Daemon::open_log() {
  if (!Wal::exists(log_storage_) && base::exists(data_dir_.file("store.db"))) {
    throw base::Error("start", options_.data_dir,
                      "it has a checkpoint (store.db) but no log (wal/): what was answered last may be lost");
  }
  make_member_log(log_storage_, options_, base::system_random());
  return Wal(log_storage_, base::system_random());
}

PeerTransport::Callbacks Daemon::transport_callbacks() {
  PeerTransport::Callbacks callbacks;
  callbacks.receive = [this](std::uint64_t from, const std::string& message) {
    guarded([&] {
      // A member that is not (or no more) in the cluster has no say in it.
      if (!is_removed_member(store_, from)) engine_.receive(from, message);
    });
  };
  callbacks.disconnected = [this](std::uint64_t member) { guarded([&] { engine_.disconnected(member); }); };
  callbacks.unreachable = [this](std::uint64_t member) { guarded([&] { engine_.unreachable(member); }); };
  callbacks.removed = [this](std::uint64_t member) { return is_removed_member(store_, member); };
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

void Daemon::wake_at(base::Clock::Time time) {
  auto delay = std::chrono::ceil<std::chrono::milliseconds>(time - base::system_clock().now());
  engine_timer_ =
      loop_.after(std::max(delay, std::chrono::milliseconds(0)), [this] { guarded([this] { engine_.timer(); }); });
}

// Whom to talk to: the members of the store; before it knows any, those of the first entries or of the running cluster.
void Daemon::members_changed() {
  const std::uint64_t own_id = log_.identity().member_id;
  if (is_removed_member(store_, own_id)) return fail("this member was removed from its cluster for good");
  std::vector<Member> members = members_of(store_);
  if (members.empty()) members = members_in_first_entries(engine_.entries().all());
  if (members.empty()) members = members_of_existing_cluster(options_);
  transport_.set_peers(members);
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
  const bool alone = engine_.status().configuration.size() <= 1;
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

void Daemon::handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply) {
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
  replica_.tick();
  api_.tick();
  save_checkpoint();
}

void Daemon::save_checkpoint() {
  base::Clock::Time now = replica_.clock().now();
  bool changed = store_.position().applied_index > saved_index_;
  if (!changed || checkpointer_.busy() || now - last_save_ < kCheckpointInterval) return;
  last_save_ = now;
  StoreChanges changes = store_.take_changes();
  RaftBase base = engine_.base_at(changes.position.applied_index);
  checkpointer_.save(std::move(changes), std::move(base));
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
  if (store_.position().applied_index == saved_index_) return;
  StoreChanges changes = store_.take_changes();
  const RaftBase base = engine_.base_at(changes.position.applied_index);
  if (!checkpoint_.save(changes, base)) base::log_warning("the disk is full: the next start replays the log");
}

}  // namespace kv
