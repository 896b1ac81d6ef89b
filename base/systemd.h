#pragma once
// systemd's manager over D-Bus (org.freedesktop.systemd1(5)). An interface, so that the scheduler and bootstrap run
// against a fake in tests. Blocking; one object a thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unit_property.h"

namespace base {

struct UnitStatus {
  std::string name;
  std::string description;
  std::string load_state;    // loaded, not-found, masked, …
  std::string active_state;  // active, inactive, failed, activating, …
  std::string sub_state;     // running, dead, …
};

// A command line of a unit: the file to execute, and argv.
struct UnitCommand {
  std::string file;  // absolute
  std::vector<std::string> arguments;
};

// A service that exists in systemd's memory alone, and goes when it has ended (systemd.service(5), systemd.kill(5)).
struct TransientService {
  std::string name;
  std::string slice;
  std::string description;
  std::string type = "simple";
  std::string pid_file = {};  // of a "forking" one
  std::vector<UnitCommand> start = {};
  std::vector<UnitCommand> start_post = {};  // once the main process is known; the start is done when they are
  std::vector<UnitCommand> stop_post = {};
  std::string log_identifier = {};
  bool delegate = false;      // its cgroup is the service's own to divide
  unsigned stored_files = 0;  // descriptors that systemd keeps for it while it runs (FDSTORE of sd_notify(3))
  std::string restart = "no";
  bool restart_after_success = true;  // false: an exit code of 0 is the end
  std::chrono::milliseconds restart_delay{100};
  unsigned starts = 0;  // most starts, the first one included; 0: no bound
  int kill_signal = 15;
  std::string kill_mode = "control-group";
  std::chrono::milliseconds stop_timeout{90000};
  std::optional<int> log_level_max = {};  // syslog's; what systemd says about the unit counts, too
};

// A timer that starts a service again and again (systemd.timer(5)); both exist in systemd's memory alone.
struct TransientTimer {
  std::string name;  // "web.timer", and the service is "web.service"
  std::string description;
  std::chrono::milliseconds first{0};     // from the timer's start to the service's
  std::chrono::milliseconds interval{0};  // from the service's end to its next start
  TransientService service;
};

class Systemd {
 public:
  virtual ~Systemd() = default;

  // A unit that systemd has not loaded has load_state "not-found", active "inactive", sub "dead".
  virtual UnitStatus status(const std::string& unit) = 0;
  // Loaded units whose names match one of the globs; all when there are none.
  virtual std::vector<UnitStatus> list_units(const std::vector<std::string>& patterns) = 0;
  // One property of a unit as text (strings, numbers, booleans "true"/"false"); nothing when it has no such property.
  // `interface` is the last part: "Unit", "Service", "Scope", …
  virtual std::optional<std::string> property(const std::string& unit, const std::string& interface,
                                              const std::string& name) = 0;

  // Jobs, mode "replace". They wait until the job has ended and return its result ("done", "failed", "timeout", …);
  // with a zero `timeout` they return "queued" at once. Throw Error when systemd refuses.
  virtual std::string start(const std::string& unit, std::chrono::milliseconds timeout) = 0;
  virtual std::string stop(const std::string& unit, std::chrono::milliseconds timeout) = 0;
  virtual std::string restart(const std::string& unit, std::chrono::milliseconds timeout) = 0;
  // Any of start stop restart reload try-restart reload-or-restart reload-or-try-restart.
  virtual std::string job(const std::string& verb, const std::string& unit, std::chrono::milliseconds timeout) = 0;
  virtual void reset_failed(const std::string& unit) = 0;  // a unit that is not loaded is fine

  virtual void reload() = 0;  // daemon-reload
  // Names or paths of unit files; `runtime` puts the links below /run.
  virtual void enable(const std::vector<std::string>& files, bool runtime) = 0;
  virtual void disable(const std::vector<std::string>& names, bool runtime) = 0;
  virtual void link(const std::vector<std::string>& paths, bool runtime) = 0;
  virtual void mask(const std::vector<std::string>& names, bool runtime) = 0;
  virtual void unmask(const std::vector<std::string>& names, bool runtime) = 0;

  // Makes a scope with Delegate=yes around processes and returns its cgroup's path (relative to the cgroup root).
  // Throws Error when systemd refuses, also when a unit of the name exists.
  virtual std::string start_scope(const ScopeRequest& scope) = 0;
  // Changes properties of a loaded unit until it ends.
  virtual void set_properties(const std::string& unit, const std::vector<UnitProperty>& properties) = 0;

  // Makes and starts it; returns the start job's result as start() does. Throws Error when systemd refuses, also when a
  // unit of the name exists.
  virtual std::string start_service(const TransientService& service, std::chrono::milliseconds timeout) = 0;

  // Makes and starts the timer. Throws Error when systemd refuses, also when a unit of one of the names exists.
  virtual void start_timer(const TransientTimer& timer) = 0;

  // "running", "degraded", "starting", …
  virtual std::string system_state() = 0;
};

// The system bus, or systemd's private socket when there is no bus daemon and we are root. Throws Error when there is
// no systemd.
std::unique_ptr<Systemd> connect_systemd();

}  // namespace base
