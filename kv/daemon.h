#pragma once
// kvd: the parts of a member put together around an event loop. The order of the members is the order in which they are
// built and, backwards, taken down.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/http_server.h"
#include "base/url.h"
#include "kv/checkpoint.h"
#include "kv/checkpointer.h"
#include "kv/data_dir.h"
#include "kv/file_storage.h"
#include "kv/http_api.h"
#include "kv/raft_engine.h"
#include "kv/replica.h"
#include "kv/wal_journal.h"

namespace kv {

struct DaemonOptions {
  std::string name;
  std::string data_dir;
  std::vector<base::Url> listen_client_urls;
  std::vector<std::string> advertise_client_urls;
  HttpApiOptions api = {};
};

class Daemon {
 public:
  // Opens the data and brings the state to where the log ends. Throws base::Error.
  explicit Daemon(DaemonOptions options);
  ~Daemon();

  // Serves until SIGTERM or SIGINT; returns the exit code.
  int run();

 private:
  Wal open_log();
  void announce_member();
  void fail(const std::string& reason);
  void wake_at(base::Clock::Time time);
  void listen();
  void tick();
  void save_checkpoint();
  void shut_down();

  DaemonOptions options_;
  DataDir data_dir_;
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
  std::shared_ptr<base::EventLoop::Timer> tick_timer_;
  std::shared_ptr<base::EventLoop::Timer> engine_timer_;
  std::uint64_t saved_index_ = 0;  // the log's index in the last checkpoint
  base::Clock::Time last_save_{};
  std::string failure_;
};

}  // namespace kv
