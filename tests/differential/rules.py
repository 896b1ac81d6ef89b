"""The differences between etcd and kvd that are meant, each with its row in docs/kv.md and requests that show it.

Whoever compares asks `rules.on(name)` before it lets a difference pass. A rule that is switched off is a difference that is found: so
each is shown to be needed. A rule that `skips` names requests after which the two stores hold different things: these
are not sent.
"""

import dataclasses
import time
from collections import Counter

from steps import Settle, Step


def put(path, *body, **more):
    return Step("PUT", "/v2/keys" + path, (), body, **more)


def get(path, *query):
    return Step("GET", "/v2/keys" + path, query)


def delete(path, *query):
    return Step("DELETE", "/v2/keys" + path, query)


def overflows(step):
    """An update whose TTL in nanoseconds wraps to before the year 2000."""
    ttl = step.first("ttl") or ""
    changes = any(step.first(name) is not None for name in ("prevExist", "prevIndex", "prevValue"))
    if step.method != "PUT" or not changes or not ttl.isdecimal() or int(ttl) >= 1 << 64:
        return False
    wrapped = (time.time_ns() + int(ttl) * 10**9 + (1 << 63)) % (1 << 64) - (1 << 63)
    return wrapped < 946_684_800 * 10**9


@dataclasses.dataclass(frozen=True)
class Rule:
    name: str
    row: str  # first column in docs/kv.md
    witness: tuple
    skips: object = None


RULES = [
    Rule("listing-order", "order of a listing without `sorted=true`",
         tuple(put(f"/o/{n}", "value=1") for n in range(12)) + (get("/o"),)),
    Rule("stream-from-history", "`stream=true` with a `waitIndex` in the past",
         (put("/s", "value=1"), put("/s", "value=2"), get("/s", "wait=true", "stream=true", "waitIndex=@-1"))),
    Rule("delete-twice", "a stream on a key that is removed",
         (put("/s", "value=1"), get("/s", "wait=true", "stream=true"), delete("/s"), get("/"))),
    Rule("hidden-history", "hidden keys, watched recursively from above with a `waitIndex` in the past",
         (put("/h/_x", "value=1"), get("/h", "wait=true", "recursive=true", "waitIndex=@+0"), get("/"))),
    Rule("prefix-history", "a removed directory `/a` and a watch with `waitIndex` on `/ab`",
         (put("/p", "dir=true"), delete("/p", "dir=true"), get("/pq", "wait=true", "waitIndex=@+0"), get("/"))),
    Rule("live-below-removed", "a removed directory and a live watch on a missing key below",
         (put("/l", "dir=true"), get("/l/x", "wait=true"), delete("/l", "dir=true"), get("/"))),
    Rule("history-length", "events kept for watches",
         tuple(put("/e", f"value={n}") for n in range(1003)) + (get("/e", "wait=true", "waitIndex=@-1001"),)),
    Rule("ttl-overflow", "a TTL too large for 64 bits of nanoseconds, on update or compare-and-swap",
         (put("/t", "value=1"), put("/t", "value=2", "ttl=9300000000", "prevExist=true"), Settle(), get("/t")), overflows),
    Rule("head-length", "`Content-Length` of HEAD",
         (put("/b", "value=" + "v" * 3000), Step("HEAD", "/v2/keys/b"))),
    Rule("key-parts", "parts of a key", (get("/k" * 600),), lambda step: step.path.count("/") > 500),
    Rule("body-size", "size of a request's body",
         (put("/b", "value=" + "v" * 3_000_000),), lambda step: sum(map(len, step.body or ())) > 2_000_000),
]


class Rules:
    """Which rules hold, and how often each was needed."""

    def __init__(self, off=()):
        self.off = set(off)
        self.used = Counter()

    def on(self, name):
        if name in self.off:
            return False
        self.used[name] += 1
        return True

    def skip(self, step):
        return any(rule.skips and rule.skips(step) and self.on(rule.name) for rule in RULES)
