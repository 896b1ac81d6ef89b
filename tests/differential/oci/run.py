#!/usr/bin/env python3
"""Runs the same generated containers with crun and with oci-runtime, and compares what they see; see rules.py for what may differ.

Needs mount and network namespaces that it may spoil. Exit code 1 for a difference, and for a rule that nothing needed.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import shutil
import subprocess
import sys
import time

import rules
import sight
from configs import Maker

PATIENCE = 30  # seconds for one container


class Runtime:
    def __init__(self, name, command, work):
        self.name = name
        self.command = command + ["--root", os.path.join(work, "state-" + name)]

    def run(self, case, directory, busybox, machine):
        bundle = os.path.join(directory, self.name)
        os.mkdir(bundle)
        sight.make_root(os.path.join(bundle, "rootfs"), busybox, case.owner)
        identity = f"differential-{os.getpid()}-{case.number}-{self.name}"
        config = json.loads(json.dumps(case.config))
        if isinstance(config.get("linux"), dict):
            config["linux"]["cgroupsPath"] = f"/differential-{os.getpid()}/{identity}"
        with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
            file.write(case.text or json.dumps(config))
        # Pipes only: crun gives /dev/null as standard input to the container's user, on the machine.
        done = subprocess.run(self.command + ["run", "--bundle", bundle, identity], input=b"", capture_output=True, timeout=PATIENCE, check=False)
        output = done.stdout.decode(errors="replace")
        if "=== " not in output:
            if done.returncode == 0:
                return {"verdict": ["neither ran nor refused"]}, done.stderr.decode(errors="replace")
            return {"verdict": ["refused"]}, done.stderr.decode(errors="replace")
        seen = sight.sections(output, bundle, identity, machine)
        seen["tree"] = sight.tree(os.path.join(bundle, "rootfs"), case.owner)
        return {"verdict": [f"ran, exit code {done.returncode}"], **seen}, done.stderr.decode(errors="replace")


def make(seed, number, source):
    case = Maker(seed, number, source).make()
    process = case.config.get("process")
    if isinstance(process, dict):
        sysctls = case.config["linux"].get("sysctl", {}) if isinstance(case.config["linux"], dict) else {}
        program = ["sh", "/bin/sh", "/bin/../bin/sh"][number % 3] if any(one.startswith("PATH=") for one in process["env"]) else "/bin/sh"
        process.setdefault("args", [program, "-c", sight.script(sysctls, number % 100)])
    return case


def compare(case, runtimes, work, busybox, machine):
    directory = os.path.join(work, str(case.number))
    os.mkdir(directory)
    (theirs, their_errors), (ours, our_errors) = [one.run(case, directory, busybox, machine) for one in runtimes]
    shutil.rmtree(directory)
    return case, theirs, ours, their_errors, our_errors


def report(seed, outcome, difference):
    case, _, _, their_errors, our_errors = outcome
    print(f"\n=== seed {seed}, configuration {case.number}{', mistake: ' + case.mistake if case.mistake else ''}")
    for name, theirs, ours in difference:
        print(f"--- {name}")
        for line in difflib.unified_diff(theirs or [], ours or [], "crun", "oci-runtime", lineterm="", n=0):
            if not line.startswith("@@"):
                print("  " + line)
    for name, text in (("crun", their_errors), ("oci-runtime", our_errors)):
        if text.strip():
            print(f"--- {name} says: {text.strip()[-300:]}")


def cgroups_left(parent):
    """Takes away what crun leaves when it refuses late. The number of those that oci-runtime left, which is to be 0."""
    left = [name for name in os.listdir(parent) if os.path.isdir(os.path.join(parent, name))] if os.path.isdir(parent) else []
    for name in left:
        os.rmdir(os.path.join(parent, name))
    if os.path.isdir(parent):
        os.rmdir(parent)
    ours = [name for name in left if name.endswith("-ours")]
    if ours:
        print("oci-runtime left the cgroups of", ", ".join(ours))
    return len(ours)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusterctl", required=True)
    parser.add_argument("--work", required=True, help="a directory that everybody may enter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--number", type=int, help="this configuration alone")
    parser.add_argument("--show", action="store_true", help="print the configurations, and all that the two say")
    parser.add_argument("--without", action="append", default=[], metavar="RULE", help="a rule that is not to hold")
    arguments = parser.parse_args()

    begin = time.monotonic()
    rules.RULES[:] = [one for one in rules.RULES if one.name not in arguments.without]
    runtimes = [Runtime("crun", ["crun", "--cgroup-manager=cgroupfs"], arguments.work),
                Runtime("ours", [arguments.clusterctl, "oci-runtime"], arguments.work)]
    source = os.path.join(arguments.work, "source")
    os.makedirs(os.path.join(source, "below"))
    with open(os.path.join(source, "file"), "w", encoding="ascii") as file:
        file.write("content\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "below", os.path.join(source, "below")], check=True)
    busybox = shutil.copy("/usr/bin/busybox", os.path.join(arguments.work, "busybox"))
    machine = {name: os.readlink(f"/proc/self/ns/{name}") for name in "cgroup ipc mnt net pid time user uts".split()}

    numbers = [arguments.number] if arguments.number is not None else range(arguments.count)
    cases = [make(arguments.seed, number, source) for number in numbers]
    if arguments.show:
        print("\n".join(json.dumps(case.config, indent=1) for case in cases))
    failed, refused = 0, 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() + 1) as pool:
        for outcome in pool.map(lambda case: compare(case, runtimes, arguments.work, busybox, machine), cases):
            case, theirs, ours, _, _ = outcome
            refused += ours["verdict"] == ["refused"]
            if arguments.show:
                report(arguments.seed, outcome, [])
            rules.apply(case, theirs, ours)
            difference = rules.different(theirs, ours)
            if difference:
                failed += 1
                report(arguments.seed, outcome, difference)
    subprocess.run(["umount", os.path.join(source, "below")], check=True)
    failed += cgroups_left(f"/sys/fs/cgroup/differential-{os.getpid()}")
    print(f"\n{len(cases)} configurations of seed {arguments.seed}: {len(cases) - failed} the same ({refused} refused), {failed} different, {time.monotonic() - begin:.0f} s")
    print("rules used:", ", ".join(f"{one.name} {one.used}" for one in rules.RULES) or "none")
    # The kept seed shows each rule; others and parts of it may not.
    unused = [one.name for one in rules.RULES if not one.used]
    if unused and arguments.number is None and arguments.seed == 1 and arguments.count == 200:
        print("rules that nothing needs:", ", ".join(unused))
        failed += 1
    return 1 if failed else 0


sys.exit(main())
