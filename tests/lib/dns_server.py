"""A DNS server for tests: `dns_server.py PORT RECORD...` answers on 127.0.0.1 over UDP with the records

  NAME A ADDRESS
  NAME SRV PRIORITY WEIGHT PORT TARGET

and NXDOMAIN for other names (RFC 1035, RFC 2782). It runs until it is ended.
"""

import socket
import struct
import sys

TYPES = {"A": 1, "SRV": 33}


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def wire_data(kind, words):
    if kind == "A":
        return socket.inet_aton(words[0])
    return struct.pack("!HHH", *map(int, words[:3])) + wire_name(words[3])


def read_question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack("!H", query[at + 1 : at + 3])[0], query[12 : at + 5]


def answer(query, records):
    name, kind, question = read_question(query)
    known = [record for record in records if record[0] == name]
    fitting = [record for record in known if record[1] == kind]
    reply = query[:2] + struct.pack("!HHHHH", 0x8580 if known else 0x8583, 1, len(fitting), 0, 0) + question
    for _, _, data in fitting:
        reply += struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(data)) + data
    return reply


def main():
    records = []
    for line in sys.argv[2:]:
        name, kind, *words = line.split()
        records.append((name.lower(), TYPES[kind], wire_data(kind, words)))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    while True:
        query, client = server.recvfrom(1500)
        server.sendto(answer(query, records), client)


main()
