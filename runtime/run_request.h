#pragma once
// What was asked for with `container run` or `create`: all that is needed to make the container again. It is kept, with
// what the image says about itself, as spec.json in the container's state directory (docs/runtime.md), so that a start
// needs nothing but files: not the command line, and not the image's reference, which may point elsewhere by then.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/device_option.h"
#include "runtime/image_store.h"
#include "runtime/restart_policy.h"
#include "runtime/run_options.h"
#include "runtime/secret_store.h"

namespace runtime {

struct RunRequest {
  std::string name;  // "": the id
  bool remove_at_exit = false;
  bool keep_standard_input = false;
  bool terminal = false;                     // of its own, whose other end is ours
  std::string pod;                           // its id; a name, or "new:NAME", until it is looked up; "": none
  std::string network = "bridge";            // or "none", "host", "container:ID"
  std::string pid_mode, ipc_mode, uts_mode;  // "": of its own; "host", "container:ID"
  bool host_users = false;                   // without a user namespace
  std::vector<PublishedPort> ports;
  std::vector<Volume> volumes;
  std::vector<TemporaryMount> temporary_mounts;
  std::optional<std::uint64_t> shm_size;  // bytes
  std::vector<std::string> environment;
  std::vector<std::string> dns_servers;
  std::vector<std::string> dns_search;
  std::vector<HostEntry> hosts;
  std::optional<std::string> user, working_directory, entrypoint;
  std::vector<std::uint32_t> groups;
  std::string host_name;
  bool read_only = false;
  bool boot = false;  // a machine with an init of its own (boot.h)
  std::vector<std::string> added_capabilities, dropped_capabilities;
  std::vector<ResourceLimit> limits;
  std::optional<int> oom_score_adjustment;
  bool no_new_privileges = true;
  bool seccomp = true;
  base::Json seccomp_profile;        // as its file has it (seccomp_file.h); null: the default
  std::string seccomp_file;          // where that was
  std::string apparmor_profile;      // "": none
  bool protect_system_paths = true;  // parts of /proc and /sys are hidden, or not to be written to
  std::vector<DeviceWord> devices;
  std::map<std::string, std::string> sysctls;
  std::vector<SecretWord> secrets;
  bool init = false;  // a process of ours in front, which reaps
  std::map<std::string, std::string> labels;
  std::string stop_signal;                    // "": the image's
  std::optional<std::uint64_t> stop_timeout;  // seconds
  RestartPolicy restart;
  HealthSetting health;    // over the image's
  std::string log_driver;  // "journald", "local"; "": journald where systemd runs
  Resources resources;
  std::vector<std::string> command;
};

// The name that the container calls itself by.
std::string host_name_of(const RunRequest& request, const std::string& id);

// Its volumes and file systems in memory, as `ps` and `inspect` show them (docs/runtime.md "JSON").
base::Json shown_mounts(const RunRequest& request);

// The contents of spec.json.
struct SavedRequest {
  RunRequest request;
  Image image;  // reference, digest, layer_directories, config
};
std::string to_text(const SavedRequest& saved);
// Throws base::Error("read", where, …).
SavedRequest saved_request_from(const std::string& text, const std::string& where);

}  // namespace runtime
