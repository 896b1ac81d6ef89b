#!/usr/bin/env python3
"""What containers may leave behind on a machine, as a list; and what of it is new.

usage: leaks.py list DIRECTORY...
       leaks.py after FILE SECONDS DIRECTORY...

`list` prints a line for each: mount, process in other namespaces than ours or of our runtime, namespace, cgroup, link, element of the packet
filter, address, range of ids, and file below the DIRECTORIES (state and data). `after` compares with FILE, a list from before: what
the kernel takes away by itself may take SECONDS; what is new after that is printed, and the exit code is 1.
"""
import json
import os
import re
import subprocess
import sys
import time

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
# Files that stay or come again, whatever runs: locks, a database's log, and the lists that are looked into below.
LASTING = (".lock", "ids.lock", "ids.json", ".network.json", "images.db-shm", "images.db-wal")


def mounts():
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            fields = line.split()
            kind = fields[fields.index("-") + 1]
            yield f"mount {fields[4]} {kind} {fields[3]}"


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return None


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def processes():
    ours = {name: link(f"/proc/self/ns/{name}") for name in NAMESPACES}
    runtime = os.path.basename(os.environ.get("CLUSTERCTL", "clusterctl"))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if state_of(pid) in (None, "Z", "X"):
            continue
        theirs = {name: link(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}
        others = [theirs[name] for name in NAMESPACES if theirs[name] and theirs[name] != ours[name]]
        program = os.path.basename(link(f"/proc/{pid}/exe") or "")
        if others or program.startswith(runtime):
            yield f"process {pid} {program}"
        for name in others:
            yield f"namespace {name}"


def cgroups():
    for directory, _, _ in os.walk("/sys/fs/cgroup"):
        yield f"cgroup {directory}"


def links():
    for name in os.listdir("/sys/class/net"):
        yield f"link {name}"


def packet_filter():
    result = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=False)
    for found in re.finditer(r"(map|set|chain|table) (\S+(?: \S+)?) \{", result.stdout):
        yield f"nft {found.group(1)} {found.group(2)}"
    for found in re.finditer(r"elements = \{([^}]*)\}", result.stdout):
        for element in found.group(1).split(","):
            yield f"nft element {element.strip()}"


def members(path, pick=lambda value: value):
    try:
        with open(path) as file:
            return pick(json.load(file))
    except (OSError, ValueError, KeyError):
        return {}


def files(directory):
    # An address that is kept for a link is free as soon as that is gone.
    for name in members(f"{directory}/.network.json"):
        if not name.startswith("cv") or os.path.exists(f"/sys/class/net/{name}"):
            yield f"address {name}"
    for name in members(f"{directory}/ids.json", lambda value: value["ranges"]):
        yield f"ids {name}"
    for place, directories, names in os.walk(directory):
        for name in directories + names:
            if name not in LASTING:
                yield f"file {place}/{name}"


def listed(directories):
    lines = set(mounts()) | set(processes()) | set(cgroups()) | set(links()) | set(packet_filter())
    for directory in directories:
        lines |= set(files(directory))
    return lines


def after(before, seconds, directories):
    with open(before) as file:
        known = set(file.read().splitlines())
    deadline = time.monotonic() + seconds
    while True:
        new = sorted(listed(directories) - known)
        if not new or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    for line in new:
        print(f"left behind: {line}")
    return 1 if new else 0


def main():
    if len(sys.argv) > 3 and sys.argv[1] == "after":
        return after(sys.argv[2], float(sys.argv[3]), sys.argv[4:])
    if len(sys.argv) > 1 and sys.argv[1] == "list":
        print("\n".join(sorted(listed(sys.argv[2:]))))
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
