"""config.json files from a seed and a number: two of three are good, each third one has one mistake of `mistakes.py`.

A configuration depends on its seed and number alone, so that one that shows a difference can be made again.
"""

import dataclasses
import random

from mistakes import MISTAKES

CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "NET_RAW",
                "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP", "SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"]
SYSCTLS = {"network": {"net.ipv4.ip_forward": "1", "net.ipv4.ip_unprivileged_port_start": "80", "net.core.somaxconn": "777",
                       "net.ipv4.ping_group_range": "0 0"},
           "ipc": {"kernel.msgmax": "9000", "kernel.shmmni": "99", "kernel.sem": "250 32000 100 128", "fs.mqueue.msg_max": "11",
                   "kernel.shm_rmid_forced": "1"},
           "uts": {"kernel.domainname": "example.org"}}
LIMITS = [("NOFILE", 64, 4096), ("NPROC", 1000, 5000), ("CORE", 0, 1 << 20), ("STACK", 8 << 20, 64 << 20), ("FSIZE", 1 << 20, 1 << 40),
          ("MEMLOCK", 0, 1 << 20), ("AS", 1 << 32, 1 << 40), ("CPU", 100, 1000), ("MSGQUEUE", 1000, 800000),
          ("SIGPENDING", 100, 1000), ("DATA", 1 << 32, 1 << 40), ("RSS", 1 << 20, 1 << 40), ("LOCKS", 10, 100), ("RTTIME", 1000000, 9000000)]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/no-such-file", "/etc/passwd", "/srv"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/srv", "/etc/group", "/no-such-directory"]
# At most one of a line: what contradicting options mean is nowhere written.
ATTRIBUTES = [["ro", "rw"], ["nosuid", "suid"], ["nodev", "dev"], ["noexec", "exec"], ["noatime", "relatime", "strictatime"], ["nodiratime"]]
RECURSIVE = ["rro", "rnosuid", "rnodev", "rnoexec", "rnoatime"]
PROPAGATION = ["private", "rprivate", "slave", "rslave", "shared", "rshared"]


@dataclasses.dataclass
class Case:
    number: int
    config: object
    mistake: str = ""
    text: str = ""  # written in place of the configuration
    owner: tuple = (0, 0)  # of the root's directories, on the machine

    def namespaces(self):
        linux = self.config.get("linux")
        found = linux.get("namespaces", []) if isinstance(linux, dict) else []
        return [one.get("type") for one in found]


class Maker:
    def __init__(self, seed, number, source):
        self.random = random.Random(f"{seed}/{number}")
        self.source = source  # a directory of the machine to bind from
        self.case = Case(number, {})
        self.mistaken = number % 3 == 2  # then nothing else is in it that crun refuses

    def some(self, items, most=99):
        return self.random.sample(items, self.random.randint(0, min(most, len(items))))

    def chance(self, share):
        return self.random.random() < share

    def make(self):
        """One member after the other, since some need what others say."""
        self.linux = {}
        self.case.config = {"ociVersion": self.random.choice(["1.0.0", "1.0.2", "1.1.0"]), "root": {"path": "rootfs", "readonly": self.chance(0.3)},
                            "linux": self.linux}
        self.make_namespaces()
        self.make_process()
        self.make_mounts()
        self.make_linux()
        if self.mistaken:
            mistake = MISTAKES[self.case.number // 3 % len(MISTAKES)]
            self.case.mistake = mistake.__name__
            mistake(self.case)
        return self.case

    def make_namespaces(self):
        self.types = ["mount", "pid"] + [one for one in ("network", "ipc", "uts", "cgroup") if self.chance(0.8)]
        if not self.mistaken and self.chance(0.15):
            self.types.append("time")
            self.linux["timeOffsets"] = {"monotonic": {"secs": 1000}, "boottime": {"secs": 5000, "nanosecs": 3}}
        if self.chance(0.35):
            # sysfs and procfs are those of the namespace's owner.
            self.types += ["user"] + [one for one in ("network", "ipc") if one not in self.types]
            self.make_maps()
        self.random.shuffle(self.types)
        self.linux["namespaces"] = [{"type": one} for one in self.types]
        if "uts" in self.types and self.chance(0.8):
            self.case.config["hostname"] = self.random.choice(["a", "container", "host.example.org", "x" * 63])

    def make_maps(self):
        first = self.random.choice([0, 300000, 1000000])
        whole = [{"containerID": 0, "hostID": first, "size": 65536}]
        parts = [{"containerID": 0, "hostID": first, "size": 1000}, {"containerID": 1000, "hostID": first + 70000, "size": 64536}]
        self.linux["uidMappings"] = self.random.choice([whole, parts])
        self.linux["gidMappings"] = self.random.choice([whole, parts])
        self.case.owner = (first, first)

    def make_process(self):
        user = {"uid": self.random.choice([0, 0, 0, 1000, 65534]), "gid": self.random.choice([0, 0, 1000, 65534])}
        if self.chance(0.5):
            user["additionalGids"] = self.some([10, 20, 1000, 2000, 65000], 4)
        if self.chance(0.5):
            user["umask"] = self.random.choice([0, 0o22, 0o27, 0o77, 0o777])
        environment = ["PATH=/usr/bin:/bin"] if self.chance(0.9) else []
        environment += self.some(["HOME=/tmp", "A=1", "EMPTY=", "TWO=a=b", "SPACE=a b", "A=2", "TERM=xterm", "LANG=C.UTF-8"])
        process = {"user": user, "env": environment, "cwd": self.random.choice(["/", "/", "/tmp", "/srv", "/link", "/tmp/../srv"])}
        if self.chance(0.9):
            process["capabilities"] = self.capabilities()
        if self.chance(0.6):
            process["rlimits"] = [self.limit(*one) for one in self.some(LIMITS, 6)]
        if self.chance(0.5):
            process["noNewPrivileges"] = self.chance(0.7)
        if self.chance(0.4):
            process["oomScoreAdj"] = self.random.choice([0, 100, 500, 999, 1000])
        if self.chance(0.15):
            process["scheduler"] = {"policy": self.random.choice(["SCHED_BATCH", "SCHED_OTHER", "SCHED_IDLE"]), "nice": self.random.choice([0, 5, 19])}
        if self.chance(0.15):
            process["ioPriority"] = {"class": self.random.choice(["IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]), "priority": self.random.randint(0, 7)}
        self.case.config["process"] = process

    def limit(self, name, low, high):
        soft, hard = sorted([self.random.randint(low, high), self.random.randint(low, high)])
        return {"type": "RLIMIT_" + name, "soft": soft, "hard": hard}

    def capabilities(self):
        bounding = self.some(CAPABILITIES)
        permitted = self.some(bounding)
        sets = {"bounding": bounding, "permitted": permitted, "effective": self.some(permitted), "inheritable": self.some(bounding, 4)}
        sets["ambient"] = self.some([one for one in sets["inheritable"] if one in permitted])
        return {name: ["CAP_" + one for one in values] for name, values in sets.items() if values or self.chance(0.7)}

    def make_mounts(self):
        mounts = [{"destination": "/proc", "type": "proc", "source": "proc", "options": self.some(["nosuid", "noexec", "nodev"])},
                  {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}]
        mounts += self.some([
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]}])
        if "ipc" in self.types and self.chance(0.5):
            mounts.append({"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]})
        if "network" in self.types and self.chance(0.8):
            mounts.append({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]})
            if "cgroup" in self.types and self.chance(0.6):
                mounts.append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]})
        mounts += [self.extra_mount(number) for number in range(self.random.randint(0, 4))]
        self.case.config["mounts"] = mounts

    def extra_mount(self, number):
        place = self.random.choice(["/mnt/{}", "/made/here/{}", "/srv/{}", "/link/{}"]).format(number)
        kind = self.random.choice(["tmpfs", "bind", "rbind", "file", "tmpfs"])
        options = [self.random.choice(one) for one in self.some(ATTRIBUTES, 3)] + (["nosymfollow"] if not self.mistaken and self.chance(0.03) else [])
        if kind == "tmpfs":
            options += self.some(["size=64k", "nr_inodes=10"]) + self.some([self.random.choice(["mode=700", "mode=1777", "mode=0111"])])
            return {"destination": place, "type": "tmpfs", "source": "mine", "options": options}
        options += self.some(PROPAGATION, 1) + (self.some(RECURSIVE[:4] if self.mistaken else RECURSIVE, 2) if kind == "rbind" else [])
        way = "bind" if kind == "file" else kind
        return {"destination": place, "type": self.random.choice(["bind", "none"]), "source": self.source + ("/file" if kind == "file" else ""), "options": [way] + options}

    def make_linux(self):
        self.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "rwm"}]}
        sysctls = {name: value for kind in self.types for name, value in SYSCTLS.get(kind, {}).items() if self.chance(0.3)}
        # Their owner in a user namespace is root of the machine.
        sysctls = {} if "user" in self.types else sysctls
        if sysctls:
            self.linux["sysctl"] = sysctls
        if self.chance(0.6):
            self.linux["maskedPaths"] = self.some(MASKED)
        if self.chance(0.6):
            self.linux["readonlyPaths"] = self.some(READ_ONLY)
        if self.chance(0.4):
            self.linux["devices"] = self.devices()
        if self.chance(0.4):
            self.linux["seccomp"] = self.filter()
        if self.chance(0.2):
            self.linux["personality"] = {"domain": self.random.choice(["LINUX", "LINUX32"])}
        if self.chance(0.3):
            self.linux["rootfsPropagation"] = self.random.choice(["private", "rprivate", "slave", "rslave", "shared", "rshared"])

    def devices(self):
        if "user" in self.types:
            return self.some([{"path": "/dev/zero", "type": "c", "major": 1, "minor": 5}])
        return self.some([
            {"path": "/dev/extra", "type": "c", "major": 1, "minor": 5, "fileMode": self.random.choice([0o600, 0o640, 0o666]), "uid": 3, "gid": 4},
            {"path": "/dev/deep/er", "type": "c", "major": 1, "minor": 5},
            {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 0, "gid": 0},
            {"path": "/dev/pipe", "type": "p", "fileMode": 0o622, "uid": 0, "gid": 0}])

    def filter(self):
        rules = self.some([
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": self.random.choice([1, 38, 95])},
            {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["unlink", "unlinkat", "rmdir", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13, "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]},
            {"names": ["fchmodat", "chmod"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["personality"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 8, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ"}]}])
        return {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": rules or []}
