"""HTTP/1.1 as it is on the wire, so that nothing is cleaned, decoded or retried on the way to a server."""

import select
import socket
import time

DEADLINE = 20  # seconds for an answer: longer than any time-out of the servers


class Answer:
    """Status, headers (lower-case names; the values of a name joined with ", ") and body of one response."""

    def __init__(self, status, headers, body=b""):
        self.status, self.headers, self.body = status, headers, body


def parse_head(text):
    lines = text.split(b"\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        name, value = name.decode().lower(), value.strip().decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Answer(int(lines[0].split(b" ", 2)[1]), headers)


class Connection:
    """One TCP connection and the bytes that have come on it."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def more(self, seconds=DEADLINE):
        """Waits for bytes. False at the end of the connection and when the time is up."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return False
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def take(self, count):
        while len(self.buffer) < count:
            if not self.more():
                raise ConnectionError("the answer ends in its middle")
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def take_to(self, mark):
        while mark not in self.buffer:
            if not self.more():
                raise ConnectionError("the connection ended" if self.buffer else "no answer")
        piece, self.buffer = self.buffer.split(mark, 1)
        return piece

    def take_body(self, answer, method):
        if method == "HEAD" or answer.status in (204, 304):
            return
        if "chunked" in answer.headers.get("transfer-encoding", ""):
            while size := int(self.take_to(b"\r\n"), 16):
                answer.body += self.take(size)
                self.take(2)
            self.take_to(b"\r\n")
        elif "content-length" in answer.headers:
            answer.body = self.take(int(answer.headers["content-length"]))
        else:
            while self.more():
                pass
            answer.body, self.buffer = self.buffer, b""


class Server:
    """A server and the connection to it that is kept. send() and receive() take turns."""

    def __init__(self, url):
        self.url = url
        host, _, port = url.removeprefix("http://").rpartition(":")
        self.address = (host, int(port))
        self.connection = None
        self.sent = b""

    def send(self, raw):
        self.sent = raw
        if self.connection is None:
            self.connection = Connection(self.address)
        try:
            self.connection.socket.sendall(raw)
        except ConnectionError:
            pass  # seen again when the answer is read

    def receive(self, method):
        try:
            return self._receive(method)
        except ConnectionError:
            # A server may close a connection that waited; an answer that was begun would not be asked for again.
            if self.connection and self.connection.buffer:
                raise
            self.connection = None
            self.send(self.sent)
            return self._receive(method)

    def _receive(self, method):
        answer = parse_head(self.connection.take_to(b"\r\n\r\n"))
        self.connection.take_body(answer, method)
        if answer.headers.get("connection", "").lower() == "close":
            self.connection.close()
            self.connection = None
        return answer

    def ask(self, method, target):
        self.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        return self.receive(method)


class Watch:
    """A request that may be answered later or never, on a connection of its own. `lines`: what came so far."""

    def __init__(self, server, raw):
        self.connection = Connection(server.address)
        self.connection.socket.sendall(raw)
        self.head = parse_head(self.connection.take_to(b"\r\n\r\n"))
        self.chunked = "chunked" in self.head.headers.get("transfer-encoding", "")
        self.text = b""
        self.ended = not self.chunked
        if self.ended:
            self.connection.take_body(self.head, "GET")
            self.connection.close()

    def pump(self, seconds=0):
        """Takes in what has come, and waits so long for more when there is nothing."""
        deadline = time.monotonic() + seconds
        while not self.ended:
            if self._take_chunk():
                continue
            if not self.connection.more(max(0, deadline - time.monotonic())):
                return
            deadline = 0

    def _take_chunk(self):
        size_text, mark, rest = self.connection.buffer.partition(b"\r\n")
        if not mark:
            return False
        size = int(size_text, 16)
        if len(rest) < size + 2:
            return False
        self.text += rest[:size]
        self.connection.buffer = rest[size + 2:]
        if size == 0:
            self.close()
        return True

    def close(self):
        self.ended = True
        self.connection.close()

    @property
    def lines(self):
        return self.text.split(b"\n")[:-1]
