#include "discovery/applets.h"

#include <array>

#include "discovery/commands.h"
#include "discovery/confd/daemon.h"
#include "discovery/daemon.h"

namespace discovery {
namespace {

constexpr std::string_view kStore = "http://127.0.0.1:2379";

base::Option endpoints() {
  return {.name = "endpoints",
          .value = "URLS",
          .help = "the store's addresses, separated by commas",
          .fallback = kStore,
          .environment = "CLUSTEROS_ENDPOINTS"};
}

base::Option domain() {
  return {.name = "domain",
          .value = "NAME",
          .help = "the cluster's domain",
          .fallback = "skydns.local",
          .environment = "SKYDNS_DOMAIN"};
}

base::Option path_prefix() {
  return {.name = "path-prefix",
          .value = "KEY",
          .help = "the key in the store below which the records are",
          .fallback = "skydns",
          .environment = "SKYDNS_PATH_PREFIX"};
}

base::Option local() {
  return {.name = "local", .value = "NAME", .help = "the name that local.dns in the domain stands for on this machine"};
}

base::Applet discoveryd() {
  return {.name = "discoveryd",
          .summary = "answer DNS queries for the cluster's services",
          .description =
              "An authoritative DNS server over UDP and TCP. It holds all SkyDNS records of the store in memory and "
              "goes on "
              "answering from them while the store is away. Names outside its domain are refused.",
          .options = {{.name = "listen",
                       .value = "ADDRESS:PORT",
                       .help = "where to answer over UDP and TCP",
                       .fallback = "127.0.0.153:53",
                       .environment = "SKYDNS_ADDR",
                       .repeatable = true},
                      domain(),
                      endpoints(),
                      path_prefix(),
                      {.name = "ttl",
                       .value = "SECONDS",
                       .help = "how long an answer may be kept whose record does not say",
                       .fallback = "3600",
                       .environment = "SKYDNS_TTL"},
                      {.name = "min-ttl",
                       .value = "SECONDS",
                       .help = "how long it may be kept that a name does not exist",
                       .fallback = "60",
                       .environment = "SKYDNS_MIN_TTL"},
                      local()},
          .run = run_discoveryd};
}

base::Applet skydns() {
  return {.name = "skydns",
          .summary = "discoveryd with the option names of SkyDNS",
          .options = {{.name = "addr",
                       .value = "ADDRESS:PORT",
                       .help = "where to answer over UDP and TCP",
                       .fallback = "127.0.0.1:53",
                       .environment = "SKYDNS_ADDR"},
                      domain(),
                      {.name = "machines",
                       .value = "URLS",
                       .help = "the store's addresses, separated by commas",
                       .fallback = kStore,
                       .environment = "ETCD_MACHINES"},
                      path_prefix(),
                      local()},
          .run = run_skydns,
          .single_dash_long = true};
}

base::Applet discoveryctl() {
  return {
      .name = "discoveryctl",
      .summary = "list, write and remove the names that discoveryd answers for",
      .options = {endpoints(), domain(), path_prefix()},
      .commands = {
          base::Command{.name = "list",
                        .arguments = "[NAME]",
                        .summary = "print every record, or those at and below a name",
                        .options = {{.name = "json", .help = "print the same as JSON"}},
                        .max_arguments = 1,
                        .run = run_list},
          base::Command{
              .name = "put",
              .arguments = "NAME HOST [PORT]",
              .summary = "write a record",
              .options =
                  {{.name = "lease", .value = "SECONDS", .help = "let the record end after this time", .fallback = "0"},
                   {.name = "ttl", .value = "SECONDS", .help = "how long answers may be kept", .fallback = "0"},
                   {.name = "priority", .value = "NUMBER", .help = "of SRV and MX", .fallback = "0"},
                   {.name = "weight", .value = "NUMBER", .help = "of SRV", .fallback = "0"},
                   {.name = "text", .value = "TEXT", .help = "what TXT answers"},
                   {.name = "group", .value = "NAME", .help = "SkyDNS's group"},
                   {.name = "mail", .help = "answer MX with it, too"}},
              .min_arguments = 2,
              .max_arguments = 3,
              .run = run_put,
              .description = "NAME is completed with the domain when it does not end in it. HOST is an "
                             "address or another name. Several records below one name are the instances "
                             "of that service: 1.web, 2.web."},
          base::Command{.name = "rm",
                        .arguments = "NAME",
                        .summary = "remove a record",
                        .options = {{.name = "recursive", .letter = 'r', .help = "with everything below it"}},
                        .min_arguments = 1,
                        .max_arguments = 1,
                        .run = run_rm},
          base::Command{.name = "status",
                        .arguments = "",
                        .summary = "ask a discoveryd how many records it holds and whether it sees the store",
                        .options = {{.name = "server",
                                     .value = "ADDRESS:PORT",
                                     .help = "where it listens",
                                     .fallback = "127.0.0.153:53"}},
                        .run = run_status,
                        .description = "Exit code 1 when it does not answer, has no records yet, or lost the store."},
      }};
}

}  // namespace

std::span<const base::Applet> applets() {
  static const std::array<base::Applet, 4> table{discoveryd(), discoveryctl(), skydns(), confd::applet()};
  return table;
}

}  // namespace discovery
