#include "sched/requirements.h"

#include <doctest/doctest.h>

using namespace sched;

namespace {

Requirements read(const std::string& lines, std::string_view name = "a.service") {
  return read_requirements(UnitFile::parse("[X-Fleet]\n" + lines, "a.service"), name);
}
std::optional<std::string> problem(const std::string& lines) {
  return requirements_problem(read(lines));
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a unit without [X-Fleet] asks for nothing") {
  const auto wants = read_requirements(UnitFile::parse("[Service]\nGlobal=true\n", "a.service"), "a.service");
  CHECK_FALSE(wants.global);
  CHECK_FALSE(wants.machine_id);
  CHECK(wants.metadata.empty());
}

TEST_CASE("metadata: any of a key's values, on one line or several; nonsense is left out") {
  const auto wants = read(
      "MachineMetadata=\"disk=ssd\" \"disk=nvme\"\nMachineMetadata=region=eu\nMachineMetadata=a\n"
      "MachineMetadata=b=\nX-ConditionMachineMetadata=old=yes\n");
  CHECK(wants.metadata ==
        std::map<std::string, std::set<std::string>>{{"disk", {"nvme", "ssd"}}, {"old", {"yes"}}, {"region", {"eu"}}});
}

TEST_CASE("conflicts are globs, repeated or separated by spaces; the old spellings work") {
  CHECK(read("Conflicts=a* b.service\nConflicts=c\nX-Conflicts=old\n").conflicts ==
        Words{"old", "a*", "b.service", "c"});
  CHECK(read("X-ConditionMachineOf=old.service\nMachineOf=new.service").peers == Words{"old.service", "new.service"});
  CHECK(read("X-ConditionMachineBootID=boot\n").machine_id == "boot");
  CHECK(read("X-ConditionMachineBootID=boot\nX-ConditionMachineID=old\nMachineID=new").machine_id == "new");
}

TEST_CASE("the last Global= wins, and truth has five spellings") {
  CHECK(read("Global=false\nGlobal=Yes").global);
  CHECK_FALSE(read("Global=true\nGlobal=no").global);
  for (const auto* word : {"true", "yes", "1", "on", "t", "TRUE"}) CHECK(read("Global=" + std::string(word)).global);
  for (const auto* word : {"2", "y", "enabled", "false"}) CHECK_FALSE(read("Global=" + std::string(word)).global);
}

TEST_CASE("specifiers speak of the unit") {
  CHECK(read("MachineOf=%p-db@%i.service\nConflicts=%p@*.service", "web@7.service").peers == Words{"web-db@7.service"});
  CHECK(read("Conflicts=%p@*.service", "web@7.service").conflicts == Words{"web@*.service"});
}

TEST_CASE("requirements that exclude each other are refused in fleet's words") {
  CHECK_FALSE(problem("MachineOf=b.service\nConflicts=c*"));
  CHECK_FALSE(problem("Global=true\nConflicts=c*"));
  CHECK(problem("MachineOf=b.service\nConflicts=b*") ==
        "unresolvable requirements: peer \"b.service\" matches conflict \"b*\"");
  CHECK(problem("MachineID=x\nMachineOf=b") == "MachineID cannot be used with Peers");
  CHECK(problem("MachineID=x\nConflicts=b") == "MachineID cannot be used with Conflicts");
  CHECK(problem("MachineID=x\nGlobal=1") == "MachineID cannot be used with Global");
  CHECK(problem("MachineID=x\nReplaces=b") == "MachineID cannot be used with Replaces");
  CHECK(problem("Global=1\nMachineOf=b") == "Global cannot be used with Peers");
  CHECK(problem("Global=1\nReplaces=b") == "Global cannot be used with Replaces");
  CHECK(problem("Conflicts=a\nReplaces=b") == "Conflicts cannot be used with Replaces");
}

TEST_CASE("keys that mean nothing are named once") {
  const auto file = UnitFile::parse("[X-Fleet]\nGlobal=1\nMachineMetaData=a=b\nColour=red\nColour=blue\n", "a.service");
  CHECK(unknown_requirements(file) == Words{"MachineMetaData", "Colour"});
}
