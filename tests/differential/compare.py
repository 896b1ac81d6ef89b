"""Are two answers the same? Byte for byte, but for clocks (expiry times are each server's own) and for the rules."""

import dataclasses
import datetime
import json
import re
from urllib.parse import unquote_to_bytes

from steps import TRUE, Moment
from wire import Watch

COMPARED = ["content-type", "x-etcd-index", "allow", "location", "x-content-type-options",
            "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"]
PRESENT = ["x-etcd-cluster-id", "x-raft-index", "x-raft-term"]
EXPIRATION = re.compile(rb'"expiration":"([^"]*)"')
TTL = re.compile(rb'"ttl":(-?\d+)')
TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{0,8}[1-9]))?Z")
TOLERANCE = 2  # seconds between the clocks' readings for the same request


def seconds(text):
    match = TIME.fullmatch(text)
    if not match:
        return None
    whole = datetime.datetime.fromisoformat(match[1].decode() + "+00:00").timestamp()
    return whole + float(b"0." + (match[2] or b"0"))


def without_clocks(etcd, kvd):
    """Both bodies with marks for expiry times, where these are well written and nearly the same."""
    for pattern, near in ((EXPIRATION, lambda a, b: None not in (seconds(a), seconds(b)) and abs(seconds(a) - seconds(b)) < TOLERANCE),
                          (TTL, lambda a, b: abs(int(a) - int(b)) <= 1)):
        ours, theirs = pattern.findall(kvd), pattern.findall(etcd)
        # In a listing the order may differ: then times are compared in theirs.
        if len(ours) == len(theirs) and all(near(a, b) for a, b in zip(sorted(theirs), sorted(ours))):
            etcd, kvd = pattern.sub(b'"":0', etcd), pattern.sub(b'"":0', kvd)
    return etcd, kvd


def in_order(body):
    """A listing with its nodes by name; the fields stay in their order."""
    def pairs(items):
        return [(name, sorted(value, key=str) if name == "nodes" else value) for name, value in items]
    try:
        return json.loads(body, object_pairs_hook=pairs)
    except ValueError:
        return body


def bodies_differ(step, etcd, kvd, rules):
    if etcd == kvd:
        return False
    etcd, kvd = without_clocks(etcd, kvd)
    if etcd == kvd:
        return False
    return not (b'"nodes":[' in etcd and in_order(etcd) == in_order(kvd) and rules.on("listing-order"))


def answers_differ(step, etcd, kvd, rules):
    """The name of the first thing that differs, or None."""
    if etcd.status != kvd.status:
        return "status"
    for name in COMPARED:
        if etcd.headers.get(name) != kvd.headers.get(name):
            return name
    for name in PRESENT:
        if (name in etcd.headers) != (name in kvd.headers):
            return name
    if step.method == "HEAD":
        lengths = etcd.headers.get("content-length"), kvd.headers.get("content-length")
        if lengths[0] != lengths[1] and not (lengths[0] is None and rules.on("head-length")):
            # The digits of an expiry time may be fewer.
            if None in lengths or not 0 <= abs(int(lengths[0]) - int(lengths[1])) <= 12:
                return "content-length"
    return "body" if bodies_differ(step, etcd.body, kvd.body, rules) else None


def key_of(step):
    """The key that a watch is for, as events name it."""
    parts = []
    for part in unquote_to_bytes(step.path).removeprefix(b"/v2/keys").decode(errors="replace").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


class Event:
    def __init__(self, line):
        self.line = line
        event = json.loads(line)
        self.key = event["node"].get("key", "/")
        self.index = event["node"]["modifiedIndex"]
        self.removes_directory = event["action"] in ("delete", "expire") and event["node"].get("dir", False)

    def hidden_from(self, key):
        return self.key != key and "/_" in self.key.removeprefix(key.rstrip("/"))

    def above(self, key):
        return self.removes_directory and key.startswith(self.key.rstrip("/") + "/")

    def beside(self, key):
        return self.removes_directory and key.startswith(self.key) and key != self.key and not self.above(key)


class PendingWatch:
    """A watch that both servers have taken, and what it brings."""

    def __init__(self, step, etcd_server, etcd, kvd):
        self.step, self.server, self.etcd, self.kvd = step, etcd_server, etcd, kvd
        self.key = key_of(step)
        self.stream = step.first("stream") in TRUE
        self.start = int(etcd.head.headers["x-etcd-index"])

    def close(self):
        self.etcd.close()
        self.kvd.close()

    def pump(self, seconds=0):
        self.etcd.pump(seconds)
        self.kvd.pump(seconds)

    def differ(self, rules):
        theirs, ours = self.etcd.lines, self.kvd.lines
        if theirs and self.start >= Event(theirs[0]).index:
            theirs[0] = self.without_foreign(theirs[0], rules)
            if theirs[0] is None:
                theirs = []
            if self.stream and len(ours) > 1 and rules.on("stream-from-history"):
                theirs, ours = theirs[:1], ours[:1]
        if self.stream:
            repeated = [n for n in range(1, len(theirs)) if theirs[n] == theirs[n - 1]]
            if repeated and rules.on("delete-twice"):
                theirs = [line for n, line in enumerate(theirs) if n not in repeated]
        if len(ours) > 0 and not self.same(theirs, ours):
            kept = [line for line in ours if line in theirs or not Event(line).above(self.key)]
            if kept != ours and rules.on("live-below-removed"):
                if not self.stream:
                    return False
                ours = kept
        return not self.same(theirs, ours)

    @staticmethod
    def same(theirs, ours):
        return len(theirs) == len(ours) and all(a == b for a, b in (without_clocks(*pair) for pair in zip(theirs, ours)))

    def without_foreign(self, line, rules):
        """etcd's history brings events that a live watch would not: asks on behind them."""
        while line is not None:
            event = Event(line)
            hidden, beside = event.hidden_from(self.key), event.beside(self.key)
            if not (hidden and rules.on("hidden-history") or beside and rules.on("prefix-history")):
                return line
            query = tuple(piece for piece in self.step.query if not piece.startswith(("waitIndex=", "stream=")))
            again = Watch(self.server, dataclasses.replace(self.step, query=query + (f"waitIndex={event.index + 1}",)).raw(Moment()))
            again.pump(0.2)
            line = again.lines[0] if again.lines else None
            again.close()
        return None
