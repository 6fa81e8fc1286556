#!/usr/bin/python3
# Copyright (c) 2026 The Kakehashi Authors.
# SPDX-License-Identifier: Apache-2.0
"""A switch that lies: it speaks OpenFlow to a controller, and does so badly.

    liar.py [--version 1.5] [--seconds 5] [--list] ADDRESS:PORT DPID MODE

Nothing in here but the bytes themselves: a library would refuse to write most
of them.  An honest switch underneath answers what the controller needs to
make it an edge; each mode is a small class that changes one answer, or says
something nobody asked for, as fast as the controller takes it.  When the
connection ends it connects again, as long as there is time.  The last line is
JSON: how often it connected, and what it sent and received.
"""

import argparse
import itertools
import json
import random
import select
import socket
import struct
import sys
import time

VERSIONS = {"1.3": 4, "1.4": 5, "1.5": 6}
MORE = 1

HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER = 0, 1, 2, 3, 4
FEATURES_REQUEST, FEATURES_REPLY = 5, 6
PACKET_IN, FLOW_REMOVED, PORT_STATUS = 10, 11, 12
MULTIPART_REQUEST, MULTIPART_REPLY = 18, 19
BARRIER_REQUEST, BARRIER_REPLY = 20, 21
ROLE_REQUEST, ROLE_REPLY, ROLE_STATUS = 24, 25, 30
BUNDLE_CONTROL = 33
MP_FLOW, MP_AGGREGATE, MP_TABLE = 1, 2, 3
MP_METER_CONFIG, MP_PORT_DESC = 10, 13
NX_VENDOR, ONF_VENDOR = 0x2320, 0x4f4e4600

OURS = 0x4b48 << 48             # Cookies of the controller's flows.
PORTS = ("genev0", 1), ("vm9", 2)
FULL = 60000                    # Bytes in a message that is to be full.
CHUNK = 256 * 1024              # So much is queued at a time.


def padded(data, unit=8):
    return data + bytes(-len(data) % unit)


class Switch:
    """An honest one, more or less.  Modes override."""

    def __init__(self, version, dpid):
        self.version = version
        self.dpid = dpid
        self.random = random.Random(1)
        self.begin()

    def begin(self):
        """A connection begins."""
        self.xids = itertools.count(0x11000000)

    # ---- Writing ----------------------------------------------------------

    def message(self, kind, body=b"", xid=None, length=None, version=None):
        """A message; its length is true unless 'length' says otherwise."""
        return struct.pack(
            "!BBHI", self.version if version is None else version, kind,
            8 + len(body) if length is None else length,
            next(self.xids) if xid is None else xid) + body

    def multipart(self, kind, body=b"", xid=None, flags=0):
        return self.message(MULTIPART_REPLY, struct.pack(
            "!HHI", kind, flags, 0) + body, xid)

    def error(self, xid, kind, code, data=b""):
        return self.message(ERROR, struct.pack("!HH", kind, code)
                            + data[:64], xid)

    def port(self, name, number, mac=None):
        name = name.encode() if isinstance(name, str) else name
        mac = mac or struct.pack("!HI", 0x0a00, number)
        if self.version >= VERSIONS["1.4"]:
            return struct.pack("!IHH6sH16sII", number, 40, 0, mac, 0,
                               name[:15], 0, 4)
        return struct.pack("!II6sH16sII6I", number, 0, mac, 0, name[:15], 0,
                           4, 0, 0, 0, 0, 0, 0)

    def port_status(self, reason, port):
        return self.message(PORT_STATUS, struct.pack("!B7x", reason) + port)

    def flow(self, number, cookie=OURS):
        """An entry of a flow stats reply, of a flow that drops."""
        match = struct.pack("!HHIQ", 1, 16, 0x80000408, number)
        if self.version >= VERSIONS["1.5"]:
            return struct.pack("!H2xBxHHHHHQ", 48, 0, 1, 0, 0, 0, 0,
                               cookie) + match + struct.pack("!HH4x", 0, 4)
        return struct.pack("!HBxIIHHHHHHQQQ", 64, 0, 0, 0, 1, 0, 0, 0, 0, 0,
                           cookie, 0, 0) + match

    def meter(self, number):
        return struct.pack("!HHIHHII4x", 24, 1, number, 1, 16, 1, 1)

    def packet_in(self, *properties):
        """An NXT_PACKET_IN2 of (type, data) properties."""
        return self.message(EXPERIMENTER, struct.pack(
            "!II", NX_VENDOR, 30) + b"".join(
                padded(struct.pack("!HH", kind, 4 + len(data)) + data)
                for kind, data in properties))

    def fill(self, entry):
        """As many entries as a message holds, of entry(0), entry(1)..."""
        body = b""
        while len(body) < FULL:
            body += entry()
        return body

    # ---- Answering --------------------------------------------------------

    def hello(self):
        return self.message(HELLO, struct.pack("!HHI", 1, 8,
                                               1 << self.version))

    def answer(self, kind, xid, body, whole):
        """What is sent in answer to a message, None if nothing is."""
        if kind == FEATURES_REQUEST:
            return self.features(xid)
        if kind == ECHO_REQUEST:
            return self.message(ECHO_REPLY, body, xid)
        if kind == BARRIER_REQUEST:
            return self.message(BARRIER_REPLY, b"", xid)
        if kind == ROLE_REQUEST:
            return self.role(xid, body)
        if kind == MULTIPART_REQUEST:
            return self.part(struct.unpack_from("!H", body)[0], xid)
        if kind == BUNDLE_CONTROL:
            return self.message(kind, self.bundle(body), xid)
        if (kind == EXPERIMENTER
                and struct.unpack_from("!II", body) == (ONF_VENDOR, 2300)):
            return self.message(kind, body[:8] + self.bundle(body[8:]), xid)
        return None

    def features(self, xid):
        return self.message(FEATURES_REPLY, struct.pack(
            "!QIBBHII", self.dpid, 0, 254, 0, 0, 0x4f, 0), xid)

    def role(self, xid, body):
        return self.message(ROLE_REPLY, body[:16], xid)

    def bundle(self, body):
        number, kind, flags = struct.unpack_from("!IHH", body)
        return struct.pack("!IHH", number, kind + 1, flags)

    def part(self, kind, xid):
        """The answer to a multipart request."""
        if kind == MP_PORT_DESC:
            return self.multipart(kind, b"".join(
                self.port(*port) for port in PORTS), xid)
        if kind == MP_TABLE:
            return self.multipart(kind, struct.pack("!B3xIQQ", 0, 0, 0, 0),
                                  xid)
        return self.multipart(kind, b"", xid)

    # ---- Talking ----------------------------------------------------------

    def say(self):
        """More to send of what nobody has asked for, or None."""
        return None

    reads = True                # What it is sent.
    size = CHUNK                # Bytes that it sends at once, at most.
    stays = True                # Connected, once it has said who it is.


# ---- The lies, one class each ---------------------------------------------

class WrongLengths(Switch):
    """The length in the header is not that of the message."""

    def begin(self):
        super().begin()
        self.lies = 0

    def answer(self, kind, xid, body, whole):
        reply = super().answer(kind, xid, body, whole)
        if reply is None or kind in (FEATURES_REQUEST, ECHO_REQUEST):
            return reply
        self.lies += 1
        lie = self.random.choice([0, 7, 8, len(reply) - 1, len(reply) + 1,
                                  len(reply) + 8, 0xffff])
        return reply[:2] + struct.pack("!H", max(lie, 0)) + reply[4:]


class WrongLengthsInside(Switch):
    """The message is as long as it says, but what is in it is not."""

    def answer(self, kind, xid, body, whole):
        reply = super().answer(kind, xid, body, whole)
        if reply is None or len(reply) < 24 or kind == FEATURES_REQUEST:
            return reply
        at = self.random.randrange(8, len(reply) - 1)
        return (reply[:at] + struct.pack("!H", self.random.getrandbits(16))
                + reply[at + 2:])

    def say(self):
        kind = self.random.choice([PACKET_IN, FLOW_REMOVED, PORT_STATUS,
                                   EXPERIMENTER, MULTIPART_REPLY])
        body = self.random.randbytes(self.random.randrange(80))
        return self.message(kind, body)


class WrongXid(Switch):
    """Every answer is to something else."""

    def answer(self, kind, xid, body, whole):
        if kind != FEATURES_REQUEST:
            xid = (xid + 1) & 0xffffffff
        return super().answer(kind, xid, body, whole)


class Unsolicited(Switch):
    """Answers to what nobody asked."""

    def say(self):
        xid = self.random.randrange(40)
        return b"".join([
            self.features(xid), self.message(BARRIER_REPLY, b"", xid),
            self.message(ECHO_REPLY, b"", xid),
            self.message(ROLE_REPLY, struct.pack("!IIQ", 2, 0, xid), xid),
            self.message(ROLE_REPLY, struct.pack("!IIQ", 0, 0, 1 << 62),
                         xid),
            self.part(MP_PORT_DESC, xid), self.part(MP_METER_CONFIG, xid),
            self.part(MP_TABLE, xid), self.part(MP_FLOW, xid),
            self.message(FLOW_REMOVED, struct.pack(
                "!QHBBIIHHQQHH4x", OURS | 8 << 40, 1, 0, 13, 0, 0, 0, 0, 0, 0,
                1, 4), xid) if self.version < VERSIONS["1.5"] else b"",
            self.message(BUNDLE_CONTROL, struct.pack("!IHH", xid, 5, 3),
                         xid) if self.version > VERSIONS["1.3"] else b"",
        ])


class EndlessMultiparts(Switch):
    """Parts of all that it was asked, in turn, and never the last one."""

    def begin(self):
        super().begin()
        self.asked = {}
        self.numbers = itertools.count()

    def part(self, kind, xid):
        self.asked[xid] = kind
        return None

    def content(self, kind):
        if kind == MP_PORT_DESC:
            return self.fill(lambda: self.port("p%d" % next(self.numbers),
                                               next(self.numbers) % 60000
                                               + 1))
        if kind == MP_METER_CONFIG:
            return self.fill(lambda: self.meter(next(self.numbers)))
        if kind == MP_FLOW:
            return self.fill(lambda: self.flow(next(self.numbers)))
        return b""

    def say(self):
        return b"".join(self.multipart(kind, self.content(kind), xid, MORE)
                        for xid, kind in self.asked.items())


class EndlessFlows(EndlessMultiparts):
    """The same, but only when it is asked for its flows."""

    def part(self, kind, xid):
        return (super().part(kind, xid) if kind == MP_FLOW
                else Switch.part(self, kind, xid))


class EndlessNothing(EndlessMultiparts):
    """Never the last part either, and there is nothing in them."""

    def content(self, kind):
        return b""


class EndlessMeters(EndlessMultiparts):
    """Never the last of its meters."""

    def part(self, kind, xid):
        return (super().part(kind, xid) if kind == MP_METER_CONFIG
                else Switch.part(self, kind, xid))


class MovingPorts(Switch):
    """Its ports have other numbers, and come and go, all the time."""

    def say(self):
        number = self.random.randrange(1, 60000)
        name, _ = self.random.choice(PORTS)
        return b"".join(self.port_status(reason, self.port(name, number))
                        for reason in (0, 2, 1, 0))


class MillionPorts(Switch):
    """More ports than there can be."""

    def begin(self):
        super().begin()
        self.numbers = itertools.count()
        self.told = False

    def next_port(self):
        number = next(self.numbers)
        return self.port("x%d" % number, number % 65279 + 1)

    def part(self, kind, xid):
        if kind != MP_PORT_DESC:
            return super().part(kind, xid)
        parts = [self.multipart(kind, b"".join(
            self.port(*port) for port in PORTS), xid, MORE)]
        while next(self.numbers) < 1000000:
            parts.append(self.multipart(kind, self.fill(self.next_port), xid,
                                        MORE))
        parts.append(self.multipart(kind, b"", xid))
        self.told = True
        return b"".join(parts)

    def say(self):
        return self.port_status(0, self.next_port()) if self.told else None


class OddNames(Switch):
    """Names of ports that are none."""

    def say(self):
        name = self.random.choice([
            b"", b"\xff\xfe\x80", b"a\nb", b"\x1b[2J", b'"\\', b"%s%n",
            self.random.randbytes(15)])
        return self.port_status(0, self.port(
            name, self.random.randrange(3, 200)))


class Errors(Switch):
    """An error in answer to everything."""

    def answer(self, kind, xid, body, whole):
        if kind in (HELLO, FEATURES_REQUEST, ECHO_REQUEST, ECHO_REPLY):
            return super().answer(kind, xid, body, whole)
        return self.error(xid, self.random.randrange(1, 15),
                          self.random.randrange(6), whole)


class OneByte(Switch):
    """Byte by byte."""

    size = 1

    def say(self):
        return self.message(ECHO_REQUEST, b"abc")


class Huge(Switch):
    """Messages as long as can be."""

    def say(self):
        kind = self.random.choice([ECHO_REQUEST, ECHO_REPLY, EXPERIMENTER])
        body = bytes(65527)
        if kind == EXPERIMENTER:
            body = struct.pack("!II", NX_VENDOR, 30) + struct.pack(
                "!HH", 0, 65519 - 3) + bytes(65519 - 4)
        return self.message(kind, body)


class HelloStorm(Switch):
    """It never stops to say hello."""

    def say(self):
        return self.hello() * 100


class Roles(Switch):
    """Whatever it is told about roles, it disagrees."""

    def begin(self):
        super().begin()
        self.generation = self.random.choice([1 << 40, (1 << 62) - 1,
                                              1 << 63, (1 << 64) - 1])

    def role(self, xid, body):
        role, = struct.unpack_from("!I", body)
        if role == 0:
            return self.message(ROLE_REPLY, struct.pack(
                "!IIQ", 3, 0, self.generation), xid)
        return self.error(xid, 11, self.random.randrange(3))

    def answer(self, kind, xid, body, whole):
        if kind == MULTIPART_REQUEST or kind == BARRIER_REQUEST:
            if self.random.random() < .3:
                return self.error(xid, 1, 10, whole)    # Is a slave.
        return super().answer(kind, xid, body, whole)

    def say(self):
        if self.version == VERSIONS["1.3"]:
            return None
        return self.message(ROLE_STATUS, struct.pack(
            "!IB3xQ", 3, 0, self.generation))


class PacketIns(Switch):
    """Packet-ins: garbage, and what only looks as if it were none."""

    def frame(self):
        return (b"\xff" * 6 + b"\x06" + self.random.randbytes(5)
                + b"\x08\x06" + self.random.randbytes(46))

    def plausible(self, slot=2 << 16):
        """A frame of the segment with VNI 5001, from port 2 if that is it."""
        fields = struct.pack("!IIIQII", 0x80000004, slot >> 16, 0x80000408,
                             5001, 0x00010004, slot)
        return self.packet_in((0, self.frame()), (3, b"\x03"), (5, b"\x01"),
                              (6, fields))

    def say(self):
        rnd = self.random
        return b"".join([
            self.plausible(rnd.choice([0, 1 << 16, 2 << 16, 3 << 16, 5])),
            self.packet_in((0, rnd.randbytes(rnd.randrange(60))),
                           (3, rnd.randbytes(1)),
                           (6, rnd.randbytes(rnd.randrange(40)))),
            self.packet_in(*[(rnd.randrange(12),
                              rnd.randbytes(rnd.randrange(20)))
                             for _ in range(rnd.randrange(9))]),
            self.plausible()[:8] + rnd.randbytes(32)
            if rnd.random() < .0001 else b"",
        ])


class MacStorm(PacketIns):
    """It sees one MAC after the other, each for the first time."""

    def say(self):
        return b"".join(self.plausible() for _ in range(20))


class Deaf(Switch):
    """It asks and asks, and does not read the answers."""

    def begin(self):
        super().begin()
        self.started = time.monotonic()

    @property
    def reads(self):
        return time.monotonic() - self.started < 1

    def say(self):
        return None if self.reads else self.message(ECHO_REQUEST,
                                                    bytes(32000))


class Fickle(Switch):
    """It comes, says who it is, and goes."""

    stays = False


class Silent(Switch):
    """It says who it is, and nothing more, but for echoes."""

    def answer(self, kind, xid, body, whole):
        if kind in (FEATURES_REQUEST, ECHO_REQUEST):
            return super().answer(kind, xid, body, whole)
        return None


class Mute(Switch):
    """It says who it is, and nothing more."""

    def answer(self, kind, xid, body, whole):
        if kind == FEATURES_REQUEST:
            return super().answer(kind, xid, body, whole)
        return None


class Honest(Switch):
    """It does not lie."""


def modes():
    """{name: class} of all modes, in the order of this file."""
    found = {}
    for name, value in list(globals().items()):
        if (isinstance(value, type) and issubclass(value, Switch)
                and value is not Switch):
            found["".join("_" + c.lower() if c.isupper() else c
                          for c in name).lstrip("_")] = value
    return found


# ---- Connections ----------------------------------------------------------

class Session:
    """One connection of a switch."""

    def __init__(self, switch, address, counts):
        self.switch = switch
        self.counts = counts
        self.sock = socket.create_connection(address, timeout=5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.received = b""
        self.known = False
        switch.begin()
        self.queue = switch.hello()

    def run(self, until):
        """Until it ends, or the time has come."""
        while time.monotonic() < until:
            if self.known and not self.switch.stays and not self.queue:
                break
            if self.known and len(self.queue) < self.switch.size:
                self.talk()
            readers = [self.sock] if self.switch.reads else []
            writers = [self.sock] if self.queue else []
            can_read, can_write, _ = select.select(readers, writers, [], .05)
            if can_read:
                self.read()
            if can_write:
                n = self.sock.send(self.queue[:self.switch.size])
                self.queue = self.queue[n:]
                self.counts["bytes"] += n
        self.sock.close()

    def talk(self):
        pieces, size = [], 0
        while size < self.switch.size:
            piece = self.switch.say()
            if not piece:
                break
            pieces.append(piece)
            size += len(piece)
        self.queue += b"".join(pieces)

    def read(self):
        data = self.sock.recv(CHUNK)
        if not data:
            raise ConnectionError("closed")
        self.received += data
        at = 0
        while len(self.received) - at >= 8:
            _, kind, length, xid = struct.unpack_from("!BBHI", self.received,
                                                      at)
            if len(self.received) - at < length:
                break
            whole = self.received[at:at + length]
            at += length
            self.counts["received"] += 1
            self.queue += self.switch.answer(kind, xid, whole[8:],
                                             whole) or b""
            self.known |= kind == FEATURES_REQUEST
        self.received = self.received[at:]


def lie(switch, address, seconds):
    """Connect again and again; the counts."""
    until = time.monotonic() + seconds
    counts = {"sessions": 0, "refused": 0, "cut": 0, "bytes": 0,
              "received": 0}
    while time.monotonic() < until:
        try:
            session = Session(switch, address, counts)
        except OSError:
            counts["refused"] += 1
            time.sleep(.01)
            continue
        counts["sessions"] += 1
        try:
            session.run(until)
        except OSError:
            counts["cut"] += 1
            session.sock.close()
    return counts


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=VERSIONS, default="1.5")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("address", nargs="?")
    parser.add_argument("dpid", nargs="?")
    parser.add_argument("mode", nargs="?", choices=modes())
    args = parser.parse_args()
    if args.list or not args.mode:
        for name, mode in modes().items():
            print(f"{name:22} {mode.__doc__}")
        return 0
    host, port = args.address.rsplit(":", 1)
    switch = modes()[args.mode](VERSIONS[args.version], int(args.dpid, 16))
    print(json.dumps(lie(switch, (host, int(port)), args.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
