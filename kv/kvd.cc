#include "kv/kvd.h"

#include <sys/resource.h>
#include <unistd.h>

#include <format>

#include "base/error.h"
#include "base/log.h"
#include "base/sqlite.h"
#include "base/version.h"
#include "kv/bootstrap_network.h"
#include "kv/daemon.h"
#include "kv/kvd_flags.h"
#include "kv/kvd_options.h"
#include "kv/members.h"
#include "kv/rejoin.h"
#include "kv/storage.h"

namespace kv {

namespace {

// Every watch holds a connection.
void raise_descriptor_limit() {
  rlimit limit{};
  base::check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  base::check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

std::vector<std::string> environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

// Damaged data are left alone, unless the cluster has made room for this member as a new one.
std::unique_ptr<Daemon> open_daemon(const KvdOptions& options) {
  std::string damage;
  try {
    return std::make_unique<Daemon>(options);
  } catch (const DamagedData& error) {
    damage = error.what();
  } catch (const base::DamagedDatabase& error) {
    damage = error.what();
  }
  make_way_for_new_member(options, damage, *system_bootstrap_network(options));
  return std::make_unique<Daemon>(options);
}

int run_kvd(const base::Invocation& invocation) {
  KvdOptions options = read_kvd_options(invocation, environment());
  base::set_log_level(options.log_level);
  for (const std::string& warning : options.warnings) base::log_warning("{}", warning);
  raise_descriptor_limit();
  return open_daemon(options)->run();
}

// Called as etcd, the four lines that scripts read: the etcd whose API this is, as a semantic version whose build
// metadata says whose program it is.
std::string version_text(std::string_view program) {
  if (program != "etcd") return std::format("{} {}", program, base::version());
#if defined(__x86_64__)
  constexpr std::string_view kArchitecture = "amd64";
#elif defined(__aarch64__)
  constexpr std::string_view kArchitecture = "arm64";
#else
  constexpr std::string_view kArchitecture = "other";
#endif
  return std::format(
      "etcd Version: {}+clusteros.{}\nGit SHA: none\nGo Version: none (C++, GCC {})\nGo OS/Arch: linux/{}",
      kApiServerVersion, base::version(), __VERSION__, kArchitecture);
}

}  // namespace

base::Applet kvd_applet() {
  base::Applet applet;
  applet.name = "kvd";
  applet.aliases = {"etcd"};
  applet.summary = "the configuration store: etcd's v2 API over a durable, replicated log";
  applet.description =
      "Keeps keys in directories, with TTLs, conditions and watches, and answers etcd's v2 HTTP API. A write is "
      "answered when it is on the disks of a majority of the members. Takes the options of etcd 3.4, with one dash or "
      "two, and its ETCD_* variables; "
      "an option on the command line is stronger than its variable.";
  applet.options = kvd_option_table();
  applet.run = run_kvd;
  applet.single_dash_long = true;
  applet.version_text = version_text;
  return applet;
}

}  // namespace kv
