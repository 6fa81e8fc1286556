#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""Write the seeds of tests/fuzz/corpus/: what a real switch says, and made-up
addresses, steps of sessions, transactions and flows.

    tests/fuzz/make_corpus.py

The files are committed.  What fuzzing finds is added to them by hand, as
found-WHAT, and what it has reached by "make fuzz-merge".
"""

import os
import random
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, f"{HERE}/../flows")

from dummy import Switch    # noqa: E402

GOLDEN = f"{HERE}/../flows/golden/foreign.e1.flows"
NICIRA = 0x00002320
ADDRESSES = [
    "1", "0x1", "00000000000000ff", "00:00:00:00:00:00:00:0a", "g", "0",
    "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "127.0.0.1", "224.0.0.1",
    "255.255.255.255", "::", "::1", "aa:00:00:00:00:01", "AA:0:0:0:0:1",
    "01:00:00:00:00:00", "00:00:00:00:00:00", "p1", "a/b", "a=b", "a b",
    "abcdefghijklmnop", "\u00e9", "", "aa:00:00:00:00:01 ",
]


def message(version, kind, body=b"", xid=1):
    return struct.pack("!BBHI", version, kind, 8 + len(body), xid) + body


def read(connection, seconds=0.3):
    """All messages that come within 'seconds'."""
    data, messages = b"", []
    connection.settimeout(seconds)
    try:
        while True:
            data += connection.recv(65536)
            while len(data) >= 4:
                length = struct.unpack("!H", data[2:4])[0]
                if len(data) < length:
                    break
                messages.append(data[:length])
                data = data[length:]
    except TimeoutError:
        return messages


def save(corpus, name, data):
    folder = f"{HERE}/corpus/{corpus}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{name}", "wb") as stream:
        stream.write(data)


def learnable(switch):
    """Frames from stations that are not known, by each kind of way."""
    for flow in (
            "in_port=2,dl_vlan=10,dl_src=aa:00:00:00:00:21,"
            "dl_dst=ff:ff:ff:ff:ff:ff",
            "in_port=1,tun_id=5000,tun_src=192.0.2.1,"
            "dl_src=aa:00:00:00:00:22,dl_dst=ff:ff:ff:ff:ff:ff",
            "in_port=1,tun_id=5000,tun_ipv6_src=2001:db8::1,"
            "dl_src=aa:00:00:00:00:23,dl_dst=ff:ff:ff:ff:ff:ff"):
        switch.trace(flow, "-generate")


def record(switch, version, packet_in_format):
    """What the switch says in 'version'."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{switch.folder}/br0.mgmt")
    connection.sendall(message(version, 0))
    connection.sendall(message(version, 4, struct.pack(
        "!III", NICIRA, 16, packet_in_format)))     # NXT_SET_PACKET_IN_FORMAT
    connection.sendall(message(version, 9, struct.pack("!HH", 0, 128)))
    connection.sendall(message(version, 5))         # Features.
    connection.sendall(message(version, 18, struct.pack(
        "!HHI", 1, 0, 0) + struct.pack(
            "!B3xII4xQQ", 0xff, 0xffffffff, 0xffffffff, 0, 0)
        + struct.pack("!HH4x", 1, 4)))              # Flow statistics.
    messages = read(connection)
    learnable(switch)
    messages += read(connection)
    switch.appctl("time/warp", "2000")
    switch.appctl("time/warp", "400000")
    messages += read(connection)
    connection.close()
    return messages


# What the bytes of a target's input mean is in its source.  Here are just as
# many words of it as it takes to write some.

class Steps:
    """Input of fuzz_session, step by step."""

    OPS = ("answer", "answer_all", "lie", "reply", "say", "raw", "forget",
           "pass_time", "row", "connect", "close", "sight", "ask", "lead",
           "report", "silent")

    def __init__(self, n_truthful):
        self.data = bytes([n_truthful - 1])

    def put(self, op, who=0, *args):
        """'args' are numbers of one byte, or bytes."""
        self.data += bytes([self.OPS.index(op) * 4 + who])
        for arg in args:
            self.data += arg if isinstance(arg, bytes) else bytes([arg])
        return self

    def wait(self, msec):
        return self.put("pass_time", 0, struct.pack("!H", 2 * msec))

    def say(self, op, who, kind, body):
        return self.put(op, who, kind, struct.pack("!H", len(body)), body)

    def answers(self):
        return self.put("answer_all", 0, 15)

    def up(self, version):
        """All three switches are in sync."""
        for who in range(3):
            self.put("connect", who, version)
        return self.answers().answers().wait(500).answers()

    def sight(self, mac, who=0, vlan=10):
        return self.put("sight", who, 0, mac, 3, 0, 2, vlan)

    def probe(self, who, kind, port, source, dpid):
        """A probe comes in at 'port', from one of three sources."""
        return self.put("sight", who, 3, kind | port - 1 << 2 | source << 4,
                        dpid - 1, 4)

    def row(self, table, how, number=0):
        return self.put("row", 0, table, how, struct.pack("!H", number))


def port_status(version, number, name):
    """The body of OFPT_PORT_STATUS, of a port that is live."""
    port = (struct.pack("!I", number)
            + (struct.pack("!HH", 40, 0) if version else bytes(4))
            + b"\xaa\0\0\0\0\7\0\0" + name.ljust(16, b"\0")
            + struct.pack("!II", 0, 4) + (b"" if version else bytes(24)))
    return b"\2" + bytes(7) + port


def flow_removed(cookie, reason, table):
    """The body of OFPT_FLOW_REMOVED in OpenFlow 1.3 and 1.4, with the match
    of the first station of VLAN 10."""
    fields = bytes.fromhex("80000408 0000000000001388 00010004 0002000a"
                           "80000806 aa0000000001")
    return (struct.pack("!QHBBIIHHQQHH", cookie, 100, reason, table, 1, 1, 10,
                        0, 1, 1, 1, 4 + len(fields)) + fields + bytes(6))


def sessions(version):
    """Inputs of fuzz_session, by name."""
    def up():
        return Steps(1 + version).up(version)

    learn = up()
    for mac in range(6):
        learn.sight(mac)
    for _ in range(6):
        learn.wait(30000)
    rows = up()
    for table in range(6):
        for how in 0, 1, 2, 3, 16:
            rows.row(table, how, 30).answers()
    lies = Steps(1).put("connect", 0, version)
    for offset in range(12):
        lies.put("lie", 0, offset, 0, 4, b"\xff\0\1\2")
    def connect(n_answers):
        steps = Steps(1).put("connect", 0, version)
        for _ in range(n_answers):
            steps.put("answer")
        return steps

    def error(steps, kind, code):
        return steps.say("reply", 0, 1, struct.pack("!HHQ", kind, code, 1))

    seen = up().sight(1).sight(2, 0, 20).sight(0x99, 0, 20).answers()
    aged = up().sight(1).sight(2).answers()
    for _ in range(4):
        aged.wait(10500).put("report", 0, 0, 0, 0).answers()
    gone = up().put("close").wait(15)
    for kind in range(4):
        gone.probe(1, kind, 1, 0, 2).probe(1, kind, 4, 1, 1)
    large = connect(4).put("lie", 0, 30, 0, 4, b"\0\1\0\0")
    parts = connect(4).put("lie", 0, 30, 0, 4, b"\0\1\0\0")
    for _ in range(6):
        parts.put("report", 0, 0, 0, 0)
        parts.put("lie", 0, 12, 0, 8, b"\0\0\x40\0" * 2)
    idle, lease = 0x4b48060000001388, 0x4b48080000000000
    slave = struct.pack("!IB3xQ", 3, 0, 9)
    return {
        "up": up(), "learn": learn.answers(), "rows": rows,
        "lies": lies.answers(), "seen": seen, "aged": aged,
        "probes": gone.answers(), "large": large.answers(),
        "parts": parts.answers(),
        "failover": up().sight(1).put("close").wait(15).wait(15).answers()
                        .wait(500).put("connect", 0, version).answers(),
        "report": up().sight(1).sight(2, 1, 20).put("close")
                      .put("connect", 0, version).put("answer").put("answer")
                      .put("answer").put("answer").put("answer")
                      .put("report", 0, 0, 40, 4, b"abcd").answers(),
        "notes": connect(5).put("report", 0, 0, 0, 0x80).answers(),
        "leased": connect(5).put("report", 0, 0, 0, 0x40).answers(),
        "slow": connect(4).wait(50).put("answer").wait(1000).answers(),
        "ask": up().put("ask", 0, 0).put("report", 0, 0, 0, 0).answers()
                   .put("ask", 0, 1),
        "error": error(up().sight(1).row(3, 0, 99), 5, 2).answers()
                 .wait(1000).answers(),
        "stale": error(connect(2), 11, 0).answers(),
        "no-role": error(connect(2), 1, 1).answers(),
        "no-meters": error(connect(3), 1, 1).answers(),
        "no-tables": error(connect(4), 1, 1).answers(),
        "no-flows": error(connect(5), 1, 1).answers().wait(2000).answers(),
        "slave": error(up().sight(1).row(3, 0, 99), 1, 10).answers(),
        "deposed": up().say("say", 0, 30, slave).wait(2000).answers(),
        "lead": up().put("lead", 0, 0).answers().put("lead", 0, 1).answers(),
        "port": up().say("say", 0, 12, port_status(version, 5, b"p9")),
        "no-port": up().say("say", 0, 12,
                            b"\1" + port_status(version, 2, b"p1")[1:]),
        "removed": up().sight(1).say("say", 0, 11, flow_removed(idle, 0, 2)),
        "unleased": up().say("say", 0, 11, flow_removed(lease, 1, 13)),
        "raw": up().put("raw", 0, 0, 8, message(4 + version, 2))
                   .put("raw", 1, 0, 4, b"GET "),
    }


class Rows:
    """Input of fuzz_conf: rows by (table, number)."""

    SEGMENT, EDGE, CLUSTER, BINDING, HOST_PORT, VTEP, STATIC = range(7)

    def __init__(self):
        self.data, self.rows = b"", set()

    def put(self, table, n, *fields):
        kept = b"\0" if (table, n) in self.rows else b""
        self.data += bytes([0, table, n]) + kept + bytes(fields)
        self.rows.add((table, n))

    def delete(self, table, n):
        self.data += bytes([0, table, n, 1])
        self.rows.remove((table, n))

    def step(self, *numbers):
        self.data += bytes(numbers)

    def fill(self):
        """A bit of everything, with ports and active edges."""
        for n in range(3):
            self.put(self.SEGMENT, n, 8 * n, 0, 100)
        for n in range(4):
            self.put(self.EDGE, n, 0)
        for n in range(2):
            self.put(self.CLUSTER, n, 2, 2 * n)
            self.put(self.BINDING, n, 0, n, 0, n)
        self.put(self.HOST_PORT, 0, 0, 3, 0)
        self.put(self.VTEP, 0, 0, 0)
        self.put(self.STATIC, 0, 2, 0, 0, 0, 0)
        self.step(3)
        for n in range(4):
            for port in range(4):
                self.step(4, n, 0x70 | port, port)
        self.step(5, 0, 0, 5, 1, 0, 3)

    def change(self, chance):
        """One step by chance."""
        pick, below = chance.choice, chance.randrange
        table, n = below(7), below(6)
        if below(2):
            self.step(*pick([(3,), (4, below(4), below(128), below(6)),
                             (5, below(2), pick([0, 1, 2, 0x80, 0x81])),
                             (6, below(4), below(3), below(4), below(8))]))
        elif (table, n) in self.rows and not below(4):
            self.delete(table, n)
        else:
            self.put(table, n, *{
                self.SEGMENT: [pick([8 * n, 8 * n + 6]), 0, below(256)],
                self.EDGE: [pick([0, 0, 1, 2, 4, 8, 16, 32, 64]), below(8),
                            below(8)],
                self.CLUSTER: [below(4) | pick([0, 4, 8, 16, 64]), below(6)],
                self.BINDING: [below(4), below(3), below(4), below(4)],
                self.HOST_PORT: [below(4), below(4), below(4)],
                self.VTEP: [below(4), below(7)],
                self.STATIC: [below(8), below(4), below(4), below(4),
                              below(4)],
            }[table])


def flow(chance):
    """For fuzz_delta: a flow of either set, or of both."""
    below = chance.randrange
    sets = 1 + below(7)
    if not below(4):            # Of a MAC.
        return bytes([sets | 8, below(10)] + [0] * 4 + [19, 136 + below(2)]
                     + [0, 2, 0, 10, below(2), 0, 192, 0, 2, 1, 170, below(4)])
    return bytes([sets]) + bytes(
        [below(4) | chance.choice([0, 32, 64]), below(4), below(5), below(14)]
        * (2 if sets % 4 == 3 and sets < 4 else 1))


def made_up():
    """What needs no switch."""
    for i, text in enumerate(ADDRESSES):
        save("addr", f"{i:02}", text.encode())
    for version in range(3):
        for name, steps in sessions(version).items():
            save("session", f"{name}-{version}", steps.data)
    for seed in range(40):
        chance = random.Random(seed)
        rows = Rows()
        rows.fill()
        for _ in range(chance.randrange(10, 100)):
            rows.change(chance)
        save("conf", f"chance{seed:02}", rows.data)
        save("delta", f"chance{seed:02}", bytes([seed, seed // 4])
             + b"".join(flow(chance) for _ in range(seed % 37 + 3)))


def main():
    switch = Switch()
    try:
        for version, form in (4, 0), (4, 2), (5, 1), (6, 0), (6, 1), (6, 2):
            switch.load(GOLDEN)
            stream = b""
            for i, data in enumerate(record(switch, version, form)):
                name = f"of1{version - 1}-{form}-{i:02}-type{data[1]}"
                if data[1] in (4, 10, 11, 19):
                    save("sighting", name, data)
                stream += data
            save("ofconn", f"of1{version - 1}-{form}", stream[:4000])
    finally:
        switch.stop()
    made_up()
    save("ofconn", "short", b"\x06\x00\x00")
    save("ofconn", "impossible", b"\x06\x00\x00\x07\x00\x00\x00\x00")
    save("ofconn", "cut", b"\x06\x00\x00\x10\x00\x00\x00\x00")
    save("sighting", "short", b"\x06\x0a\x00\x08\x00\x00\x00\x00")


if __name__ == "__main__":
    main()
