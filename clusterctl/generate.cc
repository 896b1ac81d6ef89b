#include "clusterctl/generate.h"

#include <cstdio>
#include <format>

#include "base/error.h"
#include "base/file.h"
#include "base/table.h"
#include "base/text.h"
#include "clusterctl/registry.h"

namespace clusterctl {
namespace {

// The section stands in the page's own title line (".TH NAME SECTION"), so that there is one place that decides it.
std::string section_of(std::string_view page) {
  for (const std::string& line : base::split(page, '\n')) {
    const std::vector<std::string> words = base::split_words(line);
    if (words.size() < 3 || words[0] != ".TH") continue;
    std::string section = words[2];
    std::erase(section, '"');
    return section;
  }
  throw base::Error("generate man page", "", "it has no title line");
}

// man(1) looks for sections in folders man1, man8, …; an alias is a page that includes the real one.
int generate_man(const std::string& directory) {
  std::size_t pages = 0;
  for (const base::Applet* applet : all_applets()) {
    const std::string page = base::man_page(*applet);
    const std::string section = section_of(page);
    const std::string folder = std::format("man{}", section);
    base::make_directories(directory + "/" + folder);
    const base::Fd fd = base::open_directory(directory + "/" + folder);
    base::write_file_atomic_at(fd, std::format("{}.{}", applet->name, section), page);
    ++pages;
    for (std::string_view alias : applet->aliases) {
      base::write_file_atomic_at(fd, std::format("{}.{}", alias, section),
                                 std::format(".so {}/{}.{}\n", folder, applet->name, section));
      ++pages;
    }
  }
  std::printf("%zu man pages in %s\n", pages, directory.c_str());
  return 0;
}

}  // namespace

int run_generate(const base::Invocation& invocation) {
  const std::string& what = invocation.arguments.at(0);
  if (what == "man") {
    if (invocation.arguments.size() != 2) throw base::UsageError("generate man: which directory?");
    return generate_man(invocation.arguments[1]);
  }
  if (what != "completion") {
    throw base::UsageError(std::format("generate: '{}' is neither 'man' nor 'completion'", what));
  }
  if (invocation.arguments.size() != 1) throw base::UsageError("generate completion: takes no further argument");
  std::fputs(base::bash_completion(all_applets()).c_str(), stdout);
  return 0;
}

int run_front(const base::Invocation& invocation) {
  if (!invocation.flag("list")) throw base::UsageError("which command? (see 'clusterctl --help', 'clusterctl --list')");
  for (const std::string& name : all_names()) std::printf("%s\n", name.c_str());
  return 0;
}

int run_list(const base::Invocation&) {
  base::Table table;
  for (const base::Applet* applet : all_applets()) {
    std::vector<std::string> aliases(applet->aliases.begin(), applet->aliases.end());
    table.add_row({std::string(applet->name), base::join(aliases, ", "), std::string(applet->summary)});
  }
  std::fputs(table.text().c_str(), stdout);
  return 0;
}

}  // namespace clusterctl
