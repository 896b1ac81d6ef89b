#!/usr/bin/env python3
"""Answers calls that filters with SCMP_ACT_NOTIFY report (seccomp_unotify(2)), for tests of oci-runtime.

usage: seccomp_agent.py SOCKET STATES LOG

Listens on SOCKET. Of each connection one message is taken: its text, the container process state, becomes a line of
STATES, and its descriptor is served by a thread: mkdir* fail with errno 71 (EPROTO), all other calls go on. Each is a
line "PID NUMBER" in LOG.
"""
import array
import fcntl
import os
import socket
import struct
import sys
import threading

EPROTO = 71
MKDIR = {83, 258} if os.uname().machine == "x86_64" else {34}
CONTINUE = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
# struct seccomp_notif: id, pid, flags, seccomp_data (nr, arch, instruction pointer, six arguments).
NOTIFICATION = struct.Struct("=QII iIQ6Q")
RESPONSE = struct.Struct("=QqiI")  # id, val, error, flags


def ioctl_number(direction, number, size):
    return direction << 30 | size << 16 | ord("!") << 8 | number


RECEIVE = ioctl_number(3, 0, NOTIFICATION.size)
SEND = ioctl_number(3, 1, RESPONSE.size)


def serve(listener, log):
    while True:
        notification = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, RECEIVE, notification)
        except OSError:
            return  # nobody has the filter any more
        identifier, pid, _, number, *_ = NOTIFICATION.unpack(notification)
        log.write(f"{pid} {number}\n")
        if number in MKDIR:
            response = RESPONSE.pack(identifier, 0, -EPROTO, 0)
        else:
            response = RESPONSE.pack(identifier, 0, 0, CONTINUE)
        try:
            fcntl.ioctl(listener, SEND, bytearray(response))
        except OSError:
            pass  # the caller was killed meanwhile


def main(path, states, log_path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    sock.listen(8)
    log = open(log_path, "w", buffering=1)
    while True:
        connection, _ = sock.accept()
        text, ancillary, _, _ = connection.recvmsg(1 << 20, socket.CMSG_SPACE(struct.calcsize("i") * 4))
        listeners = array.array("i")
        for _, _, data in ancillary:
            listeners.frombytes(data)
        with open(states, "ab") as out:
            out.write(text + b"\n")
        for listener in listeners:
            threading.Thread(target=serve, args=(listener, log), daemon=True).start()


main(*sys.argv[1:])
