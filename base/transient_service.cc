#include "base/transient_service.h"

#include "base/error.h"

namespace base {
namespace {

void built(int result) {
  if (result < 0) throw Error("build D-Bus message", "", -result);
}

void close_containers(sd_bus_message* message, int count) {
  for (int i = 0; i < count; ++i) built(sd_bus_message_close_container(message));
}

void append_command(sd_bus_message* message, const UnitCommand& command) {
  built(sd_bus_message_open_container(message, 'r', "sasb"));
  built(sd_bus_message_append(message, "s", command.file.c_str()));
  built(sd_bus_message_open_container(message, 'a', "s"));
  for (const std::string& word : command.arguments) built(sd_bus_message_append(message, "s", word.c_str()));
  close_containers(message, 1);
  built(sd_bus_message_append(message, "b", 0));
  close_containers(message, 1);
}

void append_commands(sd_bus_message* message, const char* name, const std::vector<UnitCommand>& commands) {
  if (commands.empty()) return;
  built(sd_bus_message_open_container(message, 'r', "sv"));
  built(sd_bus_message_append(message, "s", name));
  built(sd_bus_message_open_container(message, 'v', "a(sasb)"));
  built(sd_bus_message_open_container(message, 'a', "(sasb)"));
  for (const UnitCommand& command : commands) append_command(message, command);
  close_containers(message, 3);
}

std::uint64_t microseconds(std::chrono::milliseconds time) {
  return static_cast<std::uint64_t>(time.count()) * 1000;
}

}  // namespace

void append_service(sd_bus_message* message, const TransientService& service) {
  const auto put = [&](const char* name, const char* type, auto value) {
    built(sd_bus_message_append(message, "(sv)", name, type, value));
  };
  put("Description", "s", service.description.c_str());
  put("CollectMode", "s", "inactive-or-failed");
  put("Type", "s", service.type.c_str());
  if (!service.slice.empty()) put("Slice", "s", service.slice.c_str());
  if (!service.pid_file.empty()) put("PIDFile", "s", service.pid_file.c_str());
  if (!service.log_identifier.empty()) put("SyslogIdentifier", "s", service.log_identifier.c_str());
  if (service.delegate) put("Delegate", "b", 1);
  if (service.stored_files > 0) {
    put("NotifyAccess", "s", "all");
    put("FileDescriptorStoreMax", "u", service.stored_files);
  }
  put("KillMode", "s", service.kill_mode.c_str());
  put("KillSignal", "i", service.kill_signal);
  put("TimeoutStopUSec", "t", microseconds(service.stop_timeout));
  put("Restart", "s", service.restart.c_str());
  put("RestartUSec", "t", microseconds(service.restart_delay));
  if (!service.restart_after_success) {
    built(sd_bus_message_append(message, "(sv)", "RestartPreventExitStatus", "(aiai)", 1, 0, 0));
  }
  if (service.log_level_max) put("LogLevelMax", "i", *service.log_level_max);
  put("StartLimitIntervalUSec", "t", service.starts == 0 ? std::uint64_t{0} : UINT64_MAX);
  if (service.starts > 0) put("StartLimitBurst", "u", service.starts);
  append_commands(message, "ExecStart", service.start);
  append_commands(message, "ExecStartPost", service.start_post);
  append_commands(message, "ExecStopPost", service.stop_post);
}

void append_timer(sd_bus_message* message, const TransientTimer& timer) {
  constexpr std::uint64_t kAccuracy = 50000;  // microseconds; a minute otherwise
  built(sd_bus_message_open_container(message, 'a', "(sv)"));
  built(sd_bus_message_append(message, "(sv)", "Description", "s", timer.description.c_str()));
  built(sd_bus_message_append(message, "(sv)", "CollectMode", "s", "inactive-or-failed"));
  built(sd_bus_message_append(message, "(sv)", "AccuracyUSec", "t", kAccuracy));
  built(sd_bus_message_append(message, "(sv)", "TimersMonotonic", "a(st)", 2, "OnActiveSec", microseconds(timer.first),
                              "OnUnitInactiveSec", microseconds(timer.interval)));
  close_containers(message, 1);
  built(sd_bus_message_open_container(message, 'a', "(sa(sv))"));
  built(sd_bus_message_open_container(message, 'r', "sa(sv)"));
  built(sd_bus_message_append(message, "s", timer.service.name.c_str()));
  built(sd_bus_message_open_container(message, 'a', "(sv)"));
  append_service(message, timer.service);
  close_containers(message, 3);
}

}  // namespace base
