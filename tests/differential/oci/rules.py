"""The differences between crun and oci-runtime that are known, each with its reason.

`forgive(case, theirs, ours)` takes the difference out of the two outcomes. A rule counts as used when that made something equal that was not.
"""

import dataclasses
import re

RULES = []


@dataclasses.dataclass
class Rule:
    name: str
    reason: str
    forgive: object
    used: int = 0


def rule(reason):
    def add(function):
        RULES.append(Rule(function.__name__.replace("_", "-"), reason, function))
        return function
    return add


def apply(case, theirs, ours):
    for one in RULES:
        before = different(theirs, ours)
        one.forgive(case, theirs, ours)
        one.used += different(theirs, ours) != before


def different(theirs, ours):
    """What differs: section, their lines, our lines. When only one of them ran there is nothing more to compare."""
    if theirs["verdict"] != ours["verdict"] and ["refused"] in (theirs["verdict"], ours["verdict"]):
        return [("verdict", theirs["verdict"], ours["verdict"])]
    names = list(dict.fromkeys(list(theirs) + list(ours)))
    return [(name, theirs.get(name), ours.get(name)) for name in names if theirs.get(name) != ours.get(name)]


def edit(section, theirs, ours, change):
    """Both sides' lines through the same function, which returns None for a line that goes."""
    for outcome in (theirs, ours):
        if section in outcome:
            outcome[section] = [line for line in map(change, outcome[section]) if line is not None]


def refused(who, other, when):
    if when and who["verdict"] == ["refused"]:
        other.clear()
        other["verdict"] = ["refused"]


def linux(case):
    return case.config["linux"] if isinstance(case.config["linux"], dict) else {}


def mounts(case):
    return case.config["mounts"]


@rule("oci-runtime's are smaller and without set-user-id, programs and devices; all paths share one")
def masked_directory(case, theirs, ours):
    edit("mountinfo", theirs, ours, lambda line: line.split(" from ")[0] + " MASK" if re.search(r"size=(0k|4k)", line) else line)


@rule("oci-runtime mounts the null device without set-user-id and programs")
def masked_file(case, theirs, ours):
    masked = linux(case).get("maskedPaths", [])
    edit("mountinfo", theirs, ours, lambda line: line.split(" from ")[0] + " MASK" if line.split(" ")[0] in masked and " from /null " in line else line)


@rule("oci-runtime binds the nodes to their places, so that all file systems of the container can be nodev; what they are is compared in /dev's listing")
def device_nodes(case, theirs, ours):
    edit("mountinfo", theirs, ours, lambda line: None if re.match(r"/dev/(full|null|random|tty|urandom|zero|extra|deep/er) ", line) else line)


@rule("/proc/kcore is nothing for a container, so that no link leads there")
def no_link_to_kcore(case, theirs, ours):
    edit("dev", theirs, ours, lambda line: None if line.startswith("/dev/core ") else line)


@rule("the source of a cgroup mount is a free text; oci-runtime's is that of config.json")
def cgroup_source(case, theirs, ours):
    edit("mountinfo", theirs, ours, lambda line: line.replace(" cgroup2 cgroup2 ", " cgroup2 cgroup "))


@rule("crun makes places for mounts with the modes 01755 and 0700")
def modes_of_places(case, theirs, ours):
    edit("tree", theirs, ours, lambda line: re.sub(r" ([d-])r\S+ ", r" \1 ", line))


@rule("runc's meaning, too: crun sets the root's propagation on all mounts once more, at the end")
def propagation_of_a_bind(case, theirs, ours):
    edit("mountinfo", theirs, ours, lambda line: re.sub(r" (shared|master)( (shared|master))? ", "  ", line))


@rule("bind means this mount alone; crun takes an rshared, rslave or rprivate beside it for rbind")
def bind_with_recursive_propagation(case, theirs, ours):
    places = [one["destination"] for one in mounts(case) if "bind" in one.get("options", []) and {"rshared", "rslave", "rprivate"} & set(one["options"])]
    places = tuple(re.sub("^/link/", "/srv/", one) + "/below" for one in places)
    edit("mountinfo", theirs, ours, lambda line: None if line.split(" ")[0] in places else line)


@rule("a read-only path is read-only with all mounts below it; crun leaves these writable, and drops options that they had")
def mounts_below_a_read_only_path(case, theirs, ours):
    paths = tuple(one + "/" for one in linux(case).get("readonlyPaths", []))
    edit("mountinfo", theirs, ours, lambda line: re.sub(r" \S*\b(ro|rw)\b\S* ", " - ", line, count=1) if line.startswith(paths) and " on /srv" in line else line)


@rule("crun 1.21 does not know it: for a tmpfs it is refused, for a bind it is left out")
def nosymfollow(case, theirs, ours):
    edit("mountinfo", theirs, ours, lambda line: re.sub(",nosymfollow|nosymfollow,", "", line))
    refused(theirs, ours, any("nosymfollow" in one.get("options", []) and one["type"] == "tmpfs" for one in mounts(case)))


@rule("crun 1.21 fails on it (mount_setattr(2) wants the other ways to keep access times taken away)")
def rnoatime(case, theirs, ours):
    refused(theirs, ours, any("rnoatime" in one.get("options", []) for one in mounts(case)))


@rule("crun 1.21 writes the offsets too late to be allowed to")
def clocks_in_a_user_namespace(case, theirs, ours):
    refused(theirs, ours, {"time", "user"} <= set(case.namespaces()))


def strict(mistake, reason):
    """What crun lets pass, in part with a meaning that nobody meant."""
    def forgive(case, theirs, ours):
        refused(ours, theirs, case.mistake == mistake)
    RULES.append(Rule("strict-" + mistake.replace("_", "-"), reason, forgive))


strict("directory_relative", "runtime-spec: cwd must be absolute")
strict("limit_is_text", "the schema wants a number; crun takes 0 for it")
strict("user_is_text", "the schema wants a number; crun takes 0 for it, which is root")
strict("mask_is_text", "the schema wants a number; crun takes 0 for it")
strict("capability_unknown", "a capability that cannot be given is not left out in silence")
strict("maps_without_user_namespace", "they would say nothing, and somebody relies on them")
strict("propagation_unknown", "crun takes it for none")
strict("version_2", "what a version 2 means is not known")
strict("member_unknown", "what cannot be honoured is refused by its name")
strict("limit_twice", "which of the two is meant is nowhere written")
strict("environment_is_an_object", "the schema wants a list; crun takes an empty one for it")
strict("device_of_unknown_type", "crun makes a device of another type")
strict("user_namespace_without_maps", "crun maps all ids of the machine, root among them")
