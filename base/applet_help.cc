// What the option tables say, for people and for shells: --help, man pages (man(7)), bash completion.
#include <algorithm>
#include <format>

#include "base/applet.h"
#include "base/table.h"
#include "base/text.h"
#include "base/version.h"

namespace base {
namespace {

std::string option_names(const Option& option) {
  std::string text = option.letter != 0 ? std::format("-{}, ", option.letter) : "    ";
  text += std::format("--{}", option.name);
  if (!option.value.empty()) text += std::format("={}", option.value);
  return text;
}

std::string option_notes(const Option& option) {
  std::string text(option.help);
  if (!option.choices.empty()) {
    text += std::format(" ({})", join({option.choices.begin(), option.choices.end()}, ", "));
  }
  if (!option.fallback.empty()) text += std::format(" [{}]", option.fallback);
  if (!option.environment.empty()) text += std::format(" (${})", option.environment);
  if (option.repeatable) text += "; may be repeated";
  return text;
}

std::string option_table(const std::vector<Option>& options, bool with_common) {
  Table table;
  for (const auto& option : options) table.add_row({"  " + option_names(option), option_notes(option)});
  if (with_common) {
    table.add_row({"  -h, --help", "show this text"});
    table.add_row({"      --version", "show the version"});
  }
  return table.text();
}

// Text for roff: no line may begin with a control character, and dashes are minus signs.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += std::format("\\&{}", c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_options(const std::vector<Option>& options) {
  std::string out;
  for (const auto& option : options) {
    out += std::format(".TP\n\\fB{}\\fR\n{}.\n", roff(trim(option_names(option))), roff(option_notes(option)));
  }
  return out;
}

std::string_view section(const Applet& applet) {
  return applet.commands.empty() ? "8" : "1";
}

// Words for compgen -W.
std::string completion_options(const std::vector<Option>& options) {
  std::string out;
  for (const auto& option : options) out += std::format(" --{}{}", option.name, option.value.empty() ? "" : "=");
  return out;
}

std::string completion_function(const Applet& applet) {
  std::string function(applet.name);
  std::ranges::replace(function, '-', '_');
  std::string names;
  for (const auto& command : applet.commands) names += std::format(" {}", command.name);
  std::string out =
      std::format("_clusteros_{}() {{\n  local words=\"--help --version{}\" commands=\"{}\" word command=\n", function,
                  completion_options(applet.options), names);
  out +=
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ \" $commands \" == *\" $word \"* ]] && { command=$word; break; }\n"
      "  done\n  case $command in\n";
  for (const auto& command : applet.commands) {
    out += std::format("    {}) words+=\"{}\" ;;\n", command.name, completion_options(command.options));
  }
  if (!applet.commands.empty()) out += "    '') words+=\" help$commands\" ;;\n";
  out +=
      "    *) ;;\n  esac\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
      "  [[ ${#COMPREPLY[@]} -eq 0 ]] && compopt -o default\n"
      "  [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n  return 0\n}\n";
  out += std::format("complete -F _clusteros_{} {}", function, applet.name);
  for (const auto& alias : applet.aliases) out += std::format(" {}", alias);
  return out + "\n";
}

}  // namespace

std::string help_text(const Applet& applet, std::string_view program) {
  std::string out = std::format("{} - {}\n\nUsage: {} [OPTION...] {}\n", program, applet.summary, program,
                                applet.commands.empty() ? applet.arguments : std::string_view("COMMAND [ARGUMENT...]"));
  if (!applet.description.empty()) out += std::format("\n{}\n", applet.description);
  if (!applet.commands.empty()) {
    Table table;
    for (const auto& command : applet.commands) {
      table.add_row({std::format("  {} {}", command.name, command.arguments), std::string(command.summary)});
    }
    table.add_row({"  help [COMMAND]", "show the help of a command"});
    out += "\nCommands:\n" + table.text();
  }
  return out + "\nOptions:\n" + option_table(applet.options, true);
}

std::string help_text(const Applet& applet, const Command& command, std::string_view program) {
  std::string out = std::format("{} {} - {}\n\nUsage: {} {} {}{}\n", program, command.name, command.summary, program,
                                command.name, command.options.empty() ? "" : "[OPTION...] ", command.arguments);
  if (!command.description.empty()) out += std::format("\n{}\n", command.description);
  if (!command.options.empty()) out += "\nOptions:\n" + option_table(command.options, false);
  return out + "\nOptions of every command:\n" + option_table(applet.options, true);
}

std::string man_page(const Applet& applet) {
  std::string out =
      std::format(".TH {} {} \"\" \"ClusterOS {}\" \"ClusterOS\"\n.SH NAME\n{} \\- {}\n", lower(applet.name),
                  section(applet), version(), roff(applet.name), roff(applet.summary));
  out += std::format(".SH SYNOPSIS\n\\fB{}\\fR [OPTION...] {}\n", roff(applet.name),
                     roff(applet.commands.empty() ? applet.arguments : "COMMAND [ARGUMENT...]"));
  if (!applet.aliases.empty() || !applet.description.empty()) {
    out += std::format(".SH DESCRIPTION\n{}\n", roff(applet.description));
    if (!applet.aliases.empty()) {
      out += std::format(".PP\nAlso called as {}.\n", roff(join({applet.aliases.begin(), applet.aliases.end()}, ", ")));
    }
  }
  if (!applet.commands.empty()) out += ".SH COMMANDS\n";
  for (const auto& command : applet.commands) {
    out += std::format(".SS {} {}\n{}.\n", roff(command.name), roff(command.arguments), roff(command.summary));
    if (!command.description.empty()) out += std::format(".PP\n{}\n", roff(command.description));
    out += roff_options(command.options);
  }
  out += ".SH OPTIONS\n" + roff_options(applet.options);
  out += ".TP\n\\fB\\-h, \\-\\-help\\fR\nshow the help.\n.TP\n\\fB\\-\\-version\\fR\nshow the version.\n";
  out += ".SH EXIT STATUS\n0 when it worked, 1 when it did not, 2 when the command line was wrong.\n";
  return out;
}

std::string bash_completion(std::span<const Applet* const> applets) {
  std::string out = "# bash completion of ClusterOS, made from the option tables\n";
  for (const Applet* applet : applets) out += completion_function(*applet);
  return out;
}

}  // namespace base
