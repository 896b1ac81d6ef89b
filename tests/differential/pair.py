"""The two stores under the same requests."""

import json
import time

from compare import PendingWatch, answers_differ
from steps import AT_ONCE, NAMES, ODD_NAMES, Moment, Settle
from wire import Answer, Server, Watch

SYNC = b"GET /v2/keys/?quorum=true HTTP/1.1\r\nHost: x\r\n\r\n"
MARGIN = 0.3  # seconds before a key runs out in which nothing may be asked any more
EXPIRY = 0.6  # seconds that etcd may take to remove what has run out: it looks every 0.5 s


class Late(Exception):
    """A key may have run out in one store and not yet in the other."""


class Difference:
    def __init__(self, position, what, etcd, kvd, indices):
        self.position, self.what, self.indices = position, what, indices
        self.etcd, self.kvd = show(etcd), show(kvd)


def show(seen):
    if isinstance(seen, Answer):
        head = "".join(f"{name}: {value}\n" for name, value in sorted(seen.headers.items()))
        return f"{seen.status}\n{head}\n{seen.body[:2000].decode(errors='backslashreplace')}"
    return str(seen)


class Pair:
    def __init__(self, etcd, kvd):
        self.etcd, self.kvd = Server(etcd), [Server(url) for url in kvd]
        self.requests = self.watches = self.expired = 0
        self.turn = 0
        self.patience = 3  # seconds for what a watch still has to bring

    # --- one sequence ---

    def run(self, steps, rules):
        """The first difference, or None."""
        self.reset()
        self.deadline, self.last_expiry, self.pending, self.indices = None, 0, [], {}
        try:
            for position, step in enumerate(steps):
                self.indices[position] = self.moment()
                difference = self.settle(position) if isinstance(step, Settle) else self.ask(position, step, rules)
                if difference:
                    return difference
                if self.deadline and time.monotonic() > self.deadline:
                    raise Late
            return self.compare_watches(rules)
        finally:
            for _, watch in self.pending:
                watch.close()

    def ask(self, position, step, rules):
        if rules.skip(step):
            return None
        self.requests += 1
        server = self.next_member(step)
        raw = step.raw(self.moment())
        try:
            if step.is_watch():
                etcd, kvd = Watch(self.etcd, raw), Watch(server, raw)
                answers = etcd.head, kvd.head
            else:
                self.etcd.send(raw)
                server.send(raw)
                answers = self.etcd.receive(step.method), server.receive(step.method)
        except (ConnectionError, ValueError, OSError) as error:
            return Difference(position, "the connection", error, "", self.indices)
        self.index = int(answers[0].headers.get("x-etcd-index", 0)) or self.index
        self.note_ttl(step, answers[0].status)
        what = answers_differ(step, *answers, rules)
        if what == "status" and self.is_cleared(answers) and rules.on("history-length"):
            etcd.close()
            kvd.close()
            return None
        if what:
            return Difference(position, what, *answers, self.indices)
        if step.is_watch() and not (etcd.ended and kvd.ended):
            self.watches += 1
            self.pending.append((position, PendingWatch(step, self.etcd, etcd, kvd)))
        return None

    @staticmethod
    def is_cleared(answers):
        return b'"errorCode":401' in answers[0].body and answers[1].status == 200

    def next_member(self, step):
        """Requests go round. What is no quorum read is asked where everything before is known."""
        self.turn += 1
        server = self.kvd[self.turn % len(self.kvd)]
        if len(self.kvd) > 1 and step.method in ("GET", "HEAD"):
            server.send(SYNC)
            server.receive("GET")
        return server

    def compare_watches(self, rules):
        for position, watch in self.pending:
            deadline = time.monotonic() + self.patience
            watch.pump(0.001)
            while watch.differ(rules) and time.monotonic() < deadline:
                watch.pump(0.05)
            if watch.differ(rules):
                return Difference(position, "what the watch brings", "\n".join(map(repr, watch.etcd.lines)),
                                  "\n".join(map(repr, watch.kvd.lines)), self.indices)
        return None

    # --- keys that run out ---

    def note_ttl(self, step, status):
        ttl = step.first("ttl") or ""
        if step.method not in ("PUT", "POST") or status > 201 or not ttl.isdecimal() or 60 <= int(ttl) != AT_ONCE:
            return
        seconds = 0 if int(ttl) == AT_ONCE else int(ttl)
        self.last_expiry = max(self.last_expiry, time.monotonic() + seconds)
        if seconds:
            deadline = time.monotonic() + seconds - MARGIN
            self.deadline = min(self.deadline or deadline, deadline)

    def settle(self, position):
        """Waits until all that runs out soon is gone from both stores: they have the same index again, and time enough
        has gone by."""
        self.deadline = None
        if self.last_expiry == 0:
            return None
        time.sleep(max(0, self.last_expiry + EXPIRY - time.monotonic()))
        deadline = time.monotonic() + self.patience
        self.last_expiry = 0
        while True:
            indices = [int(server.ask("GET", "/v2/keys/?quorum=true").headers["x-etcd-index"]) for server in (self.etcd, self.kvd[0])]
            if indices[0] == indices[1]:
                self.expired += indices[0] - self.index
                self.index = indices[0]
                return None
            if time.monotonic() > deadline:
                return Difference(position, "what runs out", f"index {indices[0]}", f"index {indices[1]}", self.indices)
            time.sleep(0.02)

    # --- between sequences ---

    def reset(self):
        """Empties both stores and makes their indices equal."""
        indices = [self.empty(server) for server in (self.etcd, self.kvd[0])]
        while indices[0] != indices[1]:
            behind = 0 if indices[0] < indices[1] else 1
            answer = (self.etcd, self.kvd[0])[behind].ask("PUT", "/v2/keys/_align?value=1")
            indices[behind] = int(answer.headers["x-etcd-index"])
        self.index, self.first = indices[0], indices[0] + 1

    def moment(self):
        return Moment(self.index, self.first)

    @staticmethod
    def empty(server):
        listing = json.loads(server.ask("GET", "/v2/keys/?quorum=true").body)
        names = [node["key"][1:] for node in listing["node"].get("nodes", []) if node["key"][1:].isalnum()]
        for name in dict.fromkeys(names + NAMES + [name for name in ODD_NAMES if name not in ("", ".", "..", "%2e%2e", "%2F")]):
            server.ask("DELETE", f"/v2/keys/{name}?recursive=true")
        # On both, so that both have it.
        return int(server.ask("PUT", "/v2/keys/_align?value=1").headers["x-etcd-index"])
