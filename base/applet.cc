#include "base/applet.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"

namespace base {
namespace {

const std::string kEmpty;

// The tables in force: the applet's options and, once it is known, the command's.
class Parser {
 public:
  Parser(const Applet& applet, Invocation& invocation) : applet_(applet), invocation_(invocation) {}

  void parse(std::span<const std::string> arguments) {
    arguments_ = arguments;
    while (next_ < arguments_.size() && !stop_) take(arguments_[next_++]);
    if (invocation_.command == "help" || invocation_.command == "version") return;
    apply_environment();
    check_counts();
  }

  const Command* command() const { return command_; }

 private:
  void take(const std::string& argument) {
    if (only_positional_ || argument.size() < 2 || argument[0] != '-') return take_positional(argument);
    if (argument == "--") {
      only_positional_ = true;
    } else if (argument[1] == '-') {
      take_long(argument.substr(2), "--");
    } else if (applet_.single_dash_long && argument.size() > 2 && is_long_name(name_part(argument.substr(1)))) {
      take_long(argument.substr(1), "-");
    } else {
      take_letters(argument);
    }
  }

  void take_positional(const std::string& argument) {
    if (!applet_.commands.empty() && command_ == nullptr && !help_) {
      if (argument == "help") {
        help_ = true;
        invocation_.command = "help";
        return;
      }
      const auto found =
          std::ranges::find_if(applet_.commands, [&](const Command& command) { return command.name == argument; });
      if (found == applet_.commands.end()) throw unknown_command(argument);
      command_ = &*found;
      invocation_.command = argument;
      return;
    }
    invocation_.arguments.push_back(argument);
    if (command_ != nullptr && command_->pass_through) only_positional_ = true;
  }

  void take_long(const std::string& text, std::string_view dashes) {
    const std::string name = name_part(text);
    std::optional<std::string> value;
    if (name.size() < text.size()) value = text.substr(name.size() + 1);
    if (const Option* option = find(name)) return set(*option, value, std::string(dashes) + name);
    if (name == "help") return ask("help");
    if (name == "version") return ask("version");
    if (name.starts_with("no-") && !value) {
      const Option* option = find(name.substr(3));
      if (option != nullptr && option->value.empty()) return set(*option, "false", name);
    }
    throw unknown_option(std::string(dashes) + name);
  }

  void take_letters(const std::string& argument) {
    for (std::size_t i = 1; i < argument.size(); ++i) {
      const Option* option = find_letter(argument[i]);
      if (option == nullptr) {
        if (argument == "-h") return ask("help");
        throw unknown_option(argument.size() > 2 && applet_.single_dash_long ? name_part(argument)
                                                                             : std::string{'-', argument[i]});
      }
      if (option->value.empty()) {
        set(*option, std::nullopt, std::string{'-', argument[i]});
        continue;
      }
      std::optional<std::string> value;
      if (i + 1 < argument.size()) value = argument.substr(i + 1);
      if (value && value->starts_with('=')) value->erase(0, 1);
      return set(*option, value, std::string{'-', argument[i]});
    }
  }

  void set(const Option& option, std::optional<std::string> value, const std::string& as_typed) {
    if (option.value.empty()) {
      const auto truth = parse_bool(value.value_or("true"));
      if (!truth) throw UsageError(std::format("option '{}' is a flag: '{}' is not true or false", as_typed, *value));
      value = *truth ? "true" : "false";
    } else if (!value) {
      if (next_ >= arguments_.size())
        throw UsageError(std::format("option '{}' needs a value ({})", as_typed, option.value));
      value = arguments_[next_++];
    }
    check_choice(option, *value, as_typed);
    auto& values = invocation_.values[std::string(option.name)];
    if (!option.repeatable) values.clear();
    values.push_back(*value);
    invocation_.set_by_user[std::string(option.name)] = true;
  }

  static void check_choice(const Option& option, const std::string& value, const std::string& as_typed) {
    if (option.choices.empty() || std::ranges::contains(option.choices, value)) return;
    std::vector<std::string> allowed(option.choices.begin(), option.choices.end());
    throw UsageError(std::format("option '{}': '{}' is not one of {}", as_typed, value, join(allowed, ", ")));
  }

  void ask(const std::string& what) {
    // The command stays known, for `fleetctl start --help`.
    if (what == "help" && command_ != nullptr) invocation_.arguments = {invocation_.command};
    invocation_.command = what;
    stop_ = true;
  }

  void apply_environment() {
    each_option([&](const Option& option) {
      const std::string name(option.name);
      if (invocation_.values.contains(name)) return;
      const char* value = option.environment.empty() ? nullptr : std::getenv(std::string(option.environment).c_str());
      if (value != nullptr && *value != 0) {
        if (option.value.empty() && !parse_bool(value)) {
          throw UsageError(std::format("{}: '{}' is not true or false", option.environment, value));
        }
        check_choice(option, value, std::string(option.environment));
        invocation_.values[name] = {value};
        invocation_.set_by_user[name] = true;
      } else if (!option.fallback.empty()) {
        invocation_.values[name] = {std::string(option.fallback)};
      } else {
        invocation_.values[name] = {};
      }
    });
  }

  void check_counts() const {
    if (!applet_.commands.empty() && command_ == nullptr && applet_.run == nullptr)
      throw UsageError("no command given (try 'help')");
    const std::size_t low = command_ != nullptr ? command_->min_arguments : applet_.min_arguments;
    const std::size_t high = command_ != nullptr ? command_->max_arguments : applet_.max_arguments;
    const std::size_t count = invocation_.arguments.size();
    const std::string_view usage = command_ != nullptr ? command_->arguments : applet_.arguments;
    const std::string who = command_ != nullptr ? std::format("'{}' ", invocation_.command) : "";
    if (count < low) throw UsageError(std::format("{}needs {}", who, usage));
    if (count > high) throw UsageError(std::format("{}unexpected argument '{}'", who, invocation_.arguments[high]));
  }

  template <typename Use>
  void each_option(const Use& use) const {
    if (command_ != nullptr) std::ranges::for_each(command_->options, use);
    std::ranges::for_each(applet_.options, use);
  }

  const Option* find(std::string_view name) const {
    const Option* found = nullptr;
    each_option([&](const Option& option) {
      if (found == nullptr && option.name == name) found = &option;
    });
    return found;
  }

  bool is_long_name(const std::string& name) const {
    return name == "help" || name == "version" || find(name) != nullptr;
  }

  const Option* find_letter(char letter) const {
    const Option* found = nullptr;
    each_option([&](const Option& option) {
      if (found == nullptr && option.letter == letter) found = &option;
    });
    return found;
  }

  static std::string name_part(const std::string& text) { return text.substr(0, text.find('=')); }

  UsageError unknown_option(const std::string& typed) const {
    std::vector<std::string> names = {"help", "version"};
    each_option([&](const Option& option) { names.emplace_back(option.name); });
    const auto word = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
    const std::string near = word.size() < 2 ? "" : nearest(word, names);
    return UsageError(std::format("unknown option '{}'{}", typed,
                                  near.empty() ? " (try '--help')" : std::format(" (did you mean '--{}'?)", near)));
  }

  UsageError unknown_command(const std::string& typed) const {
    std::vector<std::string> names = {"help"};
    for (const auto& command : applet_.commands) names.emplace_back(command.name);
    const std::string near = nearest(typed, names);
    return UsageError(std::format("unknown command '{}'{}", typed,
                                  near.empty() ? " (try 'help')" : std::format(" (did you mean '{}'?)", near)));
  }

  const Applet& applet_;
  Invocation& invocation_;
  const Command* command_ = nullptr;
  std::span<const std::string> arguments_;
  std::size_t next_ = 0;
  bool only_positional_ = false;
  bool help_ = false;
  bool stop_ = false;
};

const Command* find_command(const Applet& applet, std::string_view name) {
  const auto found =
      std::ranges::find_if(applet.commands, [&](const Command& command) { return command.name == name; });
  return found == applet.commands.end() ? nullptr : &*found;
}

int print_help(const Applet& applet, const Invocation& invocation, std::string_view program) {
  std::string text;
  if (invocation.arguments.empty()) {
    text = help_text(applet, program);
  } else if (const Command* command = find_command(applet, invocation.arguments.front())) {
    text = help_text(applet, *command, program);
  } else {
    throw UsageError(std::format("unknown command '{}' (try 'help')", invocation.arguments.front()));
  }
  std::fputs(text.c_str(), stdout);
  return 0;
}

int print_version(const Applet& applet, std::string_view program) {
  const std::string text =
      applet.version_text != nullptr ? applet.version_text(program) : std::format("{} {}", program, version());
  std::puts(text.c_str());
  return 0;
}

}  // namespace

const std::string& Invocation::get(std::string_view option) const {
  const auto found = values.find(option);
  if (found == values.end()) throw Error("read option", option, "not in the applet's table");
  return found->second.empty() ? kEmpty : found->second.back();
}

std::vector<std::string> Invocation::get_all(std::string_view option) const {
  const auto found = values.find(option);
  if (found == values.end()) throw Error("read option", option, "not in the applet's table");
  return found->second;
}

bool Invocation::flag(std::string_view option) const {
  return parse_bool(get(option)).value_or(false);
}

bool Invocation::given(std::string_view option) const {
  return set_by_user.contains(option);
}

std::uint64_t Invocation::number(std::string_view option, std::uint64_t low, std::uint64_t high) const {
  const std::string& text = get(option);
  const auto value = parse_unsigned(text);
  if (!value || *value < low || *value > high) {
    throw UsageError(std::format("option '--{}': '{}' is not a number from {} to {}", option, text, low, high));
  }
  return *value;
}

Invocation parse_invocation(const Applet& applet, std::string_view program, std::span<const std::string> arguments) {
  Invocation invocation;
  invocation.program = program;
  Parser(applet, invocation).parse(arguments);
  return invocation;
}

int run_applet(const Applet& applet, std::string_view program, std::span<const std::string> arguments) {
  try {
    const Invocation invocation = parse_invocation(applet, program, arguments);
    if (invocation.command == "help" && find_command(applet, "help") == nullptr) {
      return print_help(applet, invocation, program);
    }
    if (invocation.command == "version" && find_command(applet, "version") == nullptr) {
      return print_version(applet, program);
    }
    const Command* command = find_command(applet, invocation.command);
    const int result = command != nullptr ? command->run(invocation) : applet.run(invocation);
    if (std::fflush(stdout) != 0) throw_errno("write", "standard output");
    return result;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(), error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(program).c_str(), error.what());
    return 1;
  }
}

int dispatch(const Applet& (*make_front)(), std::span<const AppletTable> tables, int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const auto find = [&](std::string_view name) -> const Applet* {
    for (AppletTable table : tables) {
      for (const Applet& applet : table()) {
        if (applet.name == name || std::ranges::contains(applet.aliases, name)) return &applet;
      }
    }
    return nullptr;
  };
  const std::string called = words.empty() ? std::string() : words[0].substr(words[0].rfind('/') + 1);
  const std::span<const std::string> all(words);
  if (const Applet* applet = find(called)) return run_applet(*applet, called, all.subspan(1));
  const Applet& front = make_front();
  if (words.size() > 1) {
    if (const Applet* applet = find(words[1])) return run_applet(*applet, words[1], all.subspan(2));
    if (words[1] == front.name) return run_applet(front, front.name, all.subspan(2));
  }
  return run_applet(front, front.name, words.empty() ? all : all.subspan(1));
}

}  // namespace base
