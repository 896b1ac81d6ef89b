// Where `clusterctl status` gets its facts. Each source may be missing (a plain Linux machine has no slots, a container
// no systemd): then its error is the fact.

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/http_client.h"
#include "base/machine.h"
#include "base/systemd.h"
#include "base/text.h"
#include "base/version.h"
#include "clusterctl/status.h"
#include "kv/client/client.h"
#include "updater/health.h"

namespace clusterctl {
namespace {

template <typename Function>
std::string or_empty(Function function) {
  try {
    return function();
  } catch (const base::Error&) {
    return "";
  }
}

std::chrono::seconds uptime() {
  const std::string text = or_empty([] { return base::read_file("/proc/uptime"); });
  const auto seconds = base::parse_unsigned(text.substr(0, text.find('.')));
  return std::chrono::seconds(seconds.value_or(0));
}

// GET /health of the first endpoint that answers.
StoreFacts ask_store(const std::string& endpoints, std::chrono::milliseconds timeout) {
  StoreFacts facts;
  facts.endpoints = endpoints;
  for (const std::string& endpoint : base::split(endpoints, ',')) {
    try {
      base::HttpClientOptions options;
      options.connect_timeout = timeout;
      options.io_timeout = timeout;
      base::HttpClient client(options);
      const auto begin = std::chrono::steady_clock::now();
      base::HttpRequest request;
      request.target = "/health";
      const base::HttpResponse response = client.request(base::parse_url(base::trim(endpoint)), request);
      facts.latency = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
      if (response.status == 200) {
        facts.healthy = true;
        facts.error.clear();
        return facts;
      }
      facts.error = std::format("{} answers {} {}", endpoint, response.status, base::http_reason(response.status));
    } catch (const base::Error& error) {
      facts.error = error.what();
    }
  }
  return facts;
}

void ask_systemd(Facts& facts) {
  try {
    const auto systemd = base::connect_systemd();
    facts.system_state = systemd->system_state();
    for (const std::string_view name : updater::our_units()) {
      const base::UnitStatus status = systemd->status(std::string(name));
      UnitFacts unit{status.name,
                     status.load_state,
                     status.active_state,
                     status.sub_state,
                     0,
                     updater::unit_problem(*systemd, status)};
      if (status.load_state == "not-found") unit.problem = unit.name + " is not installed";
      if (status.load_state == "loaded") {
        const auto pid =
            base::parse_unsigned(systemd->property(unit.name, "Service", "MainPID").value_or("0")).value_or(0);
        if (pid > 0) unit.memory = base::resident_bytes(static_cast<int>(pid));
      }
      facts.units.push_back(unit);
    }
    for (const base::UnitStatus& unit : systemd->list_units({})) {
      if (unit.active_state == "failed") facts.failed.push_back(unit.name);
    }
  } catch (const base::Error& error) {
    facts.systemd_error = error.what();
  }
}

// Units whose target is this machine, with the state that it reported last (fleet's keys, docs/scheduler.md).
void ask_scheduler(Facts& facts, kv::Client& store) {
  const std::string prefix = "/_coreos.com/fleet/";
  for (const kv::Node& node : store.list(prefix + "job").nodes) {
    const std::vector<std::string> parts = base::split(node.key, '/');  // "", _coreos.com, fleet, job, NAME, target
    if (parts.size() != 6 || parts[5] != "target" || node.value != facts.machine_id) continue;
    ScheduledFacts unit{parts[4], "", ""};
    if (const auto state = store.get(std::format("{}states/{}/{}", prefix, unit.name, facts.machine_id))) {
      const base::Json json = base::parse_json(state->value, state->key);
      unit.active_state = base::json_string(json, "activeState");
      unit.sub_state = base::json_string(json, "subState");
    }
    facts.scheduled.push_back(unit);
  }
}

}  // namespace

Facts gather(const std::string& endpoints, std::chrono::milliseconds timeout) {
  Facts facts;
  facts.version = base::version();
  facts.host = or_empty(base::host_name);
  facts.machine_id = or_empty(base::machine_id);
  facts.address = or_empty(base::primary_address);
  facts.system = or_empty([] {
    const auto values = base::os_release();
    const auto found = values.find("PRETTY_NAME");
    return found == values.end() ? std::string() : found->second;
  });
  facts.uptime = uptime();
  facts.store = ask_store(endpoints, timeout);
  ask_systemd(facts);

  if (!facts.store.healthy) {
    facts.scheduled_error = "the store does not answer";
  } else {
    try {
      ask_scheduler(facts, *kv::connect(endpoints, timeout));
    } catch (const base::Error& error) {
      facts.scheduled_error = error.what();
    }
  }

  try {
    facts.disk = updater::inspect("/");
  } catch (const base::Error& error) {
    facts.disk_error = error.what();
  }
  return facts;
}

int run_status(const base::Invocation& invocation) {
  const std::chrono::seconds timeout(invocation.number("timeout", 1, 300));
  const Facts facts = gather(invocation.get("endpoints"), timeout);
  const std::vector<std::string> wrong = problems(facts);
  const std::string text =
      invocation.flag("json") ? base::to_text(to_json(facts, wrong), 2) + "\n" : to_screen(facts, wrong);
  std::fputs(text.c_str(), stdout);
  return wrong.empty() ? 0 : 1;
}

}  // namespace clusterctl
