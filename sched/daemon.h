#pragma once
// schedd: agent, engine, presence and watch of one machine, each on a thread with a connection of its own, so that a
// slow systemd does not cost the machine its presence and a slow store does not hold up systemd.

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/applet.h"
#include "sched/model.h"

namespace sched {

struct DaemonOptions {
  std::string endpoints;
  std::string prefix;
  Machine machine;  // who we are
  std::string units_directory;
  std::chrono::seconds agent_ttl{30};
  std::chrono::milliseconds engine_interval{2000};
  std::chrono::milliseconds request_timeout{5000};
  bool engine = true;
};

// "disk=ssd,region=us-east". Throws base::UsageError.
std::map<std::string, std::string> parse_metadata(std::string_view text);
// From the command line and the environment. Throws base::UsageError.
DaemonOptions read_daemon_options(const base::Invocation& invocation);

class Daemon {
 public:
  explicit Daemon(DaemonOptions options);  // starts everything
  ~Daemon();                               // stops it; units go on running
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::string status() const;  // one line for systemctl status

 private:
  struct State;
  std::unique_ptr<State> state_;
};

int run_schedd(const base::Invocation& invocation);

}  // namespace sched
