// etcdctl's v2 commands, with its words, outputs and exit codes, since scripts depend on them.

#include "kv/kvctl.h"

#include <unistd.h>

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "kv/client/endpoints.h"
#include "kv/data_check.h"
#include "kv/kvctl_cluster.h"
#include "kv/kvctl_session.h"

namespace kv {

namespace {

using base::Invocation;
using base::Json;

constexpr std::uint64_t kMaxTtl = 9'000'000'000;

std::string encoded(std::string_view text) {
  return base::percent_encode(text, "-._~");
}

std::string switched(const Invocation& invocation, std::string_view flag, std::string_view parameter) {
  return std::format("{}={}", parameter, invocation.flag(flag));
}

// The second argument, or all of standard input.
std::string value_argument(const Invocation& invocation) {
  if (invocation.arguments.size() > 1) return invocation.arguments[1];
  base::Fd input(::dup(STDIN_FILENO));
  std::string value = base::read_all(input);
  if (value.empty()) throw CommandFailed{kExitBadArguments, "value required"};
  return value;
}

// "&ttl=N"; etcdctl takes 0 for "no TTL".
std::string ttl_parameter(const Invocation& invocation) {
  std::uint64_t ttl = invocation.number("ttl", 0, kMaxTtl);
  return ttl == 0 ? "" : std::format("&ttl={}", ttl);
}

std::string condition(const Invocation& invocation, std::string_view value_option, std::string_view index_option) {
  std::string text;
  const std::string& value = invocation.get(value_option);
  std::uint64_t index = invocation.number(index_option, 0, UINT64_MAX);
  if (!value.empty()) text += "&prevValue=" + encoded(value);
  if (index > 0) text += std::format("&prevIndex={}", index);
  return text;
}

int get(const Invocation& invocation, KvctlSession& session) {
  Json answer = session.call(
      "GET", invocation.arguments[0],
      "recursive=false&" + switched(invocation, "sort", "sorted") + "&" + switched(invocation, "quorum", "quorum"));
  if (base::json_bool(answer["node"], "dir")) {
    std::fprintf(stderr, "%s: is a directory\n", base::json_string(answer["node"], "key").c_str());
    return kExitBadArguments;
  }
  session.print(answer);
  return 0;
}

int set(const Invocation& invocation, KvctlSession& session) {
  std::string form = "value=" + encoded(value_argument(invocation)) + ttl_parameter(invocation) +
                     condition(invocation, "swap-with-value", "swap-with-index");
  session.print(session.call("PUT", invocation.arguments[0], "", form));
  return 0;
}

int make(const Invocation& invocation, KvctlSession& session) {
  std::string form = "value=" + encoded(value_argument(invocation)) + ttl_parameter(invocation);
  bool in_order = invocation.flag("in-order");
  session.print(
      session.call(in_order ? "POST" : "PUT", invocation.arguments[0], in_order ? "" : "prevExist=false", form));
  return 0;
}

int update(const Invocation& invocation, KvctlSession& session) {
  std::string form = "value=" + encoded(value_argument(invocation)) + ttl_parameter(invocation);
  session.print(session.call("PUT", invocation.arguments[0], "prevExist=true", form));
  return 0;
}

// Directories are made and changed without a word, unless a format is asked for.
int put_directory(const Invocation& invocation, KvctlSession& session, const std::string& query) {
  Json answer = session.call("PUT", invocation.arguments[0], query, "dir=true" + ttl_parameter(invocation));
  if (!session.simple()) session.print(answer);
  return 0;
}

int make_directory(const Invocation& invocation, KvctlSession& session) {
  return put_directory(invocation, session, "prevExist=false");
}

int set_directory(const Invocation& invocation, KvctlSession& session) {
  return put_directory(invocation, session, "");
}

int update_directory(const Invocation& invocation, KvctlSession& session) {
  return put_directory(invocation, session, "prevExist=true");
}

int remove_key(const Invocation& invocation, KvctlSession& session, const std::string& query) {
  Json answer = session.call("DELETE", invocation.arguments[0], query);
  if (!session.simple() || !base::json_bool(answer["node"], "dir")) session.print(answer);
  return 0;
}

int remove(const Invocation& invocation, KvctlSession& session) {
  return remove_key(invocation, session,
                    switched(invocation, "recursive", "recursive") + "&" + switched(invocation, "dir", "dir") +
                        condition(invocation, "with-value", "with-index"));
}

int remove_directory(const Invocation& invocation, KvctlSession& session) {
  return remove_key(invocation, session, "dir=true");
}

void print_names(const Json& node, bool slashes) {
  auto nodes = node.find("nodes");
  if (nodes == node.end()) return;
  for (const Json& child : *nodes) {
    bool slash = slashes && base::json_bool(child, "dir");
    std::puts((base::json_string(child, "key") + (slash ? "/" : "")).c_str());
    print_names(child, slashes);
  }
}

int list(const Invocation& invocation, KvctlSession& session) {
  Json answer =
      session.call("GET", invocation.arguments.empty() ? "/" : invocation.arguments[0],
                   switched(invocation, "recursive", "recursive") + "&" + switched(invocation, "sort", "sorted") + "&" +
                       switched(invocation, "quorum", "quorum"));
  if (!session.simple()) {
    session.print(answer);
    return 0;
  }
  const Json& node = answer["node"];
  if (!base::json_bool(node, "dir")) std::puts(base::json_string(node, "key").c_str());
  print_names(node, invocation.flag("append-slash"));
  return 0;
}

int watch(const Invocation& invocation, KvctlSession& session) {
  bool recursive = invocation.flag("recursive");
  bool forever = invocation.flag("forever");
  std::uint64_t after = invocation.number("after-index", 0, UINT64_MAX - 1);
  session.watch(invocation.arguments[0], recursive, after == 0 ? 0 : after + 1, [&](const Json& event) {
    if (base::json_bool(event["node"], "dir")) return true;
    if (recursive) {
      std::puts(
          std::format("[{}] {}", base::json_string(event, "action"), base::json_string(event["node"], "key")).c_str());
    }
    session.print(event);
    return forever;
  });
  return 0;
}

// Needs no store: 0 when all is well, 1 when something is wrong.
int check(const Invocation& invocation) {
  const std::string& directory = invocation.get("data-dir");
  if (directory.empty()) throw base::UsageError("check: --data-dir is needed");
  const DataReport report = check_data_dir(directory);
  for (const std::string& problem : report.problems) std::puts(problem.c_str());
  if (!report.problems.empty()) return 1;
  std::puts((report.summary + "; nothing is wrong").c_str());
  return 0;
}

template <int (*Run)(const Invocation&, KvctlSession&)>
int command(const Invocation& invocation) {
  return run_command(invocation, Run);
}

base::Option ttl_option() {
  return {.name = "ttl", .value = "SECONDS", .help = "time to live; 0: for ever", .fallback = "0"};
}

base::Option quorum_option() {
  return {.name = "quorum", .letter = 'q', .help = "read what every earlier write has left"};
}

base::Option recursive_option(std::string_view help) {
  return {.name = "recursive", .letter = 'r', .help = help};
}

std::vector<base::Command> commands() {
  const base::Option sort{.name = "sort", .help = "sort the keys"};
  std::vector<base::Command> all;
  auto add = [&](std::string_view name, std::string_view arguments, std::string_view summary, std::size_t least,
                 std::size_t most, int (*run)(const Invocation&), std::vector<base::Option> options) {
    base::Command one;
    one.name = name;
    one.arguments = arguments;
    one.summary = summary;
    one.options = std::move(options);
    one.min_arguments = least;
    one.max_arguments = most;
    one.run = run;
    all.push_back(std::move(one));
  };
  add("get", "KEY", "print the value of a key", 1, 1, command<get>, {sort, quorum_option()});
  add("set", "KEY [VALUE]", "set the value of a key (from standard input without VALUE)", 1, 2, command<set>,
      {ttl_option(),
       {.name = "swap-with-value", .value = "VALUE", .help = "only when this is the value before"},
       {.name = "swap-with-index", .value = "INDEX", .help = "only when this is the modified index", .fallback = "0"}});
  add("mk", "KEY [VALUE]", "make a key that does not exist yet", 1, 2, command<make>,
      {{.name = "in-order", .help = "make a key below KEY that is named after its index"}, ttl_option()});
  add("update", "KEY [VALUE]", "change a key that exists", 1, 2, command<update>, {ttl_option()});
  add("rm", "KEY", "remove a key or a directory", 1, 1, command<remove>,
      {{.name = "dir", .help = "remove a key or an empty directory"},
       recursive_option("remove a directory and all that is in it"),
       {.name = "with-value", .value = "VALUE", .help = "only when this is the value"},
       {.name = "with-index", .value = "INDEX", .help = "only when this is the modified index", .fallback = "0"}});
  add("mkdir", "KEY", "make a directory that does not exist yet", 1, 1, command<make_directory>, {ttl_option()});
  add("setdir", "KEY", "make a directory", 1, 1, command<set_directory>, {ttl_option()});
  add("updatedir", "KEY", "change the time to live of a directory", 1, 1, command<update_directory>, {ttl_option()});
  add("rmdir", "KEY", "remove an empty directory or a key", 1, 1, command<remove_directory>, {});
  add("ls", "[KEY]", "list a directory", 0, 1, command<list>,
      {sort,
       recursive_option("list all that is below as well"),
       {.name = "append-slash", .letter = 'p', .help = "put a slash behind directories"},
       quorum_option()});
  add("watch", "KEY", "wait for a change of a key and print it", 1, 1, command<watch>,
      {{.name = "forever", .letter = 'f', .help = "go on until Ctrl-C"},
       {.name = "after-index", .value = "INDEX", .help = "changes after this index, also past ones", .fallback = "0"},
       recursive_option("watch all that is below as well")});
  add("member", "list | add NAME PEER-URLS | remove NAME|ID | replace NAME|ID",
      "list the members of the cluster, add or remove one, or make room for a new one in the place of one that lost "
      "its "
      "data",
      1, 3, kvctl_member, {});
  add("cluster-health", "", "ask every member whether it is well", 0, 0, kvctl_cluster_health, {});
  add("check", "", "verify the data of a member that does not run, and say what is wrong with it", 0, 0, check,
      {{.name = "data-dir", .value = "DIR", .help = "directory of the member's data; nothing in it is changed"}});
  return all;
}

}  // namespace

base::Applet kvctl_applet() {
  base::Applet applet;
  applet.name = "kvctl";
  applet.aliases = {"etcdctl"};
  applet.summary = "read, write and watch the configuration store";
  applet.description =
      "Speaks etcd's v2 API. Exit codes are etcdctl's: 4 when the store refuses, 5 when the cluster is not healthy.";
  applet.options = {
      {.name = "endpoints",
       .value = "URLS",
       .help = "comma-separated URLs of the store, tried in turn",
       .fallback = kDefaultEndpoints,
       .environment = "CLUSTEROS_ENDPOINTS"},
      {.name = "output",
       .letter = 'o',
       .value = "FORMAT",
       .help = "how answers are printed",
       .fallback = "simple",
       .choices = {"simple", "extended", "json"}},
      {.name = "timeout", .value = "DURATION", .help = "longest wait for one endpoint", .fallback = "5s"},
      {.name = "ca-file",
       .value = "FILE",
       .help = "PEM authorities of an https:// store (default: $CLUSTEROS_CA_FILE, else the system's)",
       .environment = "ETCDCTL_CA_FILE"},
      {.name = "cert-file",
       .value = "FILE",
       .help = "PEM certificate to show to the store (default: $CLUSTEROS_CERT_FILE)",
       .environment = "ETCDCTL_CERT_FILE"},
      {.name = "key-file",
       .value = "FILE",
       .help = "its key (default: $CLUSTEROS_KEY_FILE)",
       .environment = "ETCDCTL_KEY_FILE"},
      {.name = "cacert", .value = "FILE", .help = "the same as --ca-file", .environment = "ETCDCTL_CACERT"},
      {.name = "cert", .value = "FILE", .help = "the same as --cert-file", .environment = "ETCDCTL_CERT"},
      {.name = "key", .value = "FILE", .help = "the same as --key-file", .environment = "ETCDCTL_KEY"},
      {.name = "insecure-skip-tls-verify", .help = "take any certificate of the store"},
  };
  applet.commands = commands();
  applet.single_dash_long = true;
  return applet;
}

}  // namespace kv
