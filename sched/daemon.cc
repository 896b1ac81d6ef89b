#include "sched/daemon.h"

#include <atomic>
#include <format>

#include "base/clock.h"
#include "base/error.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/notify.h"
#include "base/systemd.h"
#include "base/version.h"
#include "kv/client/client.h"
#include "sched/agent.h"
#include "sched/engine.h"
#include "sched/publisher.h"
#include "sched/registry.h"
#include "sched/worker.h"

namespace sched {
namespace {

using std::chrono::milliseconds;
using Time = base::Clock::Time;

constexpr milliseconds kAgentInterval{5000};  // a full look at store and systemd
constexpr milliseconds kStateInterval{1000};  // a look at systemd alone
constexpr milliseconds kBusyInterval{100};    // the same while units are on their way
constexpr milliseconds kBusyTime{3000};       // how long after a change that is
constexpr milliseconds kPendingRetry{500};

// A connection to the store with the registry on it.
struct Connection {
  explicit Connection(const DaemonOptions& options)
      : client(kv::connect(options.endpoints, options.request_timeout)), registry(*client, options.prefix) {}
  std::unique_ptr<kv::Client> client;
  Registry registry;
};

// Whether a change of this key, relative to the prefix, changes what is to be run or where.
bool matters(std::string_view key) {
  if (key.starts_with("machines/")) return true;
  return key.starts_with("job/") && !key.ends_with("/job-state");
}

}  // namespace

// The threads' work. Each of the four parts touches only its own members; `engine_leads` and the workers are shared.
struct Daemon::State {
  explicit State(DaemonOptions daemon_options)
      : options(std::move(daemon_options)),
        directory(options.units_directory),
        agent_store(options),
        engine_store(options),
        presence_store(options),
        watch_store(options),
        publisher(agent_store.registry, options.machine.id, options.agent_ttl, clock),
        lease(*engine_store.client, engine_store.registry.key("lease/engine-leader"), options.machine.id, lease_ttl(),
              clock),
        engine(engine_store.registry, lease, clock) {}

  std::chrono::seconds lease_ttl() const {
    return std::max(std::chrono::seconds(2), std::chrono::ceil<std::chrono::seconds>(options.engine_interval * 5));
  }

  // A connection to systemd that has failed is made anew.
  template <typename Question>
  auto ask_systemd(Question question) {
    try {
      return question();
    } catch (const base::Error&) {
      agent.reset();
      systemd.reset();
      throw;
    }
  }

  milliseconds agent_round(bool woken) {
    if (!systemd) {
      systemd = base::connect_systemd();
      agent.emplace(*systemd, directory, options.machine.id);
    }
    const auto now = clock.now();
    auto wait = kStateInterval;
    if (woken || now >= next_reconcile) {
      next_reconcile = now + milliseconds(1000);  // unless this round ends well
      wait = std::min(wait, reconcile(now));
    }
    const auto states = ask_systemd([&] { return agent->states(); });
    if (states != last_states) busy_until = now + kBusyTime;
    last_states = states;
    publisher.publish(states, agent->launched());
    units_here = states.size();
    return now < busy_until ? std::min(wait, kBusyInterval) : wait;
  }

  milliseconds reconcile(Time now) {
    const auto units = agent_store.registry.units();
    auto machine = options.machine;
    for (const auto& alive : agent_store.registry.machines()) {
      if (alive.id == machine.id) machine.metadata = alive.metadata;
    }
    std::map<std::string, DesiredUnit> desired;
    for (const auto* unit : units_for(machine, units)) desired[unit->name] = {unit->hash, unit->file, unit->desired};
    const auto result = ask_systemd([&] { return agent->reconcile(desired); });
    if (result == Agent::Result::kPending) {
      next_reconcile = now + kPendingRetry;
      return kPendingRetry;
    }
    next_reconcile = clock.now() + (result == Agent::Result::kDone ? kAgentInterval : milliseconds(2000));
    return kStateInterval;
  }

  milliseconds engine_round() {
    try {
      engine.run();
    } catch (const base::Error&) {
      engine_leads = false;
      throw;
    }
    engine_leads = engine.leads();
    return options.engine_interval;
  }

  milliseconds presence_round() {
    const auto ttl = options.agent_ttl;
    if (!registered || !presence_store.registry.refresh_machine(options.machine, ttl)) {
      registered = false;
      if (!presence_store.registry.register_machine(options.machine, ttl))
        throw base::Error("register", "machine " + options.machine.id,
                          "another machine with this id and another address is alive; every machine needs an "
                          "/etc/machine-id of its own");
      registered = true;
      base::log_info("registered machine {} with address {}", options.machine.id, options.machine.public_ip);
    }
    return ttl / 3;
  }

  // Blocks in the watch until it breaks.
  milliseconds watch_round() {
    const auto root = watch_store.registry.key("");
    const auto path = root.substr(0, root.size() - 1);
    try {
      const auto index = watch_store.client->list(watch_store.registry.key("lease")).index;
      wake_all();  // for whatever happened while nobody watched
      watch_store.client->watch(path, index + 1, [&](const kv::Event& event) {
        if (event.node.key.size() < root.size() || matters(std::string_view(event.node.key).substr(root.size())))
          wake_all();
        return true;
      });
    } catch (const kv::Compacted&) {
      return milliseconds(0);
    }
    return milliseconds(0);
  }

  void wake_all() {
    agent_worker->wake();
    if (engine_worker) engine_worker->wake();
  }

  void start() {
    presence_worker = std::make_unique<Worker>(
        "presence", [this](bool) { return presence_round(); }, [this] { presence_store.client->cancel(); });
    agent_worker = std::make_unique<Worker>(
        "agent", [this](bool woken) { return agent_round(woken); }, [this] { agent_store.client->cancel(); });
    if (options.engine)
      engine_worker = std::make_unique<Worker>(
          "engine", [this](bool) { return engine_round(); }, [this] { engine_store.client->cancel(); });
    watch_worker = std::make_unique<Worker>(
        "watch", [this](bool) { return watch_round(); }, [this] { watch_store.client->cancel(); });
  }

  // Units keep running, their records and the machine's key run out by themselves unless we are back before.
  void stop() {
    watch_worker.reset();
    if (engine_worker) engine_worker->stop();
    agent_worker->stop();
    presence_worker->stop();
    if (engine_leads) release_lease();
  }

  void release_lease() {
    try {
      auto short_patience = options;
      short_patience.request_timeout = milliseconds(1000);
      const Connection connection(short_patience);
      Lease last(*connection.client, connection.registry.key("lease/engine-leader"), options.machine.id, lease_ttl(),
                 clock);
      if (last.hold()) last.release();
    } catch (const base::Error& error) {
      base::log_warning("cannot give up the engine's lease, it runs out by itself: {}", error.what());
    }
  }

  DaemonOptions options;
  base::Clock& clock = base::system_clock();
  UnitDirectory directory;
  Connection agent_store, engine_store, presence_store, watch_store;

  std::unique_ptr<base::Systemd> systemd;  // agent's thread
  std::optional<Agent> agent;
  Publisher publisher;
  Time next_reconcile{};
  Time busy_until{};
  std::vector<UnitState> last_states;

  Lease lease;  // engine's thread
  Engine engine;

  bool registered = false;  // presence's thread

  std::atomic<bool> engine_leads = false;
  std::atomic<std::size_t> units_here = 0;
  std::unique_ptr<Worker> presence_worker, agent_worker, engine_worker, watch_worker;
};

Daemon::Daemon(DaemonOptions options) : state_(std::make_unique<State>(std::move(options))) {
  state_->start();
}
Daemon::~Daemon() {
  state_->stop();
}

std::string Daemon::status() const {
  for (const auto* worker : {state_->agent_worker.get(), state_->presence_worker.get()}) {
    if (const auto problem = worker->problem(); !problem.empty()) return "waiting: " + problem;
  }
  return std::format("{} units here{}", state_->units_here.load(), state_->engine_leads ? ", leading" : "");
}

int run_schedd(const base::Invocation& invocation) {
  auto options = read_daemon_options(invocation);
  if (invocation.flag("verbose")) base::set_log_level(base::LogLevel::kDebug);
  options.machine.id = base::machine_id();
  if (options.machine.public_ip.empty()) options.machine.public_ip = base::primary_address();
  base::log_info("schedd {}: machine {}, address {}, store {}", base::version(), options.machine.id,
                 options.machine.public_ip, options.endpoints);
  base::EventLoop loop;
  Daemon daemon(std::move(options));
  std::string last;
  const auto timer = loop.every(milliseconds(1000), [&] {
    if (auto status = daemon.status(); status != last) {
      base::notify_status(status);
      last = std::move(status);
    }
  });
  loop.run_as_daemon("started");
  base::notify_stopping();
  return 0;
}

}  // namespace sched
