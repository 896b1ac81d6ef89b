#pragma once
// kvd: the parts of a member put together around an event loop. The order of the members is the order in which they are
// built and, backwards, taken down.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "base/tls.h"
#include "base/url.h"
#include "kv/checkpoint.h"
#include "kv/checkpointer.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/http_api.h"
#include "kv/kvd_options.h"
#include "kv/peer_transport.h"
#include "kv/raft_engine.h"
#include "kv/replica.h"
#include "kv/wal_journal.h"

namespace kv {

class Daemon {
 public:
  // Opens the data, or makes it, and brings the state to where the log is known to be committed. Throws base::Error.
  explicit Daemon(KvdOptions options);
  ~Daemon();

  // Serves until SIGTERM or SIGINT; returns the exit code.
  int run();

 private:
  Wal open_log();
  PeerTransport::Callbacks transport_callbacks();
  void fail(const std::string& reason);
  void guarded(const std::function<void()>& work);
  void wake_at(base::Clock::Time time);
  void members_changed();
  bool is_gone(std::uint64_t member) const;
  void end_when_removed();
  void let_removed_go();
  void announce_member();
  void announce_next();
  void peers_first();
  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);
  void listen_for_peers();
  void listen();
  void listen_on(base::HttpServer& server, const base::Url& url, const std::shared_ptr<base::TlsContexts>& tls);
  void tick();
  void save_checkpoint();
  void take_changes();
  void shut_down();

  KvdOptions options_;
  DataDir data_dir_;
  std::shared_ptr<base::TlsContexts> client_tls_;  // null: nothing is encrypted
  std::shared_ptr<base::TlsContexts> peer_tls_;
  base::EventLoop loop_;
  FileStorage log_storage_;
  Wal log_;
  WalJournal journal_;
  Checkpoint checkpoint_;
  Store store_;
  Replica replica_;
  RaftEngine engine_;
  Checkpointer checkpointer_;
  HttpApi api_;
  base::HttpServer server_;
  base::HttpServer metrics_server_;
  base::HttpServer peer_server_;
  PeerTransport transport_;
  std::shared_ptr<base::EventLoop::Timer> tick_timer_;
  std::shared_ptr<base::EventLoop::Timer> engine_timer_;
  base::Clock::Time engine_timer_end_{};
  base::Clock::Time engine_wake_ = base::Clock::Time::max();
  std::shared_ptr<base::EventLoop::Timer> announce_timer_;
  std::uint64_t taken_index_ = 0;  // of the log: what the checkpointer was given reaches so far
  base::Clock::Time last_save_{};
  bool serving_ = false;
  std::vector<Member> peers_;                       // whom the transport talks to
  std::optional<base::Clock::Time> removed_since_;  // when this member learnt that it is one no more
  std::string failure_;
};

}  // namespace kv
