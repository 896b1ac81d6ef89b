// The command line and the environment go before confd.toml, which goes before the defaults.

#include "discovery/confd/settings.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include "base/error.h"
#include "discovery/confd/daemon.h"

using namespace discovery::confd;

namespace {

Settings resolve(const std::vector<std::string>& arguments, const std::optional<std::string>& config = {}) {
  ::unsetenv("CLUSTEROS_ENDPOINTS");
  return resolve_settings(base::parse_invocation(applet(), "confd", arguments), config, "confd.toml");
}

}  // namespace

TEST_CASE("defaults") {
  const Settings settings = resolve({});
  CHECK(settings.folder == "/etc/confd");
  CHECK(settings.endpoints == "http://127.0.0.1:2379");
  CHECK(settings.interval == std::chrono::seconds(600));
  CHECK_FALSE(settings.watch);
}

TEST_CASE("confd's command line") {
  const Settings settings = resolve({"-onetime", "-backend", "etcdv3", "-node", "10.0.0.1:2379", "-node=https://b:2379",
                                     "-interval=5", "-prefix", "/p", "-noop", "-sync-only", "-keep-stage-file",
                                     "-watch", "-confdir=/c", "-log-level", "debug"});
  CHECK(settings.onetime);
  CHECK(settings.endpoints == "http://10.0.0.1:2379,https://b:2379");
  CHECK(settings.interval == std::chrono::seconds(5));
  CHECK(settings.log_level == base::LogLevel::kDebug);
  CHECK(settings.keep_stage_file);
}

TEST_CASE("the file, and what overrides it") {
  const std::string config =
      "backend = \"etcdv3\"\nconfdir = \"/c\"\ninterval = 7\nlog-level = \"warn\"\nnodes = [\"http://a:1\", \"b:2\"]\n"
      "noop = true\nprefix = \"/p\"\nsync-only = true\nwatch = true\n";
  Settings settings = resolve({}, config);
  CHECK(settings.folder == "/c");
  CHECK(settings.interval == std::chrono::seconds(7));
  CHECK(settings.endpoints == "http://a:1,http://b:2");
  CHECK(settings.watch);
  CHECK(settings.log_level == base::LogLevel::kWarning);
  ::setenv("CONFD_PREFIX", "/env", 1);
  settings = resolve({"-interval", "9", "-watch=false", "-node", "http://c:3"}, config);
  ::unsetenv("CONFD_PREFIX");
  CHECK(settings.interval == std::chrono::seconds(9));
  CHECK_FALSE(settings.watch);
  CHECK(settings.endpoints == "http://c:3");
  CHECK(settings.prefix == "/env");
}

TEST_CASE("refusals") {
  CHECK_THROWS_WITH_AS(resolve({"-backend", "consul"}), "backend 'consul' is not supported (allowed: etcd, etcdv3)",
                       base::UsageError);
  CHECK_THROWS_AS(resolve({"-log-level", "loud"}), base::UsageError);
  CHECK_THROWS_AS(resolve({"-interval", "0"}), base::UsageError);
  CHECK_THROWS_WITH_AS(resolve({}, "\ninterval = 0"), doctest::Contains("confd.toml:2: 'interval' is not a number"),
                       base::Error);
  CHECK_THROWS_WITH_AS(resolve({}, "srv_domain = \"x\""), doctest::Contains("confd.toml:1: unknown key 'srv_domain'"),
                       base::Error);
  CHECK_THROWS_WITH_AS(resolve({}, "watch = \"yes\""), doctest::Contains("'watch' must be true or false"), base::Error);
}
