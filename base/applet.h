#pragma once
// An applet is one program inside the binary (kvd, fleetctl, container, …), described by a table. The table is the
// single source of its parsing, --help, man page and shell completion.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace base {

// One option. A flag has an empty `value`. Accepted forms: --name, --name=value, --name value, -l, -l value, -lvalue,
// and --no-name / --name=false for flags.
struct Option {
  std::string_view name;                       // without dashes: "listen-client-urls"
  char letter = 0;                             // 'l' for -l, 0 for none
  std::string_view value = {};                 // what its value is called in the help: "URL"; empty: a flag
  std::string_view help;                       // one sentence, no full stop
  std::string_view fallback = {};              // default value, shown in the help; empty: none
  std::string_view environment = {};           // variable that sets it when it is not on the command line
  bool repeatable = false;                     // may stand more than once; else the last one wins
  std::vector<std::string_view> choices = {};  // when not empty, the only values allowed
};

// What the user typed, checked against the tables.
class Invocation {
 public:
  std::string program;                 // as called: "fleetctl"
  std::string command;                 // empty when the applet has no commands
  std::vector<std::string> arguments;  // positional ones

  // Value of an option: command line, else environment, else fallback, else "". The option must be in the table.
  const std::string& get(std::string_view option) const;
  std::vector<std::string> get_all(std::string_view option) const;
  bool flag(std::string_view option) const;
  // True when the command line or the environment set it.
  bool given(std::string_view option) const;
  // Unsigned decimal value within [low, high]; UsageError names option, value and range otherwise.
  std::uint64_t number(std::string_view option, std::uint64_t low, std::uint64_t high) const;

  std::map<std::string, std::vector<std::string>, std::less<>> values;  // filled by the parser
  std::map<std::string, bool, std::less<>> set_by_user;
};

struct Command {
  std::string_view name;
  std::string_view arguments;  // for the usage line: "UNIT..." or "[KEY] VALUE"
  std::string_view summary;    // one line
  std::vector<Option> options = {};
  std::size_t min_arguments = 0;
  std::size_t max_arguments = 0;  // kAnyNumber for no bound
  int (*run)(const Invocation&) = nullptr;
  std::string_view description = {};  // further paragraphs for --help and the man page
  bool pass_through = false;          // after the first positional argument everything is positional (container run)
};

inline constexpr std::size_t kAnyNumber = SIZE_MAX;

// Either `commands` is filled (the first positional argument picks one) or `run` is set. With both, `run` is for a
// command line that names no command: old programs have options only (coreos-cloudinit --validate).
struct Applet {
  std::string_view name;
  std::vector<std::string_view> aliases = {};  // other argv[0]s: {"fleetctl"}
  std::string_view summary;
  std::string_view description = {};
  std::vector<Option> options = {};  // accepted before and after the command
  std::vector<Command> commands = {};
  std::string_view arguments = {};  // when there are no commands
  std::size_t min_arguments = 0;
  std::size_t max_arguments = 0;
  int (*run)(const Invocation&) = nullptr;
  bool single_dash_long = false;  // also take -name (Go's flag package: etcd, fleet, skydns, confd)
  std::string (*version_text)(std::string_view program) = nullptr;  // null: "<program> <version>"
};

// Parses and runs. Errors are printed as "<program>: <text>": exit code 2 for a usage error (with the nearest match of
// an unknown option or command), 1 for base::Error. --help, -h, help [COMMAND], --version are handled here.
int run_applet(const Applet& applet, std::string_view program, std::span<const std::string> arguments);

// A room's applets, made by the first call.
using AppletTable = std::span<const Applet> (*)();

// main() of a binary with many applets: argv[0]'s basename picks one by name or alias, else the first argument does.
// Tables are asked in their order, and those behind the one that has the name are never made. `front` makes the
// applet that the binary itself is (it answers its own name and everything that nothing else does).
int dispatch(const Applet& (*front)(), std::span<const AppletTable> tables, int argc, char** argv);

// The parser alone, for tests: throws UsageError. --help and --version leave Invocation::command "help" or "version".
Invocation parse_invocation(const Applet& applet, std::string_view program, std::span<const std::string> arguments);

std::string help_text(const Applet& applet, std::string_view program);
std::string help_text(const Applet& applet, const Command& command, std::string_view program);
std::string man_page(const Applet& applet);                           // roff, section 1 (8 for daemons)
std::string bash_completion(std::span<const Applet* const> applets);  // one file for all

}  // namespace base
