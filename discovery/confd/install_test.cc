// A file is swapped in only when it differs and its check agrees, and comes back when the reload fails.

#include "discovery/confd/install.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "base/temp_dir.h"

using namespace discovery::confd;

namespace {

struct Fixture {
  base::TempDir folder;
  Resource resource;
  InstallOptions options;
  std::vector<std::string> commands;
  std::vector<std::string> answers;  // of the commands, in their order; "" after the last

  Fixture() {
    resource.file = "c.toml";
    resource.destination = folder.path() + "/dest.conf";
    resource.check_command = "check {{.src}}";
    resource.reload_command = "reload";
    options.run = [this](const std::string& command) {
      // The staged file is there, with the new content, while its check runs.
      if (command.starts_with("check ")) staged = base::read_file(command.substr(6));
      commands.push_back(command);
      return commands.size() <= answers.size() ? answers[commands.size() - 1] : std::string();
    };
  }

  std::string staged;
  std::string content() const { return base::read_file(resource.destination); }
  mode_t mode() const {
    struct stat info{};
    REQUIRE(::stat(resource.destination.c_str(), &info) == 0);
    return info.st_mode & 07777;
  }
  std::vector<std::string> files() const { return base::list_directory_at(folder.fd()); }
  std::string failure(std::string_view text) {
    try {
      install(resource, text, options);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "";
  }
};

}  // namespace

TEST_CASE("what differs") {
  const FileState wanted{"a", 0644, 1, 2};
  CHECK(differences(std::nullopt, wanted) == std::vector<std::string>{"it does not exist"});
  CHECK(differences(wanted, wanted).empty());
  CHECK(differences(FileState{"b", 0600, 1, 3}, wanted) ==
        std::vector<std::string>{"content", "mode 0600 to 0644", "gid 3 to 2"});
}

TEST_CASE("a new file is checked, put in place and announced; the same one is left alone") {
  Fixture f;
  CHECK(install(f.resource, "one", f.options) == Outcome::kUpdated);
  CHECK(f.content() == "one");
  CHECK(f.mode() == 0644);
  CHECK(f.staged == "one");
  REQUIRE(f.commands.size() == 2);
  CHECK(f.commands[0].starts_with("check " + f.folder.path() + "/.dest.conf."));
  CHECK(f.commands[1] == "reload");
  CHECK(install(f.resource, "one", f.options) == Outcome::kUnchanged);
  CHECK(f.commands.size() == 2);
  CHECK(f.files() == std::vector<std::string>{"dest.conf"});
}

TEST_CASE("mode: the resource's, else the one that the file has") {
  Fixture f;
  base::write_file_atomic(f.resource.destination, "one", 0600);
  CHECK(install(f.resource, "two", f.options) == Outcome::kUpdated);
  CHECK(f.mode() == 0600);
  f.resource.mode = 0640;
  CHECK(install(f.resource, "two", f.options) == Outcome::kUpdated);
  CHECK(f.mode() == 0640);
}

TEST_CASE("a check that fails changes nothing") {
  Fixture f;
  base::write_file_atomic(f.resource.destination, "old");
  f.answers = {"bad line 3"};
  CHECK(f.failure("new") == "check " + f.resource.destination + ": bad line 3; the file stays as it is");
  CHECK(f.content() == "old");
  CHECK(f.commands.size() == 1);
  CHECK(f.files() == std::vector<std::string>{"dest.conf"});
}

TEST_CASE("a reload that fails brings the old file back and reloads it") {
  Fixture f;
  base::write_file_atomic(f.resource.destination, "old", 0600);
  f.resource.mode = 0644;
  f.answers = {"", "exit code 1"};
  CHECK(f.failure("new") == "reload " + f.resource.destination +
                                ": exit code 1; the file of before is back, and the reload succeeded with it");
  CHECK(f.content() == "old");
  CHECK(f.mode() == 0600);
  CHECK(f.commands.size() == 3);
  CHECK(f.files() == std::vector<std::string>{"dest.conf"});
  f.commands.clear();
  f.answers = {"", "no", "still no"};
  CHECK(f.failure("new").ends_with("but the reload fails with it, too: still no"));
  CHECK(f.content() == "old");
}

TEST_CASE("a reload that fails removes a file that was not there before") {
  Fixture f;
  f.answers = {"", "no"};
  CHECK(f.failure("new").ends_with("is removed again"));
  CHECK(f.files().empty());
  CHECK(f.commands.size() == 2);
}

TEST_CASE("noop, sync-only and keep-stage-file") {
  Fixture f;
  f.options.noop = true;
  CHECK(install(f.resource, "one", f.options) == Outcome::kWouldChange);
  CHECK(f.files().empty());
  f.options.keep_stage_file = true;
  CHECK(install(f.resource, "one", f.options) == Outcome::kWouldChange);
  REQUIRE(f.files().size() == 1);
  CHECK(base::read_file_at(f.folder.fd(), f.files().front()) == "one");
  f.options = {.sync_only = true, .run = f.options.run};
  CHECK(install(f.resource, "one", f.options) == Outcome::kUpdated);
  CHECK(f.commands.empty());
}

TEST_CASE("a destination that is no file, or has no folder, is refused") {
  Fixture f;
  base::make_directory_at(f.folder.fd(), "dest.conf");
  CHECK(f.failure("x").contains("it is no regular file"));
  f.resource.destination = f.folder.path() + "/none/dest.conf";
  CHECK(f.failure("x").contains("No such file or directory"));
  CHECK(f.commands.empty());
}

TEST_CASE("the shell: exit codes and output") {
  CHECK(run_shell("true && test 1 = 1").empty());
  CHECK(run_shell("echo oh; echo no >&2; exit 3") == "'echo oh; echo no >&2; exit 3' ended with exit code 3: no oh");
}
