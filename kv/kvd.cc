#include "kv/kvd.h"

#include <sys/resource.h>

#include "base/error.h"
#include "base/machine.h"
#include "base/text.h"
#include "kv/daemon.h"

namespace kv {

namespace {

// A URL to listen on: plain HTTP, an IP address or "localhost", no path.
base::Url listen_url(const std::string& text) {
  base::Url url = base::parse_url(text);
  if (url.scheme != "http") throw base::UsageError("--listen-client-urls: '" + text + "': only http:// is allowed");
  if (url.path != "/" || !url.user_info.empty()) {
    throw base::UsageError("--listen-client-urls: '" + text + "': only scheme, address and port are allowed");
  }
  if (url.host == "localhost") url.host = "127.0.0.1";
  return url;
}

// What other machines can reach: a wildcard address becomes the machine's own.
std::string advertised(base::Url url) {
  if (url.host == "0.0.0.0" || url.host == "::") url.host = base::primary_address();
  return url.origin();
}

DaemonOptions read_options(const base::Invocation& invocation) {
  DaemonOptions options;
  options.name = invocation.get("name");
  options.data_dir = invocation.get("data-dir");
  options.api.name = options.name;
  options.api.cors = base::split(invocation.get("cors"), ',');
  options.api.discovery_service_url = invocation.get("discovery-service");
  for (const std::string& text : base::split(invocation.get("listen-client-urls"), ',')) {
    options.listen_client_urls.push_back(listen_url(text));
  }
  if (invocation.given("advertise-client-urls")) {
    for (const std::string& text : base::split(invocation.get("advertise-client-urls"), ',')) {
      options.advertise_client_urls.push_back(base::parse_url(text).origin());
    }
  } else {
    for (const base::Url& url : options.listen_client_urls) options.advertise_client_urls.push_back(advertised(url));
  }
  return options;
}

// Every watch holds a connection.
void raise_descriptor_limit() {
  rlimit limit{};
  base::check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  base::check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int run_kvd(const base::Invocation& invocation) {
  DaemonOptions options = read_options(invocation);
  raise_descriptor_limit();
  Daemon daemon(std::move(options));
  return daemon.run();
}

}  // namespace

base::Applet kvd_applet() {
  base::Applet applet;
  applet.name = "kvd";
  applet.aliases = {"etcd"};
  applet.summary = "the configuration store: etcd's v2 API over a durable, ordered log";
  applet.description =
      "Keeps keys in directories, with TTLs, conditions and watches, and answers etcd's v2 HTTP API. A write is "
      "answered when it is on the disk.";
  applet.options = {
      {.name = "name", .value = "NAME", .help = "name of this member", .fallback = "default"},
      {.name = "data-dir",
       .value = "DIR",
       .help = "directory of this member's data, used by one process at a time",
       .fallback = "/var/lib/clusteros/kv"},
      {.name = "listen-client-urls",
       .value = "URLS",
       .help = "comma-separated http:// URLs to answer clients on",
       .fallback = "http://127.0.0.1:2379"},
      {.name = "advertise-client-urls",
       .value = "URLS",
       .help = "comma-separated URLs that clients are told to use; default: those it listens on"},
      {.name = "cors",
       .value = "ORIGINS",
       .help = "comma-separated origins of web pages that may use the store",
       .fallback = "*"},
      {.name = "discovery-service",
       .value = "URL",
       .help = "be a discovery service for new clusters, whose URLs begin with this one"},
  };
  applet.run = run_kvd;
  applet.single_dash_long = true;
  return applet;
}

}  // namespace kv
