"""The gap that clients see when a leader dies or stops: see failover.sh. Ends its members also when interrupted."""

import http.client
import json
import math
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
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

    def write(self, name):
        try:
            return self.ask(name, "PUT", "/v2/keys/gap?value=1")[0] in (200, 201)
        except (OSError, http.client.HTTPException):
            return False

    def gap(self, how):
        """Seconds until the client that waits has written, how many of its requests failed, and seconds until the first
        of the requests that begin every 50 ms was answered."""
        old = self.leader()
        other = next(n for n in NAMES if n != old)
        written = threading.Event()
        first = []
        self.processes[old].send_signal(how)
        begin = time.monotonic()

        def fresh_request():
            if self.write(other):
                first.append(time.monotonic() - begin)
                written.set()

        def fresh_requests():
            while not written.wait(0.05):
                threading.Thread(target=fresh_request, daemon=True).start()

        beside = threading.Thread(target=fresh_requests, daemon=True)
        beside.start()
        failed = 0
        while not self.write(other):
            failed += 1
            if time.monotonic() > begin + 60:
                sys.exit("no write succeeded within 60 s")
            time.sleep(0.005)
        gap = time.monotonic() - begin
        written.set()
        beside.join()
        self.processes[old].wait(30)
        self.start(old)
        self.wait_until_well()
        return gap, failed, min([gap, *first])

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


def percentile(times, part):
    """By nearest rank."""
    return sorted(times)[max(0, math.ceil(part * len(times)) - 1)]


def row(title, etcd, kvd, column, goal, met):
    cells, medians = [title], []
    for rounds in (etcd, kvd):
        times = [one[column] for one in rounds]
        medians.append(statistics.median(times))
        text = f"{medians[-1]:.3f} / {percentile(times, 0.99):.3f} / {max(times):.3f}"
        cells.append(text if column else f"{text}, {sum(one[1] for one in rounds)} failed")
    cells += [f"{medians[1] / medians[0]:.2f}", goal, "" if met is None else "yes" if met else "no"]
    print("| " + " | ".join(cells) + " |")


def main():
    rounds, binary, etcd, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    etcd = measure([etcd, "--enable-v2"], rounds, folder)
    kvd = measure([binary, "kvd"], rounds, folder)
    print("## When a leader goes\n")
    print(f"Three members on loopback, {rounds} rounds each: seconds until a write to another member succeeds, median / 99th "
          "percentile / worst, and the requests that failed. A client that waits for its answer may wait for the time-out "
          "of a request that was lost; a new request begins every 50 ms beside it.\n")
    print("| | etcd 3.4.23 | kvd | kvd : etcd, medians | goal | met |")
    print("|---|---|---|---|---|---|")
    kill, stop = signal.SIGKILL, signal.SIGTERM
    worst = percentile([gap for gap, _, _ in kvd[kill]], 0.99)
    row("kill -9, a client that waits", etcd[kill], kvd[kill], 0, "99th ≤ 1 s", worst <= 1)
    row("kill -9, new requests", etcd[kill], kvd[kill], 2, "", None)
    row("planned stop, a client that waits", etcd[stop], kvd[stop], 0, "0 failed", all(failed == 0 for _, failed, _ in kvd[stop]))
    row("planned stop, new requests", etcd[stop], kvd[stop], 2, "", None)


main()
