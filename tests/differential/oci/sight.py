"""What a container sees: the shell script that prints it, and what it prints as sections of lines that do not depend on which runtime ran it."""

import os
import re
import stat

SECTIONS = {
    "mountinfo": "cat /proc/self/mountinfo",
    "status": "grep -E '^(Uid|Gid|Groups|Cap[A-Z].*|NoNewPrivs|Seccomp|Seccomp_filters|Umask|SigBlk|SigIgn|SigCgt|Speculation.*|Cpus_allowed_list):' /proc/self/status",
    "limits": "cat /proc/self/limits",
    "uid_map": "cat /proc/self/uid_map",
    "gid_map": "cat /proc/self/gid_map",
    "setgroups": "cat /proc/self/setgroups",
    "namespaces": "for n in cgroup ipc mnt net pid time user uts; do echo $n $(readlink /proc/self/ns/$n); done",
    "dev": "find /dev -exec stat -c '%n %F %a %u:%g %t:%T %N' {} +",
    "sysctls": "for n in $SYSCTLS; do echo $n $(cat /proc/sys/$n); done",
    "host name": "hostname",
    "domain name": "cat /proc/sys/kernel/domainname",
    "directory": "readlink /proc/self/cwd",
    "environment": "tr '\\0' '\\n' </proc/self/environ",
    "oom_score_adj": "cat /proc/self/oom_score_adj",
    "personality": "cat /proc/self/personality; uname -m",
    "clocks": "cat /proc/self/timens_offsets",
    "cgroup": "grep ^0: /proc/self/cgroup",
    # Process group and session are its own; terminal, nice, priority, policy.
    "process": "awk '{ print ($5 == $1) ($6 == $1), $7, $18, $19, $40, $41 }' /proc/$$/stat; ionice",
    "descriptors": "ls /proc/$$/fd",
    "arguments": "tr '\\0' '\\n' </proc/$$/cmdline | head -n 1",
    "made directory": "mkdir /tmp/made; stat -c '%a %u:%g' /tmp/made; rmdir /tmp/made; hostname other; kill -10 0",
    "masked": "stat -c '%n %F %a' /proc/keys; for p in /proc/timer_list /etc/passwd; do stat -c '%n %F %a' $p; head -c 1 $p 2>&1 | wc -c; done; ls -a /sys/firmware /srv",
    "written": "for p in /proc/sys/kernel/domainname /etc/group /srv/new /dev/new /new; do (: >>$p) 2>&1; done",
}


def script(sysctls, code):
    """For busybox' shell, which finds no applet by PATH: each is called by the one file that is there."""
    text = f"SYSCTLS='{' '.join(name.replace('.', '/') for name in sysctls)}'\nb=/bin/busybox\n"
    for applet in "awk cat find grep head hostname ionice ls mkdir readlink rmdir stat tr uname wc".split():
        text += f"{applet}() {{ $b {applet} \"$@\"; }}\n"
    for name, commands in SECTIONS.items():
        text += f"echo '=== {name}'\n{commands.replace('-exec ', '-exec $b ')}\n"
    return text + f"echo '=== end'\nexit {code}\n"


def make_root(path, busybox, owner):
    """A root tree with a static busybox, two users, and a link to a directory."""
    directories = ["", "bin", "etc", "mnt", "srv", "tmp", "usr", "var"]
    for name in directories:
        os.mkdir(os.path.join(path, name))
    os.link(busybox, os.path.join(path, "bin/busybox"))
    os.symlink("busybox", os.path.join(path, "bin/sh"))
    os.symlink("../srv", os.path.join(path, "var/link"))
    os.symlink("var/link", os.path.join(path, "link"))
    for name, text in (("passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"), ("group", "root:x:0:\n")):
        with open(os.path.join(path, "etc", name), "w", encoding="ascii") as file:
            file.write(text)
    for name in directories:
        os.chown(os.path.join(path, name), *owner)
        os.chmod(os.path.join(path, name), 0o1777 if name == "tmp" else 0o755)


def tree(path, owner):
    """What is in the root tree afterwards: places that were made for mounts. Owners as the container sees them."""
    lines = []
    for directory, names, files in os.walk(path):
        for name in names + files:
            full = os.path.join(directory, name)
            status = os.lstat(full)
            link = " " + os.readlink(full) if stat.S_ISLNK(status.st_mode) else ""
            lines.append(f"{full.removeprefix(path)} {stat.filemode(status.st_mode)} {status.st_uid - owner[0]}:{status.st_gid - owner[1]}{link}")
    return sorted(lines)


def mounts(lines, bundle):
    """/proc/self/mountinfo (proc_pid_mountinfo(5)) without numbers; the parent by its place, options in order."""
    fields = [line.split(" ") for line in lines]
    places = {one[0]: one[4] for one in fields}
    result = []
    for one in fields:
        separator = one.index("-")
        propagation = [re.sub(r":\d+", "", word) for word in one[6:separator]]
        kind, source, options = one[separator + 1:separator + 4]
        root = one[3].replace(bundle, "BUNDLE")
        root = re.sub("^.*BUNDLE", "BUNDLE", root)
        result.append(f"{one[4]} on {places.get(one[1], '-')} from {root} {in_order(one[5])} {' '.join(propagation)} {kind} {source} {in_order(options)}")
    return sorted(result)


def in_order(options):
    return ",".join(sorted(options.split(",")))


def sections(output, bundle, identity, machine):
    """`machine`: this machine's own namespaces, by name."""
    result, name = {}, None
    for line in output.splitlines():
        if line.startswith("=== "):
            name = line[4:]
            result[name] = []
        elif name:
            result[name].append(line.replace(identity, "ID"))
    if "mountinfo" in result:
        result["mountinfo"] = mounts(result["mountinfo"], bundle)
    result["environment"] = sorted(result.get("environment", []))
    result["dev"] = sorted(result.get("dev", []))
    pairs = [line.split(" ") for line in result.get("namespaces", [])]
    result["namespaces"] = [f"{kind} {'as the machine' if value == machine[kind] else 'new'}" for kind, value in pairs]
    return result
