#pragma once
// kvd: the parts of a member put together around an event loop. The order of the members is the order in which they are
// built and, backwards, taken down.

#include <memory>
#include <string>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "base/tls.h"
#include "kv/bootstrap_cluster.h"
#include "kv/checkpoint.h"
#include "kv/checkpointer.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/http_api.h"
#include "kv/kvd_options.h"
#include "kv/raft_engine.h"
#include "kv/replica.h"
#include "kv/wal_journal.h"

namespace kv {

class Daemon {
 public:
  // Opens the data and brings the state to where the log ends. Throws base::Error.
  explicit Daemon(KvdOptions options);
  ~Daemon();

  // Serves until SIGTERM or SIGINT; returns the exit code.
  int run();

 private:
  ClusterPlan plan();
  Wal open_log();
  void announce_member();
  void handle(const base::HttpRequest& request, const std::shared_ptr<base::HttpReply>& reply);
  void fail(const std::string& reason);
  void wake_at(base::Clock::Time time);
  void listen();
  void listen_on(base::HttpServer& server, const base::Url& url);
  void tick();
  void save_checkpoint();
  void shut_down();

  KvdOptions options_;
  DataDir data_dir_;
  std::shared_ptr<base::TlsContexts> client_tls_;  // null: nothing is encrypted
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
  std::shared_ptr<base::EventLoop::Timer> tick_timer_;
  std::shared_ptr<base::EventLoop::Timer> engine_timer_;
  std::uint64_t saved_index_ = 0;  // the log's index in the last checkpoint
  base::Clock::Time last_save_{};
  std::string failure_;
};

}  // namespace kv
