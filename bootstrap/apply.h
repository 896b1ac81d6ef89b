#pragma once
// Executes a plan. Every step ends in an outcome; a step that fails does not keep the later ones from being tried,
// since a machine that is reachable by ssh is worth more than one that stopped halfway. Applying the same plan again
// changes nothing and says so.

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/systemd.h"
#include "bootstrap/machine.h"
#include "bootstrap/plan.h"

namespace bootstrap {

enum class Result {
  kChanged,
  kUnchanged,
  kFailed,
  kSkipped,  // not possible here (--root has no systemd), or not needed; the detail says why
};
std::string_view result_name(Result result);

struct Outcome {
  std::string key;
  std::uint32_t line = 0;
  std::string action;  // "write", "set hostname", "start", …
  std::string object;
  Result result = Result::kUnchanged;
  std::string detail = {};  // why it failed or was skipped; what there is to know
};
using Outcomes = std::vector<Outcome>;

class Applier {
 public:
  // `systemd` may be nullptr: steps that need it are skipped then, or fail with `systemd_problem` when there is one.
  // All outlive the applier. While the machine boots (`booting`), commands are queued and not waited for: the unit may
  // be ordered after us.
  Applier(const base::Fd& root, Machine& machine, base::Systemd* systemd, bool booting,
          std::string systemd_problem = "")
      : root_(root),
        machine_(machine),
        systemd_(systemd),
        booting_(booting),
        systemd_problem_(std::move(systemd_problem)) {}

  Outcomes apply(const Plan& plan);

 private:
  struct Done {
    Result result = Result::kUnchanged;
    std::string detail = {};
  };
  static Done changed(bool did) { return {did ? Result::kChanged : Result::kUnchanged}; }

  Done without_systemd() const;

  Done run(const SetHostname& action);
  Done run(const EnsureUser& action);
  Done run(const InstallKeys& action);
  Done run(const WriteFile& action);
  Done run(const SetEnvironment& action);
  Done run(const MaskUnit& action);
  Done run(const EnableUnit& action);
  Done run(const ReloadSystemd& action);
  Done run(const RestartNetwork& action);
  Done run(const RestartDaemons& action);
  Done run(const UnitCommand& action);

  const base::Fd& root_;
  Machine& machine_;
  base::Systemd* systemd_;
  bool booting_;
  std::string systemd_problem_;
  bool units_changed_ = false;
  bool network_changed_ = false;
  bool store_changed_ = false;
};

// "write", "add user", "start", …: how an action is called in reports.
std::string action_name(const Action& action);

}  // namespace bootstrap
