"""What is asked: one step, and random sequences of steps from a seed.

Indices are not known when a sequence is made, and change when it is shrunk. So a parameter may be "@-2": the store's
index then, minus 2.
"""

import dataclasses
import random
import re
import shlex
import typing

TRUE = ("1", "t", "T", "true", "TRUE", "True")
FORM = "application/x-www-form-urlencoded"


@dataclasses.dataclass(frozen=True)
class Step:
    method: str
    path: str  # as on the wire
    query: tuple = ()  # "name=value", or anything else that may stand between two "&"
    body: tuple | None = None  # the same; None: no body
    content_type: str | None = FORM
    chunked: bool = False
    origin: bool = False  # as a web page of elsewhere asks

    def first(self, name, moment=None):
        """The value that counts: the body's before the query's. None when it is not given."""
        pieces = (self.body or ()) + self.query if self.method in ("PUT", "POST") else self.query
        for piece in pieces:
            key, _, value = piece.partition("=")
            if key == name:
                return resolve(value, moment) if moment else value
        return None

    def is_watch(self):
        # A quorum read is answered at once, also with wait=true.
        return self.method == "GET" and self.first("wait") in TRUE and self.first("quorum") not in TRUE

    def target(self, moment):
        return self.path + ("?" + resolve("&".join(self.query), moment) if self.query else "")

    def raw(self, moment):
        head = [f"{self.method} {self.target(moment)} HTTP/1.1", "Host: x"]
        body = b"" if self.body is None else resolve("&".join(self.body), moment).encode("latin-1")
        if self.content_type is not None and self.body is not None:
            head.append(f"Content-Type: {self.content_type}")
        if self.origin:
            head.append("Origin: http://elsewhere.invalid")
        if self.chunked:
            head.append("Transfer-Encoding: chunked")
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        elif self.body is not None or self.method in ("PUT", "POST"):
            head.append(f"Content-Length: {len(body)}")
        return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body

    def curl(self, moment):
        words = ["curl", "-si", "--path-as-is", "--globoff"]
        words += ["-I"] if self.method == "HEAD" else ["-X", self.method]
        if self.body is not None:
            words += ["-H", f"Content-Type: {self.content_type}" if self.content_type else "Content-Type;"]
            words += ["--data-binary", resolve("&".join(self.body), moment)]
        if self.origin:
            words += ["-H", "Origin: http://elsewhere.invalid"]
        if self.chunked:
            words += ["-H", "Transfer-Encoding: chunked"]
        text = " ".join(quoted(word) for word in words)
        return f'{text} "$URL"{quoted(self.target(moment))}' + (" &" if self.is_watch() else "")


class Settle:
    """Waits until both servers have removed all that has run out."""

    def curl(self, _moment):
        return "sleep 2"


def quoted(text):
    """For a shell; what is only long is told, not shown."""
    long = re.search(r"v{100,}", text)
    if not long:
        return shlex.quote(text)
    return shlex.quote(text[:long.start()]) + '"$(printf v%.0s {1..' + str(len(long[0])) + '})"' + quoted(text[long.end():])


class Moment(typing.NamedTuple):
    index: int = 0  # of the stores
    first: int = 0  # of the sequence: what was before is not the same in both


def resolve(text, moment):
    return re.sub(r"@([+-]\d+)", lambda match: str(max(moment.first, moment.index + int(match[1]))), text)


NAMES = ["a", "b", "c", "_h", "d", "_"]
ODD_NAMES = ["%2F", "a%20b", "..", ".", "", "x%3Cy", "%ff", "+", "a%2Fb", ";", "%e2%80%a8", "%", "%4", "%zz", "a_", "ab",
             "%2e%2e", "~", "a:b", "'", "%22", "%00", "c%C3%A4"]
VALUES = ["1", "2", "", "hello", "%3Ca%26b%3E", "a+b", "%ff%fe", "%zz", "x;y", "%22q%22", "%01%7f%08%0c", "=", "a=b",
          "%e2%80%a9", "%ED%A0%80", "v" * 3000]
FLAGS = ["true", "false", "1", "0", "t", "f", "T", "F", "yes", "", "TRUE", "True", "tRUE"]
NUMBERS = ["0", "1", "4", "x", "-1", "", "+1", "1.0", "0x4", "99999999999999999999", "@+0", "@+0", "@-1", "@-2"]
LONG_TTLS = ["100", "1000", "", "x", "1.5", "-1", "7000000000", "9300000000", "99999999999999999999"]
AT_ONCE = 18446744073709551615  # wraps to a second ago
SHORT_TTLS = ["1"] * 8 + ["0", str(AT_ONCE)]
CONTENT_TYPES = [None, "", "text/plain", FORM.upper(), FORM + "; charset=utf-8", FORM + ";", FORM + "; charset",
                 FORM + "; a=1; a=2", FORM + '; a="b\\"c"; d=e', FORM + "/x", ";", "a b", "multipart/form-data",
                 "/x", "a/", FORM + " ; =x", "a", FORM + "; a=1; A=1", FORM + '; a="x', "application/json"]
ODD_PIECES = ["novalue", "=x", "", "bad=%z", "a;b", "%zz=1", "%76alue=e", "ttl=500"]
STEMS = ["/v2/keys"] * 60 + ["/v2//keys", "/v2/./keys", "/v2/keysx", "/v2/keys/.", "//v2/keys", "/V2/keys", "/v2/keys/../keys"]


class Generator:
    """One sequence. `expiry`: with keys that run out under way."""

    def __init__(self, seed, expiry):
        self.random = random.Random(seed)
        self.expiry = expiry
        self.recent = ["/v2/keys/a"]

    def sequence(self, length):
        steps = []
        while len(steps) < length:
            step = self.step()
            steps.append(step)
            at_once = isinstance(step, Step) and step.method in ("PUT", "POST") and step.first("ttl") in ("0", str(AT_ONCE))
            if at_once or (self.expiry and len(steps) % 18 == 17):
                steps.append(Settle())
        return steps

    def chance(self, probability):
        return self.random.random() < probability

    def path(self):
        if self.chance(0.35):
            return self.random.choice(self.recent)
        names = NAMES if self.chance(0.93) else ODD_NAMES
        parts = [self.random.choice(names) for _ in range(self.random.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]))]
        path = self.random.choice(STEMS) + "".join("/" + part for part in parts) + ("/" if self.chance(0.03) else "")
        self.recent = self.recent[-3:] + [path]
        return path

    def parameters(self, method):
        pieces = []

        def maybe(probability, name, values):
            if self.chance(probability):
                pieces.append(f"{name}={self.random.choice(values)}")
                if self.chance(0.05):
                    pieces.append(f"{name}={self.random.choice(values)}")

        if method in ("PUT", "POST"):
            maybe(0.75, "value", VALUES)
            maybe(0.5 if self.expiry else 0.1, "ttl", SHORT_TTLS if self.expiry else LONG_TTLS)
            maybe(0.15, "dir", FLAGS)
            conditions = 0.3 if self.expiry else 1
            maybe(0.2 * conditions, "prevExist", FLAGS)
            maybe(0.12 * conditions, "prevValue", VALUES)
            maybe(0.15 * conditions, "prevIndex", NUMBERS)
            maybe(0.08, "refresh", FLAGS)
            maybe(0.06, "noValueOnSuccess", FLAGS)
        elif method == "DELETE":
            maybe(0.3, "dir", FLAGS)
            maybe(0.3, "recursive", FLAGS)
            maybe(0.2, "prevValue", VALUES)
            maybe(0.2, "prevIndex", NUMBERS)
        elif method in ("GET", "HEAD"):
            maybe(0.3, "recursive", FLAGS)
            maybe(0.3, "sorted", FLAGS)
            maybe(0.15, "quorum", FLAGS)
            if method == "GET" and self.chance(0.2):
                pieces.append("wait=true")
                maybe(0.7, "waitIndex", [f"@-{n}" for n in (0, 1, 2, 3, 5, 8, 13)] + ["@+1", "@+2", "@+4"])
                maybe(0.4, "stream", ["true", "false"])
        maybe(0.02, self.random.choice(["wait", "waitIndex", "stream", "sorted", "quorum", "recursive", "dir"]), FLAGS)
        self.random.shuffle(pieces)
        return pieces

    def step(self):
        method = self.random.choices(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "PURGE", "OPTIONS"],
                                     [30, 40, 6, 15, 3, 0.3, 0.3, 0.6])[0]
        query, body = [], []
        for piece in self.parameters(method):
            in_body = method in ("PUT", "POST") and self.chance(0.7) or method == "DELETE" and self.chance(0.03)
            (body if in_body else query).append(piece)
        if self.chance(0.03):
            self.random.choice([query, body]).append(self.random.choice(ODD_PIECES))
        has_body = body or method in ("PUT", "POST") and self.chance(0.9)
        return Step(method, self.path(), tuple(query), tuple(body) if has_body else None,
                    self.random.choice(CONTENT_TYPES) if self.chance(0.05) else FORM,
                    bool(has_body) and self.chance(0.05), self.chance(0.03))
