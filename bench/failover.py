"""The gap that clients see when a leader dies or stops: see failover.sh. Ends its members also when interrupted."""

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

NAMES = ("a", "b", "c")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    def __init__(self, command, folder):
        ports = free_ports(6)
        self.client = dict(zip(NAMES, ports[:3]))
        peer = dict(zip(NAMES, ports[3:]))
        listed = ",".join(f"{n}=http://127.0.0.1:{peer[n]}" for n in NAMES)
        self.commands = {
            n: command
            + ["--name", n, "--data-dir", f"{folder}/{n}", "--initial-cluster", listed]
            + ["--listen-client-urls", f"http://127.0.0.1:{self.client[n]}"]
            + ["--advertise-client-urls", f"http://127.0.0.1:{self.client[n]}"]
            + ["--listen-peer-urls", f"http://127.0.0.1:{peer[n]}"]
            + ["--initial-advertise-peer-urls", f"http://127.0.0.1:{peer[n]}"]
            for n in NAMES
        }
        self.folder = folder
        self.processes = {}
        for name in NAMES:
            self.start(name)

    def start(self, name):
        log = open(f"{self.folder}/{name}.log", "a")
        self.processes[name] = subprocess.Popen(self.commands[name], stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def ask(self, name, method, path, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.client[name], timeout=timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def wait_until_well(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if all(self.ask(n, "GET", "/health", 2)[1] == b'{"health":"true"}' for n in NAMES):
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        sys.exit("the cluster did not get well within 60 s")

    def leader(self):
        return json.loads(self.ask("a", "GET", "/v2/members/leader")[1])["name"]

    def gap(self, how):
        """Seconds until a write to another member succeeds, and how many failed."""
        old = self.leader()
        other = next(n for n in NAMES if n != old)
        self.processes[old].send_signal(how)
        begin = time.monotonic()
        failed = 0
        while True:
            try:
                if self.ask(other, "PUT", "/v2/keys/gap?value=1")[0] in (200, 201):
                    break
            except (OSError, http.client.HTTPException):
                pass
            failed += 1
            if time.monotonic() > begin + 60:
                sys.exit("no write succeeded within 60 s")
            time.sleep(0.005)
        gap = time.monotonic() - begin
        self.processes[old].wait(30)
        self.start(old)
        self.wait_until_well()
        return gap, failed

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def measure(command, rounds, folder):
    with tempfile.TemporaryDirectory(dir=folder) as data:
        cluster = Cluster(command, data)
        try:
            cluster.wait_until_well()
            return {how: [cluster.gap(how) for _ in range(rounds)] for how in (signal.SIGKILL, signal.SIGTERM)}
        finally:
            cluster.end()


def main():
    rounds, binary, etcd, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    etcd_gaps = measure([etcd, "--enable-v2"], rounds, folder)
    kvd_gaps = measure([binary, "kvd"], rounds, folder)
    print("## When a leader goes\n")
    print(f"Three members on loopback, {rounds} rounds each: until a write to another member succeeds.\n")
    print("| | etcd 3.4.23: median, worst, failed requests | kvd | ratio of the medians |")
    print("|---|---|---|---|")
    for how, title in ((signal.SIGKILL, "kill -9"), (signal.SIGTERM, "planned stop")):
        row = [title]
        medians = []
        for gaps in (etcd_gaps[how], kvd_gaps[how]):
            times = [gap for gap, _ in gaps]
            medians.append(statistics.median(times))
            row.append(f"{medians[-1]:.3f} s, {max(times):.3f} s, {sum(failed for _, failed in gaps)}")
        row.append(f"{medians[1] / medians[0]:.2f}")
        print("| " + " | ".join(row) + " |")


main()
