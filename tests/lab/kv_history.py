#!/usr/bin/env python3
"""Loads a store with concurrent clients and records what they did and saw, for kv_history (tests/sim/README.md).

Clients write, compare and swap, delete and read (quorum=true) a few dozen keys, each write with a value of its own. A
call whose answer does not come, or says that it may have happened, has no end in the history; one that surely did not
happen is not in it. A call that failed is made again at the next endpoint (as a new call); when none has answered
within --patience it counts as failed.

Runs until SIGTERM, then reads every key once more until there is an answer, and prints a summary as JSON. Lines are
written as calls end, so the history also shows how the load goes on.
"""

import argparse
import http.client
import json
import os
import random
import signal
import sys
import threading
import time
import urllib.parse

CALLS_ON_A_KEY = 250  # then its place gets a new key: the search for an order stays short
UNKNOWN_ON_A_KEY = 3  # calls without an answer, the same
# What surely did not happen (kv/engine.h, Refusal).
NOTHING_DONE = ("etcdserver: no space", "etcdserver: too many requests", "etcdserver: no leader", "etcdserver: server stopped")


class Unanswered(Exception):
    """It may have happened, or not."""


class NotDone(Exception):
    """It surely did not happen."""


class Keys:
    """The keys in use. A place's key is replaced when it was used enough, so all keys together are many."""

    def __init__(self, places):
        self.lock = threading.Lock()
        self.generation = [0] * places
        self.calls = [0] * places
        self.unknown = [0] * places
        self.values = [[] for _ in range(places)]  # the last ones, for swaps

    def name(self, place, generation):
        return f"/h/k{place}-{generation}"

    def choose(self, pick):
        """A key, and a value that it may have."""
        with self.lock:
            place = pick.randrange(len(self.calls))
            self.calls[place] += 1
            if self.calls[place] > CALLS_ON_A_KEY or self.unknown[place] >= UNKNOWN_ON_A_KEY:
                self.generation[place] += 1
                self.calls[place] = self.unknown[place] = 0
                self.values[place] = []
            values = self.values[place]
            return place, self.generation[place], values[-1] if values else "none"

    def wrote(self, place, generation, value):
        with self.lock:
            if self.generation[place] == generation:
                self.values[place] = self.values[place][-3:] + [value]

    def lost_track(self, place, generation):
        with self.lock:
            self.unknown[place] += self.generation[place] == generation

    def all(self):
        with self.lock:
            return [self.name(place, number) for place, last in enumerate(self.generation) for number in range(last + 1)]


class History:
    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "w", encoding="ascii")
        self.answered = self.unanswered = self.failed = self.refused = 0
        self.last_write = time.monotonic()
        self.longest_gap = 0.0

    def add(self, call, begin, end=None):
        record = dict(call, **{"from": begin}) if end is None else dict(call, **{"from": begin, "to": end})
        with self.lock:
            self.file.write(json.dumps(record) + "\n")
            self.file.flush()
            if end is None:
                self.unanswered += 1
                return
            self.answered += 1
            if call["call"] != "read":
                now = time.monotonic()
                self.longest_gap = max(self.longest_gap, now - self.last_write)
                self.last_write = now

    def count(self, name):
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def summary(self, keys):
        return {"answered": self.answered, "unanswered": self.unanswered, "refused": self.refused, "failed": self.failed,
                "keys": keys, "longest_gap_ms": round(1000 * self.longest_gap)}


class Connection:
    """One keep-alive connection to one endpoint at a time."""

    def __init__(self, endpoints, at, timeout):
        self.endpoints, self.at, self.timeout = endpoints, at, timeout
        self.http = None

    def next(self):
        self.close()
        self.at = (self.at + 1) % len(self.endpoints)

    def close(self):
        if self.http:
            self.http.close()
        self.http = None

    def request(self, method, target, form=None):
        """Status and JSON of the answer. A connection that is refused has brought nothing there."""
        body = urllib.parse.urlencode(form) if form else None
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        try:
            if self.http is None:
                host, port = self.endpoints[self.at]
                self.http = http.client.HTTPConnection(host, port, timeout=self.timeout)
                self.http.connect()
        except OSError as error:
            raise NotDone(str(error)) from error
        try:
            self.http.request(method, target, body, headers)
            answer = self.http.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(str(error)) from error


class Client:
    def __init__(self, number, options, keys, history, stop):
        self.name = f"c{number}"
        self.random = random.Random(options.seed * 1000 + number)
        self.connection = Connection(options.endpoints, number % len(options.endpoints), options.timeout)
        self.patience, self.padding = options.patience, "." * options.padding
        self.keys, self.history, self.stop = keys, history, stop
        self.written = 0

    def run(self):
        while not self.stop.is_set():
            if self.random.random() < 0.005:  # so that all members are asked, also after a fault
                self.connection.next()
            self.step()

    def step(self):
        place, generation, likely = self.keys.choose(self.random)
        kind = self.random.choices(["write", "swap", "delete", "read"], [35, 20, 5, 40])[0]
        deadline = time.monotonic() + self.patience
        while not self.attempt(kind, place, generation, likely):
            self.connection.next()
            if time.monotonic() > deadline:
                self.history.count("failed")
                return
            self.stop.wait(0.01)

    def attempt(self, kind, place, generation, likely):
        """True when there was an answer."""
        call = {"client": self.name, "endpoint": self.connection.at, "call": kind, "key": self.keys.name(place, generation)}
        if kind in ("write", "swap"):
            self.written += 1
            call["value"] = f"{self.name}.{self.written}{self.padding}"
        if kind == "swap":
            call["expected"] = likely
        begin = time.monotonic_ns()
        try:
            answer = ask(self.connection, call)
        except NotDone:
            self.history.count("refused")
            return False
        except Unanswered as error:
            self.history.add(dict(call, why=str(error)), begin)
            if kind != "read":
                self.keys.lost_track(place, generation)
            return False
        self.history.add(dict(call, **answer), begin, time.monotonic_ns())
        if kind == "write" or answer.get("done") and kind == "swap":
            self.keys.wrote(place, generation, call["value"])
        return True


def ask(connection, call):
    """What the answer adds to the call. Throws NotDone and Unanswered."""
    target, kind = "/v2/keys" + call["key"], call["call"]
    if kind == "read":
        status, body = connection.request("GET", target + "?quorum=true")
        if status in (200, 404):
            return {"seen": body["node"]["value"] if status == 200 else None}
    elif kind == "delete":
        status, body = connection.request("DELETE", target)
        if status in (200, 404):
            return {"done": status == 200}
    else:
        form = {"value": call["value"]}
        if kind == "swap":
            form["prevValue"] = call["expected"]
        status, body = connection.request("PUT", target, form)
        if kind == "write" and status in (200, 201):
            return {}
        if kind == "swap" and status in (200, 404, 412):
            return {"done": status == 200}
    if body.get("cause") in NOTHING_DONE:
        raise NotDone(body["cause"])
    raise Unanswered(f"{status} {body}")


def read_all(options, keys, history):
    """The last word on every key, from one member after the other. A clean end proves that reads work again."""
    deadline = time.monotonic() + 30
    connection = Connection(options.endpoints, 0, options.timeout)
    for key in keys:
        call = {"client": "last", "call": "read", "key": key}
        while True:
            connection.next()
            begin = time.monotonic_ns()
            try:
                answer = ask(connection, call)
                history.add(dict(call, **answer), begin, time.monotonic_ns())
                break
            except (NotDone, Unanswered) as error:
                if time.monotonic() > deadline:
                    sys.exit(f"kv_history: {key} cannot be read: {error}")
                time.sleep(0.02)


def endpoint(text):
    url = urllib.parse.urlsplit(text)
    if url.scheme != "http" or not url.hostname or not url.port:
        raise argparse.ArgumentTypeError(f"{text}: http://HOST:PORT is wanted")
    return url.hostname, url.port


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("endpoints", nargs="+", type=endpoint, metavar="URL")
    parser.add_argument("--out", required=True, metavar="FILE", help="the history")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--keys", type=int, default=24, help="in use at a time")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS", help="for one answer")
    parser.add_argument("--patience", type=float, default=10.0, metavar="SECONDS", help="for one call at all endpoints")
    parser.add_argument("--padding", type=int, default=0, metavar="BYTES", help="makes values longer")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    options = parser.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    keys, history = Keys(options.keys), History(options.out)
    clients = [Client(number, options, keys, history, stop) for number in range(options.clients)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    stop.wait()
    for thread in threads:
        thread.join()
    names = keys.all()
    read_all(options, names, history)
    print(json.dumps(history.summary(len(names))))


main()
