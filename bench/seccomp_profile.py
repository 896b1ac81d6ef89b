#!/usr/bin/env python3
"""Prints our table of allowed calls (runtime/seccomp_profile.h) as Docker writes its own profile for runtimes: linux.seccomp of a
config.json, for the three architectures of x86-64, with the rules for arguments. Every runtime of bench/runtime.sh gets it."""

import json
import pathlib
import re

source = (pathlib.Path(__file__).parent.parent / "runtime/seccomp_profile.h").read_text()
table = source[source.index("kAllowedCalls = {") : source.index("struct CapabilityCalls")]
table = "\n".join(line for line in table.splitlines() if not line.strip().startswith("//"))
names = " ".join(re.findall(r'"([^"]*)"', table)).split() + ["chroot"]


def allow(names, *arguments):
    return {"names": names, "action": "SCMP_ACT_ALLOW", "args": list(arguments)}


def argument(value, operator, second=0):
    return {"index": 0, "value": value, "valueTwo": second, "op": f"SCMP_CMP_{operator}"}


rules = [allow(names)]
rules += [allow(["personality"], argument(value, "EQ")) for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)]
rules += [allow(["socket"], argument(38, "LT")), allow(["socket"], argument(39, "EQ")), allow(["socket"], argument(40, "GT"))]
rules += [allow(["clone"], argument(0x7E020000, "MASKED_EQ"))]
rules += [{"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
print(
    json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": rules,
        }
    )
)
