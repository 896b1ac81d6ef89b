#include "bootstrap/apply.h"

#include <array>
#include <format>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/users.h"
#include "bootstrap/account_store.h"
#include "bootstrap/files.h"

namespace bootstrap {
namespace {

constexpr auto kJobTimeout = std::chrono::seconds(90);
constexpr std::array<const char*, 4> kDaemons{"kvd.service", "schedd.service", "discoveryd.service",
                                              "updaterd.service"};

template <typename... Functions>
struct Overload : Functions... {
  using Functions::operator()...;
};

std::uint32_t find_uid(const AccountFiles& files, const std::string& name) {
  if (const auto user = base::find_user(files.passwd, name)) return user->uid;
  if (const auto number = base::parse_unsigned(name); number && *number < UINT32_MAX)
    return static_cast<std::uint32_t>(*number);
  throw base::Error("find user", name, "there is none");
}

std::uint32_t find_gid(const AccountFiles& files, const std::string& name) {
  if (const auto group = base::find_group(files.group, name)) return group->gid;
  if (const auto number = base::parse_unsigned(name); number && *number < UINT32_MAX)
    return static_cast<std::uint32_t>(*number);
  throw base::Error("find group", name, "there is none");
}

// "USER", "USER:GROUP", "USER:" (the user's own group), ":GROUP", as chown(1) takes it.
FileAttributes attributes_of(const base::Fd& root, const std::string& owner, mode_t mode) {
  FileAttributes attributes{mode, 0, 0};
  if (owner.empty()) return attributes;
  const AccountFiles files = read_accounts(root);
  const auto parts = base::split(owner, ':');
  if (!parts[0].empty()) attributes.uid = find_uid(files, parts[0]);
  if (parts.size() > 1 && !parts[1].empty()) {
    attributes.gid = find_gid(files, parts[1]);
  } else if (parts.size() > 1) {
    if (const auto user = base::find_user(files.passwd, attributes.uid)) attributes.gid = user->gid;
  }
  return attributes;
}

// bash where the tree has it. /bin is a link on most systems, hence no look at the file itself.
std::string default_shell(const base::Fd& root) {
  const bool has_bash = read_state(root, "/bin/bash") || read_link(root, "/bin/bash");
  return has_bash ? "/bin/bash" : "/bin/sh";
}

}  // namespace

std::string_view result_name(Result result) {
  switch (result) {
    case Result::kChanged:
      return "changed";
    case Result::kUnchanged:
      return "unchanged";
    case Result::kFailed:
      return "failed";
    case Result::kSkipped:
      return "skipped";
  }
  return "";
}

std::string action_name(const Action& action) {
  return std::visit(Overload{
                        [](const SetHostname&) -> std::string { return "set hostname"; },
                        [](const EnsureUser&) -> std::string { return "user"; },
                        [](const InstallKeys&) -> std::string { return "install keys"; },
                        [](const WriteFile&) -> std::string { return "write"; },
                        [](const SetEnvironment&) -> std::string { return "write"; },
                        [](const MaskUnit& unit) -> std::string { return unit.mask ? "mask" : "unmask"; },
                        [](const EnableUnit&) -> std::string { return "enable"; },
                        [](const ReloadSystemd&) -> std::string { return "reload"; },
                        [](const RestartNetwork&) -> std::string { return "restart"; },
                        [](const RestartDaemons&) -> std::string { return "restart"; },
                        [](const UnitCommand& command) -> std::string { return command.verb; },
                    },
                    action);
}

Outcomes Applier::apply(const Plan& plan) {
  Outcomes outcomes;
  for (const auto& step : plan) {
    Outcome outcome{.key = step.key, .line = step.line, .action = action_name(step.action), .object = step.object};
    try {
      const Done done = std::visit([this](const auto& action) { return run(action); }, step.action);
      outcome.result = done.result;
      outcome.detail = done.detail;
    } catch (const base::Error& error) {
      outcome.result = Result::kFailed;
      outcome.detail = error.what();
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

Applier::Done Applier::without_systemd() const {
  if (!systemd_problem_.empty()) return {Result::kFailed, systemd_problem_};
  return {Result::kSkipped, "no systemd with --root"};
}

Applier::Done Applier::run(const SetHostname& action) {
  const bool file = put_file(root_, "/etc/hostname", action.name + "\n", {0644, 0, 0});
  const bool kernel = machine_.set_hostname(action.name);
  return changed(file || kernel);
}

Applier::Done Applier::run(const EnsureUser& action) {
  const UserConfig& wanted = action.user;
  const auto login_defs = read_state(root_, "/etc/login.defs");
  const IdRanges ranges = parse_login_defs(login_defs ? login_defs->content : "");
  const std::int64_t today = machine_.days_since_1970();
  NewUser added{.name = wanted.name,
                .passwd = wanted.passwd.empty() ? "*" : wanted.passwd,
                .gecos = wanted.gecos,
                .home = wanted.homedir.empty() ? "/home/" + wanted.name : wanted.homedir,
                .shell = wanted.shell.empty() ? default_shell(root_) : wanted.shell,
                .primary_group = wanted.primary_group,
                .groups = wanted.groups,
                .no_user_group = wanted.no_user_group,
                .system = wanted.system};
  bool is_new = false;
  std::optional<base::User> user;
  bool did = edit_accounts(root_, [&](AccountFiles& files) {
    user = base::find_user(files.passwd, wanted.name);
    is_new = !user;
    if (is_new) {
      user = add_user(files, added, ranges, today);
    } else if (!wanted.passwd.empty()) {
      set_password(files, wanted.name, wanted.passwd, today);
    }
  });
  // An earlier run may have been cut between the account and the home.
  if (!wanted.no_create_home) did = make_home(root_, *user) || did;
  std::string detail = is_new ? std::format("added, uid {}, gid {}", user->uid, user->gid) : "";
  if (!is_new && did) detail = wanted.passwd.empty() ? "home made" : "was there, password set";
  return {did ? Result::kChanged : Result::kUnchanged, detail};
}

Applier::Done Applier::run(const InstallKeys& action) {
  const auto user = base::find_user(read_accounts(root_).passwd, action.user);
  if (!user) {
    if (action.keep_old) return {Result::kSkipped, "there is no such user, and a refused config makes none"};
    throw base::Error("find user", action.user, "there is none");
  }
  const bool did = put_authorized_keys(root_, *user, action.keys, action.keep_old);
  return {did ? Result::kChanged : Result::kUnchanged,
          action.keys.size() == 1 ? "1 key" : std::format("{} keys", action.keys.size())};
}

Applier::Done Applier::run(const WriteFile& action) {
  const FileAttributes attributes = attributes_of(root_, action.owner, static_cast<mode_t>(action.permissions));
  const bool did = put_file(root_, action.path, action.content, attributes);
  const std::string_view path = action.path;
  const bool is_network = path.starts_with("/etc/systemd/network/") || path.starts_with("/run/systemd/network/");
  const bool is_unit = path.starts_with("/etc/systemd/system/") || path.starts_with("/run/systemd/system/");
  network_changed_ = network_changed_ || (did && is_network);
  units_changed_ = units_changed_ || (did && is_unit);
  return {did ? Result::kChanged : Result::kUnchanged, std::format("{} bytes", action.content.size())};
}

Applier::Done Applier::run(const SetEnvironment& action) {
  const auto before = read_state(root_, action.path);
  const std::string text = merge_environment(before ? before->content : "", action.values);
  const bool did = put_file(root_, action.path, text, before ? before->attributes : FileAttributes{});
  store_changed_ = store_changed_ || (did && action.path == kClusterEnvironment);
  std::vector<std::string> names;
  for (const auto& value : action.values) names.push_back(value.first);
  return {did ? Result::kChanged : Result::kUnchanged, base::join(names, " ")};
}

Applier::Done Applier::run(const MaskUnit& action) {
  const std::string path = (action.runtime ? "/run/systemd/system/" : "/etc/systemd/system/") + action.unit;
  bool did = false;
  if (action.mask) {
    if (const auto file = read_state(root_, path); file && !file->content.empty())
      throw base::Error("mask", action.unit, "there is a unit file at " + path);
    did = put_link(root_, path, "/dev/null");
  } else if (read_link(root_, path) == "/dev/null") {
    did = remove_path(root_, path);
  }
  units_changed_ = units_changed_ || did;
  return changed(did);
}

Applier::Done Applier::run(const EnableUnit& action) {
  if (!systemd_) return without_systemd();
  const char* enabled = action.runtime ? "enabled-runtime" : "enabled";
  const auto state = systemd_->property(action.unit, "Unit", "UnitFileState");
  if (state == enabled || state == "enabled") return changed(false);
  systemd_->enable({action.unit}, action.runtime);
  units_changed_ = true;
  return changed(true);
}

Applier::Done Applier::run(const ReloadSystemd&) {
  if (!systemd_) return without_systemd();
  if (!units_changed_) return {Result::kUnchanged, "no unit changed"};
  systemd_->reload();
  return changed(true);
}

Applier::Done Applier::run(const RestartNetwork&) {
  if (!systemd_) return without_systemd();
  if (!network_changed_) return {Result::kUnchanged, "no file of it changed"};
  const std::string result =
      systemd_->job("restart", "systemd-networkd.service", booting_ ? std::chrono::milliseconds(0) : kJobTimeout);
  return {result == "done" || result == "queued" ? Result::kChanged : Result::kFailed, result};
}

Applier::Done Applier::run(const RestartDaemons&) {
  if (!store_changed_) return {Result::kUnchanged, "the address did not change"};
  if (!systemd_) return without_systemd();
  std::vector<std::string> restarted;
  for (const char* daemon : kDaemons) {
    if (systemd_->status(daemon).active_state != "active") continue;
    systemd_->job("try-restart", daemon, std::chrono::milliseconds(0));
    restarted.emplace_back(daemon);
  }
  if (restarted.empty()) return {Result::kUnchanged, "none runs yet"};
  return {Result::kChanged, base::join(restarted, " ")};
}

Applier::Done Applier::run(const UnitCommand& action) {
  if (!systemd_) return without_systemd();
  const auto status = systemd_->status(action.unit);
  if (action.verb == "start" && status.active_state == "active") return {Result::kUnchanged, "active"};
  if (action.verb == "stop" && status.active_state == "inactive") return {Result::kUnchanged, "inactive"};
  const std::string result =
      systemd_->job(action.verb, action.unit, booting_ ? std::chrono::milliseconds(0) : kJobTimeout);
  if (result != "done" && result != "queued")
    throw base::Error(action.verb, action.unit, "the job ended with \"" + result + "\"");
  return {Result::kChanged, result};
}

}  // namespace bootstrap
