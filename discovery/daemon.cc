#include "discovery/daemon.h"

#include <format>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "discovery/feed.h"
#include "discovery/server.h"

namespace discovery {
namespace {

constexpr std::uint64_t kMaxTtl = INT32_MAX;  // RFC 2181, 8

struct DaemonOptions {
  std::vector<std::string> listen;
  std::string endpoints;
  std::string prefix;
  AnswererOptions answerer;
};

Name domain_option(std::string_view option, const std::string& text) {
  const auto name = parse_name(text);
  if (!name || name->empty()) {
    throw base::UsageError(std::format("option '--{}': '{}' is no domain name", option, text));
  }
  return lower(*name);
}

std::string prefix_option(const std::string& text) {
  const std::string_view prefix = std::string_view(text).substr(text.starts_with('/') ? 1 : 0);
  if (prefix.empty() || prefix.front() == '/' || prefix.back() == '/') {
    throw base::UsageError(std::format("option '--path-prefix': '{}' is no key, such as 'skydns'", text));
  }
  return std::string(prefix);
}

int serve(const DaemonOptions& options) {
  base::EventLoop loop;
  Snapshot snapshot;
  const Answerer answerer(options.answerer, base::system_clock(), base::system_random());
  Responder responder(answerer, snapshot);
  Server server(loop, {},
                [&](std::string_view message, Transport transport) { return responder.respond(message, transport); });
  for (const std::string& address : options.listen) server.listen(address);
  const Feed feed(kv::connect(options.endpoints), options.prefix, snapshot,
                  [&](std::function<void()> work) { loop.post(std::move(work)); });
  const std::string what =
      std::format("answering for {} on {}", to_text(options.answerer.domain), base::join(options.listen, ", "));
  base::log_info("{}", what);
  loop.run_as_daemon(what);
  base::log_info("ended after {} messages, {} of them malformed", responder.statistics().queries,
                 responder.statistics().malformed);
  return 0;
}

}  // namespace

int run_discoveryd(const base::Invocation& invocation) {
  DaemonOptions options;
  options.listen = invocation.get_all("listen");
  options.endpoints = invocation.get("endpoints");
  options.prefix = prefix_option(invocation.get("path-prefix"));
  options.answerer.domain = domain_option("domain", invocation.get("domain"));
  options.answerer.ttl = static_cast<std::uint32_t>(invocation.number("ttl", 1, kMaxTtl));
  options.answerer.negative_ttl = static_cast<std::uint32_t>(invocation.number("min-ttl", 0, kMaxTtl));
  if (invocation.given("local")) options.answerer.local = domain_option("local", invocation.get("local"));
  return serve(options);
}

int run_skydns(const base::Invocation& invocation) {
  DaemonOptions options;
  options.listen = {invocation.get("addr")};
  options.endpoints = invocation.get("machines");
  options.prefix = prefix_option(invocation.get("path-prefix"));
  options.answerer.domain = domain_option("domain", invocation.get("domain"));
  if (invocation.given("local")) options.answerer.local = domain_option("local", invocation.get("local"));
  return serve(options);
}

}  // namespace discovery
