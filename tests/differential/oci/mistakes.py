"""One mistake each, made in an otherwise good configuration. What would change the machine itself if it were taken says only what is so anyway."""


def current(name):
    with open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as file:
        return file.read().strip()


def process(case):
    return case.config["process"]


def linux(case):
    return case.config["linux"]


def without(case, *types):
    linux(case)["namespaces"] = [one for one in linux(case)["namespaces"] if one["type"] not in types]


def mount(case, **members):
    case.config["mounts"].append(members)


def unknown_namespace(case): linux(case)["namespaces"].append({"type": "galaxy"})
def namespace_without_type(case): linux(case)["namespaces"].append({})
def namespace_twice(case): linux(case)["namespaces"].append({"type": "pid"})
def namespace_path_missing(case):
    without(case, "network", "user")
    linux(case)["namespaces"].append({"type": "network", "path": "/proc/no-such/ns/net"})
def namespace_path_of_another_kind(case):
    without(case, "ipc", "user")
    linux(case)["namespaces"].append({"type": "ipc", "path": "/proc/self/ns/uts"})
def arguments_empty(case): process(case)["args"] = []
def arguments_text(case): process(case)["args"] = "sh"
def arguments_numbers(case): process(case)["args"] = ["sh", 5]
def program_missing(case): process(case)["args"] = ["/no/such/program"]
def program_not_in_path(case): process(case)["args"] = ["no-such-program"]
def program_is_a_directory(case): process(case)["args"] = ["/etc"]
def program_is_not_executable(case): process(case)["args"] = ["/etc/passwd"]
def directory_missing(case): process(case)["cwd"] = ""
def directory_relative(case): process(case)["cwd"] = "tmp"
def directory_is_a_file(case): process(case)["cwd"] = "/etc/group"
def no_process(case): del case.config["process"]
def no_root(case): del case.config["root"]
def root_missing(case): case.config["root"]["path"] = "no-such-directory"
def limit_unknown(case): process(case)["rlimits"] = [{"type": "RLIMIT_BOGUS", "soft": 1, "hard": 1}]
def limit_soft_above_hard(case): process(case)["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 2000, "hard": 1000}]
def limit_twice(case): process(case)["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}] * 2
def limit_is_text(case): process(case)["rlimits"] = [{"type": "RLIMIT_CORE", "soft": "many", "hard": 0}]
def capability_unknown(case): process(case)["capabilities"] = {"bounding": ["CAP_BOGUS"]}
def capability_effective_but_not_permitted(case):
    process(case)["capabilities"] = {"bounding": ["CAP_KILL"], "permitted": [], "effective": ["CAP_KILL"]}
def user_namespace_without_maps(case):
    without(case, "user")
    linux(case)["namespaces"].append({"type": "user"})
    for name in ("uidMappings", "gidMappings", "sysctl", "devices"):
        linux(case).pop(name, None)
    process(case)["user"] = {"uid": 0, "gid": 0}
def maps_without_user_namespace(case):
    without(case, "user")
    linux(case)["uidMappings"] = linux(case)["gidMappings"] = [{"containerID": 0, "hostID": 300000, "size": 10}]
def maps_overlap(case):
    without(case, "user", "network")
    linux(case)["namespaces"] += [{"type": "user"}, {"type": "network"}]
    linux(case)["uidMappings"] = linux(case)["gidMappings"] = [{"containerID": 0, "hostID": 300000, "size": 10}] * 2
def user_not_mapped(case):
    maps_overlap(case)
    linux(case)["uidMappings"] = linux(case)["gidMappings"] = [{"containerID": 0, "hostID": 300000, "size": 10}]
    process(case)["user"] = {"uid": 1000, "gid": 0}
def user_negative(case): process(case)["user"] = {"uid": -5, "gid": 0}
def user_is_text(case): process(case)["user"] = {"uid": "root", "gid": 0}
def mask_is_text(case): process(case)["user"] = {"uid": 0, "gid": 0, "umask": "0022"}
def groups_are_text(case): process(case)["user"] = {"uid": 0, "gid": 0, "additionalGids": ["wheel"]}
def host_name_without_namespace(case):
    without(case, "uts")
    case.config["hostname"] = "a"
def sysctl_of_the_machine(case): linux(case)["sysctl"] = {"vm.swappiness": current("vm.swappiness")}
def sysctl_without_namespace(case):
    without(case, "ipc", "user")
    case.config["mounts"] = [one for one in case.config["mounts"] if one["type"] != "mqueue"]
    linux(case)["sysctl"] = {"kernel.msgmax": current("kernel.msgmax")}
def sysctl_unknown(case): linux(case)["sysctl"] = {"net.ipv4.no_such_thing": "1"}
def sysctl_is_a_number(case): linux(case)["sysctl"] = {"net.ipv4.ip_forward": 1}
def mount_of_unknown_type(case): mount(case, destination="/mnt", type="no-such-filesystem", source="x")
def mount_without_destination(case): mount(case, type="tmpfs", source="x")
def mount_option_unknown(case): mount(case, destination="/mnt", type="tmpfs", source="x", options=["no-such-option"])
def bind_source_missing(case): mount(case, destination="/mnt", type="bind", source="/no/such/source", options=["bind"])
def bind_directory_on_a_file(case): mount(case, destination="/etc/passwd", type="bind", source="/usr", options=["bind", "ro"])
def filter_action_unknown(case): linux(case)["seccomp"] = {"defaultAction": "SCMP_ACT_BOGUS"}
def filter_operator_unknown(case):
    linux(case)["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_BOGUS"}]}]}
def filter_architecture_unknown(case): linux(case)["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_BOGUS"]}
def oom_score_too_high(case): process(case)["oomScoreAdj"] = 2000
def environment_is_an_object(case): process(case)["env"] = {"PATH": "/bin"}
def personality_unknown(case): linux(case)["personality"] = {"domain": "MINIX"}
def clocks_without_namespace(case):
    without(case, "time")
    linux(case)["timeOffsets"] = {"monotonic": {"secs": 5}}
def device_of_unknown_type(case): linux(case)["devices"] = [{"path": "/dev/x", "type": "z", "major": 1, "minor": 5}]
def device_without_path(case): linux(case)["devices"] = [{"type": "c", "major": 1, "minor": 5}]
def propagation_unknown(case): linux(case)["rootfsPropagation"] = "bogus"
def version_2(case): case.config["ociVersion"] = "2.0.0"
def no_version(case): del case.config["ociVersion"]
def linux_is_a_list(case): case.config["linux"] = []
def scheduler_unknown(case): process(case)["scheduler"] = {"policy": "SCHED_BOGUS"}
def io_priority_unknown(case): process(case)["ioPriority"] = {"class": "IOPRIO_CLASS_BOGUS", "priority": 1}
def member_unknown(case): linux(case)["noSuchMember"] = {"a": 1}
def not_json(case): case.text = '{"ociVersion": "1.0.2", "process": {'
def empty_file(case): case.text = " "


MISTAKES = [value for name, value in list(globals().items())
            if callable(value) and name not in ("current", "process", "linux", "without", "mount")]
