#!/usr/bin/env python3
"""Terminals for tests of the runtime.

terminal.py receive SOCKET
    Listens there, takes the terminal that is sent, prints its name, then copies its output to ours and our input to it
    until the last process in the container has closed it.

terminal.py drive ROWSxCOLUMNS STEP... -- COMMAND...
    Runs the command on a terminal of its own, step by step: "expect TEXT" waits for it in the output, "send TEXT" types,
    "resize ROWSxCOLUMNS", "signal NUMBER", "sane" and "raw" check the terminal's mode. Prints all output; exits with
    the command's code, or 99 when a step fails or the terminal's settings are not what they were before.
"""
import array
import fcntl
import os
import re
import select
import signal
import socket
import struct
import sys
import termios
import time

STEP_SECONDS = 20


def receive(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1)
    connection, _ = listener.accept()
    name, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
    terminal = array.array("i", ancillary[0][2][:4])[0]
    print(name.decode(), flush=True)
    sources = [terminal, 0]
    while True:
        for source in select.select(sources, [], [])[0]:
            try:
                data = os.read(source, 4096)
            except OSError:
                data = b""
            if source == terminal:
                if not data:
                    return 0
                os.write(1, data)
            elif data:
                os.write(terminal, data)
            else:
                sources.remove(0)


class Drive:
    def __init__(self, size, command):
        self.master, self.slave = os.openpty()
        self.resize(size)
        self.before = termios.tcgetattr(self.slave)
        self.output = b""
        self.seen = 0
        self.child = os.fork()
        if self.child == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for number in range(3):
                os.dup2(self.slave, number)
            os.execvp(command[0], command)

    def resize(self, size):
        rows, columns = map(int, size.split("x"))
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        self.output += os.read(self.master, 4096)
        return True

    def expect(self, text):
        end = time.monotonic() + STEP_SECONDS
        while True:
            found = self.output.find(text.encode(), self.seen)
            if found >= 0:
                self.seen = found + len(text)
                return True
            if time.monotonic() > end or (not self.read(0.2) and self.ended()):
                return False

    def ended(self):
        return os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def step(self, step):
        verb, _, text = step.partition(" ")
        text = text.encode().decode("unicode_escape")
        local = termios.tcgetattr(self.slave)[3]
        match verb:
            case "expect":
                return self.expect(text)
            case "send":
                os.write(self.master, text.encode("latin-1"))
            case "resize":
                self.resize(text)
                os.kill(self.child, signal.SIGWINCH)
            case "signal":
                os.kill(self.child, int(text))
            case "sane":
                return bool(local & termios.ICANON)
            case "raw":
                return not local & termios.ICANON
            case _:
                raise ValueError(step)
        return True

    def finish(self):
        end = time.monotonic() + STEP_SECONDS
        while not self.ended():
            self.read(0.05)
            if time.monotonic() > end:
                os.kill(self.child, signal.SIGKILL)
        while self.read(0):
            pass
        _, status = os.waitpid(self.child, 0)
        return os.waitstatus_to_exitcode(status)


def drive(arguments):
    split = arguments.index("--")
    run = Drive(arguments[0], arguments[split + 1 :])
    failed = next((step for step in arguments[1:split] if not run.step(step)), None)
    if failed:
        os.kill(run.child, signal.SIGKILL)
    code = run.finish()
    sys.stdout.write(re.sub("\r", "", run.output.decode(errors="replace")))
    if failed:
        print(f"step failed: {failed}", file=sys.stderr)
        return 99
    if termios.tcgetattr(run.slave) != run.before:
        print("the terminal is not as it was", file=sys.stderr)
        return 99
    return code


def main():
    if sys.argv[1] == "receive":
        return receive(sys.argv[2])
    return drive(sys.argv[2:])


sys.exit(main())
