#include "discovery/commands.h"

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/table.h"
#include "base/text.h"
#include "discovery/probe.h"
#include "discovery/service.h"
#include "kv/client/client.h"

namespace discovery {
namespace {

void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
}

Name name_argument(const base::Invocation& invocation) {
  const auto domain = parse_name(invocation.get("domain"));
  if (!domain || domain->empty()) {
    throw base::UsageError(std::format("option '--domain': '{}' is no domain name", invocation.get("domain")));
  }
  const std::string& text = invocation.arguments.front();
  auto name = parse_name(text);
  if (name && !is_within(*name, *domain)) {
    name->insert(name->end(), domain->begin(), domain->end());
    if (wire_size(*name) > kMaxName) name.reset();
  }
  if (!name) {
    throw base::UsageError(
        std::format("'{}' is no domain name (labels of 1 to {} characters, {} in all)", text, kMaxLabel, kMaxName));
  }
  return lower(*name);
}

std::string prefix_of(const base::Invocation& invocation) {
  const std::string& text = invocation.get("path-prefix");
  return text.starts_with('/') ? text.substr(1) : text;
}

std::string key_argument(const base::Invocation& invocation) {
  const auto key = key_of(name_argument(invocation), prefix_of(invocation));
  if (!key) throw base::UsageError(std::format("'{}': a label must not contain '/'", invocation.arguments.front()));
  return *key;
}

std::string number_or_dash(std::uint64_t number) {
  return number == 0 ? "-" : std::to_string(number);
}

}  // namespace

int run_list(const base::Invocation& invocation) {
  const std::string prefix = prefix_of(invocation);
  const std::string below = invocation.arguments.empty() ? "/" + prefix : key_argument(invocation);
  const auto store = kv::connect(invocation.get("endpoints"));
  std::vector<kv::Node> nodes = store->list(below).nodes;

  base::Table table;
  table.add_row({"NAME", "HOST", "PORT", "PRIORITY", "WEIGHT", "TTL", "LEASE", "TEXT"});
  base::Json all = base::Json::array();
  bool every_one_is_valid = true;
  for (const kv::Node& node : nodes) {
    const auto name = name_of(node.key, prefix);
    if (node.directory || !name) continue;
    try {
      const Service s = parse_service(node.value, node.key);
      const std::uint64_t lease =
          node.ttl ? static_cast<std::uint64_t>(std::max<std::int64_t>(node.ttl->count(), 0)) : 0;
      table.add_row({to_text(*name), s.host_text.empty() ? "-" : s.host_text, number_or_dash(s.port),
                     number_or_dash(s.priority), number_or_dash(s.weight), number_or_dash(s.ttl), number_or_dash(lease),
                     s.text});
      base::Json entry{{"name", to_text(*name)}, {"key", node.key}};
      entry.update(to_json(s));
      if (lease > 0) entry["lease"] = lease;
      all.push_back(std::move(entry));
    } catch (const base::Error& error) {
      std::fputs(std::format("{}: {}\n", invocation.program, error.what()).c_str(), stderr);
      every_one_is_valid = false;
    }
  }
  print(invocation.flag("json") ? base::to_text(all, 2) + "\n" : table.text());
  return every_one_is_valid ? 0 : 1;
}

int run_put(const base::Invocation& invocation) {
  const std::string key = key_argument(invocation);
  Service service;
  service.host_text = invocation.arguments.at(1);
  const auto host = parse_host(service.host_text);
  if (!host || std::holds_alternative<std::monostate>(*host)) {
    throw base::UsageError(std::format("host '{}' is neither an address nor a name", service.host_text));
  }
  if (invocation.arguments.size() > 2) {
    const auto port = base::parse_unsigned(invocation.arguments[2]);
    if (!port || *port == 0 || *port > UINT16_MAX) {
      throw base::UsageError(std::format("port '{}' is not a number from 1 to 65535", invocation.arguments[2]));
    }
    service.port = static_cast<std::uint16_t>(*port);
  }
  service.ttl = static_cast<std::uint32_t>(invocation.number("ttl", 0, INT32_MAX));
  service.priority = static_cast<std::uint16_t>(invocation.number("priority", 0, UINT16_MAX));
  service.weight = static_cast<std::uint16_t>(invocation.number("weight", 0, UINT16_MAX));
  service.text = invocation.get("text");
  service.group = invocation.get("group");
  service.mail = invocation.flag("mail");
  const std::uint64_t lease = invocation.number("lease", 0, INT32_MAX);
  kv::PutOptions options;
  if (lease > 0) options.ttl = std::chrono::seconds(lease);

  const std::string value = base::to_text(to_json(service));
  parse_service(value, key);  // what the server would refuse is not written
  const auto store = kv::connect(invocation.get("endpoints"));
  store->put(key, value, options);
  print(std::format("{} {}\n", key, value));
  return 0;
}

int run_rm(const base::Invocation& invocation) {
  const std::string key = key_argument(invocation);
  const auto store = kv::connect(invocation.get("endpoints"));
  if (!store->remove(key, invocation.flag("recursive"))) throw base::Error("remove", key, "there is no such record");
  return 0;
}

int run_status(const base::Invocation& invocation) {
  const ServerStatus status = probe(invocation.get("server"), std::chrono::seconds(2));
  base::Table table;
  table.add_row({"Server", std::format("{} ({:.1f} ms)", invocation.get("server"),
                                       static_cast<double>(status.latency.count()) / 1000.0)});
  table.add_row({"Version", status.version});
  for (const auto& [name, value] : status.facts) {
    if (name == "records") table.add_row({"Records", value});
    if (name == "index") table.add_row({"Index", value});
    if (name == "store") table.add_row({"Store", value});
  }
  print(table.text());
  const auto is = [&](const char* name, const char* value) {
    const auto found = status.facts.find(name);
    return found != status.facts.end() && found->second == value;
  };
  return is("synced", "yes") && is("store", "connected") ? 0 : 1;
}

}  // namespace discovery
